#include "runtime/device.h"

#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "base/cpu_features.h"
#include "base/os.h"
#include "cpu/cpu.h"
#include "ops/check.h"

namespace adaptune {
namespace {

constexpr const char* kIsas[] = {"scalar", "avx2", "avx512"};  // best last

CpuBackend find_backend(const std::string& isa) {
  if (isa == "ref") return {&kRefOps, nullptr};
  for (const char* name : kIsas) {
    if (isa == name) return cpu_backend(name);
  }
  return {nullptr, nullptr};
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names{"ref"};
  for (const char* name : kIsas) {
    if (cpu_backend(name).ops != nullptr) names.emplace_back(name);
  }
  return names;
}

struct Device::State {
  State(int threads, const CpuBackend& backend) : pool(threads), checked{backend.ops, backend.backend} {
    engine = {backend.ops, {&pool, &scratch, backend.backend}, &activations, &monitor};
    // For tests and debugging: every op's arguments are checked first.
    if (std::getenv("ADAPTUNE_CHECK_OPS")) engine.ops = &kCheckedOps, engine.context.backend = &checked;
  }
  JobQueue queue;
  ThreadPool pool;
  Arena scratch, activations;
  const Checked checked;
  const Job* running = nullptr;
  // The model calls these between layers, on the dispatcher.
  const Monitor monitor{[](void* data) { return static_cast<State*>(data)->running->cancelled(); },
                        [](void* data) {
                          const std::shared_ptr<Token>& token = static_cast<State*>(data)->running->token;
                          if (token) token->progress.fetch_add(1, std::memory_order_relaxed);
                        },
                        this};
  Engine engine{};

  void dispatch();
  std::optional<Error> attempt(Job& job);
};

std::optional<Error> Device::State::attempt(Job& job) {
  running = &job;
  std::optional<Error> error;
  const ThreadPool::AtWork at_work(pool);
  try {
    if (job.cancelled()) fail(Code::E_ABORTED, "cancelled before it began");
    job.work(engine);
  } catch (...) {
    error = current_error();
  }
  running = nullptr;
  try {
    scratch.reset();  // of whatever a failed op left; chunks become one
  } catch (...) {
    // Too little memory for the one: it is empty, and the next op takes what it needs.
  }
  return error;
}

void Device::State::dispatch() {
  enter_thread("adaptune-device");
  flush_denormals();
  while (std::unique_ptr<Job> job = queue.pop()) {
    std::optional<Error> error = attempt(*job);
    Job* const raw = job.get();
    raw->done(std::move(job), error ? &*error : nullptr);
  }
}

std::shared_ptr<Device> Device::open(int threads, const std::string& isa) {
  const CpuBackend backend = find_backend(isa);
  ADAPTUNE_CHECK(backend.ops != nullptr, E_DEVICE,
                 "expected an instruction set of this machine but received %.40s", isa.c_str());
  auto state = std::make_shared<State>(threads, backend);
  try {
    std::thread([state] { state->dispatch(); }).detach();
  } catch (const std::exception& error) {
    fail(Code::E_MEMORY, "expected a dispatcher thread, and the system refused it: %s", error.what());
  }
  return std::shared_ptr<Device>(new Device(std::move(state)));
}

Device::~Device() { close(); }

void Device::submit(std::unique_ptr<Job> job) { state_->queue.push(std::move(job)); }

void Device::run(const std::function<void(const Engine&)>& work) {
  struct Call : Job {
    const std::function<void(const Engine&)>* body = nullptr;
    struct Outcome {
      std::mutex mutex;
      std::condition_variable ready;
      bool finished = false;
      std::optional<Error> error;
    }* outcome = nullptr;
    void work(const Engine& engine) override { (*body)(engine); }
    void done(std::unique_ptr<Job>, Error* error) noexcept override {
      const std::lock_guard lock(outcome->mutex);
      if (error) outcome->error = std::move(*error);
      outcome->finished = true;
      outcome->ready.notify_one();
    }
  };
  Call::Outcome outcome;
  auto call = std::make_unique<Call>();
  call->body = &work, call->outcome = &outcome;
  submit(std::move(call));
  std::unique_lock lock(outcome.mutex);
  outcome.ready.wait(lock, [&] { return outcome.finished; });
  if (outcome.error) throw *outcome.error;
}

void Device::close() noexcept { state_->queue.close(); }

}  // namespace adaptune
