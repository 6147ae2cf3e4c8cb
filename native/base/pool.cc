// One 64-bit ticket hands out the work: the run's number in the high half, the next index in the low half. A
// worker claims by compare-and-swap, so one that wakes late, after its run ended, can never take an index of
// another run. run() returns when all indices are done, not when all workers woke: a descheduled worker
// delays nobody.
//
// Waiting threads spin only while there are processors for all threads at work, those of other pools too: a
// thread that spins would take the time of one that has work.
#include "base/pool.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/cpu_features.h"
#include "base/error.h"
#include "base/os.h"

namespace adaptune {
namespace {

constexpr int kMaxThreads = 256;
constexpr uint32_t kClosed = 0xFFFFFFFFu;  // index half of a ticket while a run is being set up
// A pause takes 40 to 140 cycles: 1,000 of them bridge the 10 to 50 us between the ops of a step.
constexpr int kSpins = 1000;

// Threads of the pools that are at work. Constant-initialised, trivially destroyed.
std::atomic<int> at_work{0};

uint64_t ticket_of(uint32_t number, uint32_t index) { return static_cast<uint64_t>(number) << 32 | index; }
uint32_t number_of(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }
uint32_t index_of(uint64_t ticket) { return static_cast<uint32_t>(ticket); }

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

struct ThreadPool::State {
  alignas(64) std::atomic<uint64_t> ticket{kClosed};
  alignas(64) std::atomic<int64_t> done{0};
  // The run: written between kClosed and the opening of a ticket. Release and acquire on each: a worker that
  // sees a value of the next run also sees that its ticket is void.
  alignas(64) std::atomic<int64_t> count{0};
  std::atomic<Task> task{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<bool> failed{false};

  std::atomic<int> sleepers{0};
  std::atomic<bool> waiting{false}, stop{false};
  std::atomic<int> mine{0};  // of `at_work`
  int spare = 0;             // processors that this pool has no thread for
  std::mutex mutex;
  std::condition_variable wake, finished;
  std::exception_ptr error;  // the first, guarded by mutex
  std::vector<std::thread> workers;

  void work(int worker);
  void loop(int worker);
  void join();
  // Pauses until ready() holds or longer waiting is dear.
  template <class Ready>
  void spin(const Ready& ready) const {
    for (int i = 0; i < kSpins && at_work.load() - mine.load() <= spare && !ready(); ++i) pause();
  }
};

// Claims and runs indices until the current run has none left.
void ThreadPool::State::work(int worker) {
  uint64_t now = ticket.load(std::memory_order_acquire);
  for (;;) {
    const int64_t total = count.load(std::memory_order_acquire);
    const Task call = task.load(std::memory_order_acquire);
    void* const data = context.load(std::memory_order_acquire);
    if (index_of(now) == kClosed || index_of(now) >= total) return;
    if (!ticket.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    if (!failed.load(std::memory_order_relaxed)) {
      try {
        call(data, index_of(now), worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        failed.store(true, std::memory_order_relaxed);
      }
    }
    if (done.fetch_add(1) + 1 == total && waiting.load()) {
      const std::lock_guard lock(mutex);
      finished.notify_one();
    }
    now = ticket.load(std::memory_order_acquire);
  }
}

void ThreadPool::State::loop(int worker) {
  enter_thread("adaptune-pool");
  flush_denormals();
  uint32_t seen = 0;
  const auto idle = [&] { return number_of(ticket.load()) == seen && !stop.load(); };
  for (;;) {
    spin([&] { return !idle(); });
    if (idle()) {
      std::unique_lock lock(mutex);
      sleepers.fetch_add(1);  // before the last look at the ticket: run() looks the other way round
      wake.wait(lock, [&] { return !idle(); });
      sleepers.fetch_sub(1);
    }
    if (stop.load()) return;
    seen = number_of(ticket.load(std::memory_order_acquire));
    work(worker);
  }
}

void ThreadPool::State::join() {
  stop.store(true);
  {
    const std::lock_guard lock(mutex);
    wake.notify_all();
  }
  for (std::thread& worker : workers) worker.join();
}

ThreadPool::ThreadPool(int threads) : threads_(threads), state_(nullptr) {
  ADAPTUNE_CHECK(threads >= 1 && threads <= kMaxThreads, E_ARGUMENT,
                 "expected 1 to %d threads but received %d", kMaxThreads, threads);
  auto state = std::make_unique<State>();
  state->spare = usable_cpus() - threads;
  state->workers.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int worker = 1; worker < threads; ++worker) {
      state->workers.emplace_back([raw = state.get(), worker] { raw->loop(worker); });
    }
  } catch (const std::exception& error) {
    state->join();
    fail(Code::E_MEMORY, "expected %d threads, and the system refused one: %s", threads, error.what());
  }
  state_ = state.release();
}

ThreadPool::~ThreadPool() {
  state_->join();
  delete state_;
}

ThreadPool::AtWork::AtWork(ThreadPool& pool) : pool_(pool) {
  pool.state_->mine.store(pool.threads_);
  at_work.fetch_add(pool.threads_);
}

ThreadPool::AtWork::~AtWork() {
  at_work.fetch_sub(pool_.threads_);
  pool_.state_->mine.store(0);
}

void ThreadPool::run(int64_t count, Task task, void* context) {
  if (count <= 0) return;
  if (threads_ == 1 || count == 1) {
    for (int64_t index = 0; index < count; ++index) task(context, index, 0);
    return;
  }
  ADAPTUNE_CHECK(count < kClosed, E_INTERNAL, "expected fewer than 2^32 tasks");
  State& state = *state_;
  const uint32_t last = number_of(state.ticket.load(std::memory_order_relaxed));
  state.ticket.store(ticket_of(last, kClosed));
  state.done.store(0);
  state.failed.store(false, std::memory_order_relaxed);
  state.count.store(count, std::memory_order_release);
  state.task.store(task, std::memory_order_release);
  state.context.store(context, std::memory_order_release);
  state.ticket.store(ticket_of(last + 1, 0));
  if (state.sleepers.load() > 0) {
    const std::lock_guard lock(state.mutex);
    state.wake.notify_all();
  }
  state.work(0);
  const auto complete = [&] { return state.done.load(std::memory_order_acquire) == count; };
  state.spin(complete);
  if (!complete()) {
    std::unique_lock lock(state.mutex);
    state.waiting.store(true);  // before the last look at done: work() looks the other way round
    state.finished.wait(lock, [&] { return state.done.load() == count; });
    state.waiting.store(false);
  }
  if (state.failed.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(state.mutex);
    std::rethrow_exception(std::exchange(state.error, nullptr));
  }
}

}  // namespace adaptune
