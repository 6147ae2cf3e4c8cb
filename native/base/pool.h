// Own thread pool: workers spin shortly where there are processors for all, then park. The calling thread
// works too, so size() == 1 starts no thread. Never splits work in a way that changes results: a task is an
// index, and results may depend on the index alone.
#pragma once
#include <cstdint>
#include <type_traits>

namespace adaptune {

class ThreadPool {
 public:
  using Task = void (*)(void* context, int64_t index, int worker);

  explicit ThreadPool(int threads);  // throws E_ARGUMENT unless 1 <= threads <= 256
  ~ThreadPool();                     // joins
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return threads_; }
  // Runs task for every index in [0, count), each once, in any order, on any worker (0 is the caller);
  // returns when all are done. An Error thrown by a task is rethrown here once all workers stopped. Not
  // re-entrant.
  void run(int64_t count, Task task, void* context);

  template <class F>
  void parallel(int64_t count, F&& body) {
    using Body = std::remove_reference_t<F>;
    run(
        count,
        [](void* context, int64_t index, int worker) { (*static_cast<Body*>(context))(index, worker); },
        &body);
  }

  // While one lives, other pools' threads know that this pool's may all have work. For runs that follow each
  // other closely.
  class AtWork {
   public:
    explicit AtWork(ThreadPool& pool);
    ~AtWork();
    AtWork(const AtWork&) = delete;
    AtWork& operator=(const AtWork&) = delete;

   private:
    ThreadPool& pool_;
  };

 private:
  struct State;  // threads, counters, condition variable
  int threads_;
  State* state_;
};

}  // namespace adaptune
