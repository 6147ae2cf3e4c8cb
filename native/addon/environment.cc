#include "addon/environment.h"

#include "base/error.h"

namespace adaptune {

void PromiseJob::done(std::unique_ptr<Job> self, Error* error) noexcept {
  if (error) error_ = std::move(*error);
  forget();
  const std::shared_ptr<Environment> environment = environment_;  // outlives this job
  environment->deliver(std::unique_ptr<PromiseJob>(static_cast<PromiseJob*>(self.release())));
}

void Environment::install(napi_env env) {
  auto environment = std::make_shared<Environment>();
  environment->env_ = env;
  napi_value name = js_string(env, "adaptune");
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                             environment.get(), settle, &environment->function_));
  check(env, napi_unref_threadsafe_function(env, environment->function_));
  // Hooks run last in, first out: ours runs before the thread-safe function's own.
  check(env, napi_add_env_cleanup_hook(env, teardown, environment.get()));
  auto* share = new std::shared_ptr<Environment>(std::move(environment));
  const auto finalize = [](napi_env, void* data, void*) {
    delete static_cast<std::shared_ptr<Environment>*>(data);
  };
  check(env, napi_set_instance_data(env, share, finalize, nullptr));
}

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  check(env, napi_get_instance_data(env, &data));
  return **static_cast<std::shared_ptr<Environment>*>(data);
}

napi_value Environment::submit(Device& device, std::unique_ptr<PromiseJob> job) {
  napi_value promise;
  napi_deferred deferred;
  check(env_, napi_create_promise(env_, &deferred, &promise));
  job->environment_ = shared_from_this();
  job->abandoned = gone_;
  job->deferred_ = deferred;
  if (pending_ == 0) check(env_, napi_ref_threadsafe_function(env_, function_));
  ++pending_;
  try {
    device.submit(std::move(job));
  } catch (...) {
    const Error error = current_error();
    if (--pending_ == 0) napi_unref_threadsafe_function(env_, function_);
    check(env_, napi_reject_deferred(env_, deferred, js_error(env_, code_name(error.code), error.message)));
  }
  return promise;
}

void Environment::deliver(std::unique_ptr<PromiseJob> job) noexcept {
  const std::lock_guard lock(mutex_);
  if (function_ == nullptr) return;  // `job`, the parameter, dies after `lock`
  if (napi_call_threadsafe_function(function_, job.get(), napi_tsfn_nonblocking) == napi_ok) job.release();
}

void Environment::teardown(void* data) {
  auto* environment = static_cast<Environment*>(data);
  napi_threadsafe_function function;
  {
    const std::lock_guard lock(environment->mutex_);
    function = std::exchange(environment->function_, nullptr);
  }
  environment->gone_->store(true, std::memory_order_relaxed);
  napi_release_threadsafe_function(function, napi_tsfn_abort);
}

void Environment::settle(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<PromiseJob> job(static_cast<PromiseJob*>(data));
  if (env == nullptr) return;  // teardown: nobody waits
  auto* environment = static_cast<Environment*>(context);
  if (--environment->pending_ == 0 && environment->function_)
    napi_unref_threadsafe_function(env, environment->function_);
  napi_value value = nullptr, reason = nullptr;
  try {
    if (job->error_) throw *job->error_;
    value = job->result(env);
  } catch (const Pending&) {
    napi_get_and_clear_last_exception(env, &reason);
  } catch (...) {
    const Error error = current_error();
    reason = js_error(env, code_name(error.code), error.message);
  }
  if (value) {
    napi_resolve_deferred(env, job->deferred_, value);
  } else if (reason) {
    napi_reject_deferred(env, job->deferred_, reason);
  }
}

}  // namespace adaptune
