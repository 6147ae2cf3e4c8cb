// Jobs: what a device's dispatcher runs, in the order of the calls.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "model/model.h"

namespace adaptune {

// Shared by a caller and the jobs that it passes the token to.
struct Token {
  std::atomic<bool> cancelled{false};
  std::atomic<uint64_t> progress{0};  // layers done
};

// A job owns native data only. Its first call is work(), then done() exactly once, both on the dispatcher
// thread.
class Job {
 public:
  virtual ~Job() = default;
  virtual void work(const Engine& engine) = 0;  // may throw
  // Hands the job over with its outcome: null or what work() threw, which it may take (E_ABORTED without
  // work() when cancelled before).
  virtual void done(std::unique_ptr<Job> self, Error* error) noexcept = 0;

  std::shared_ptr<Token> token;                        // or null
  std::shared_ptr<const std::atomic<bool>> abandoned;  // set when nobody waits any more; or null

  bool cancelled() const {
    return (token && token->cancelled.load(std::memory_order_relaxed)) ||
           (abandoned && abandoned->load(std::memory_order_relaxed));
  }
};

// First in, first out; one consumer.
class JobQueue {
 public:
  void push(std::unique_ptr<Job> job);  // throws E_CLOSED after close()
  std::unique_ptr<Job> pop();           // waits; null when closed and empty
  void close() noexcept;                // what is queued still runs

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool closed_ = false;
};

}  // namespace adaptune
