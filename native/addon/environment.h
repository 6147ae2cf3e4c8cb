// One per JavaScript environment (main thread, each Worker): promises of running jobs and the one thread-safe
// function that settles them.
//
// Node tears an environment down while jobs of it run. A thread-safe function must not be called from then
// on, and a check beforehand would race; so both the call and the teardown hook hold `mutex_`, and jobs that
// finish later free themselves. Jobs of a dead environment count as cancelled.
#pragma once
#include <node_api.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "addon/js.h"
#include "runtime/device.h"

namespace adaptune {

class Environment;

// A job whose outcome settles a promise.
class PromiseJob : public Job {
 public:
  void done(std::unique_ptr<Job> self, Error* error) noexcept final;

 protected:
  virtual void forget() noexcept = 0;           // releases what work() used, on the dispatcher
  virtual napi_value result(napi_env env) = 0;  // on the JavaScript thread

 private:
  friend class Environment;
  std::shared_ptr<Environment> environment_;
  napi_deferred deferred_ = nullptr;
  std::optional<Error> error_;
};

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  static void install(napi_env env);
  static Environment& of(napi_env env);

  // JavaScript thread: starts the job and returns its promise. Throws E_CLOSED.
  napi_value submit(Device& device, std::unique_ptr<PromiseJob> job);
  // Any thread: hands a finished job to the JavaScript thread.
  void deliver(std::unique_ptr<PromiseJob> job) noexcept;

 private:
  static void teardown(void* data);
  static void settle(napi_env env, napi_value, void* context, void* data);

  napi_env env_ = nullptr;
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;  // guarded by mutex_; null once the environment goes
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  int pending_ = 0;  // JavaScript thread only; the event loop stays alive while it is not 0
};

// work(engine) -> Result on the dispatcher; convert(env, result) -> napi_value on the JavaScript thread.
template <class Work, class Convert>
class Task final : public PromiseJob {
 public:
  Task(Work work, Convert convert) : work_(std::move(work)), convert_(std::move(convert)) {}
  void work(const Engine& engine) override { result_.emplace((*work_)(engine)); }
  void forget() noexcept override { work_.reset(); }
  napi_value result(napi_env env) override { return convert_(env, *result_); }

 private:
  std::optional<Work> work_;
  Convert convert_;
  std::optional<std::invoke_result_t<Work, const Engine&>> result_;
};

template <class Work, class Convert>
napi_value start(napi_env env, Device& device, std::shared_ptr<Token> token, Work work, Convert convert) {
  auto task = std::make_unique<Task<Work, Convert>>(std::move(work), std::move(convert));
  task->token = std::move(token);
  return Environment::of(env).submit(device, std::move(task));
}

}  // namespace adaptune
