// A device: ops, thread pool, scratch memory and one dispatcher thread that runs jobs one after another. The
// only room that names backends.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/job.h"

namespace adaptune {

// Instruction sets that can run here, best last; "ref" always can.
std::vector<std::string> available_isas();

// The dispatcher thread outlives the Device: it ends by itself once the queue is closed and empty, and frees
// pool and memory then. At process exit it is left running on purpose, with nothing of it destroyed under its
// feet.
class Device {
 public:
  // Throws E_DEVICE (isa unknown or not available here), E_ARGUMENT (threads), E_MEMORY.
  static std::shared_ptr<Device> open(int threads, const std::string& isa);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void submit(std::unique_ptr<Job> job);  // throws E_CLOSED
  // Runs work on the dispatcher after what is queued and waits for it; rethrows its Error. For short calls
  // that must not run beside a job. Never call it from a job.
  void run(const std::function<void(const Engine&)>& work);
  void close() noexcept;  // queued jobs still run; idempotent

 private:
  struct State;
  explicit Device(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with the dispatcher
};

}  // namespace adaptune
