#include "runtime/job.h"

#include <utility>

namespace adaptune {

void JobQueue::push(std::unique_ptr<Job> job) {
  const std::lock_guard lock(mutex_);
  ADAPTUNE_CHECK(!closed_, E_CLOSED, "expected an open device but it was closed");
  jobs_.push_back(std::move(job));
  filled_.notify_one();
}

std::unique_ptr<Job> JobQueue::pop() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
  if (jobs_.empty()) return nullptr;
  std::unique_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

void JobQueue::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  filled_.notify_one();
}

}  // namespace adaptune
