// The guard at every entry: no C++ exception crosses into JavaScript. Functions that return promises reject,
// the rest throw.
#pragma once
#include "addon/js.h"
#include "base/error.h"

namespace adaptune {

constexpr size_t kMaxArguments = 8;

struct Call {
  napi_env env = nullptr;
  size_t count = kMaxArguments;
  napi_value values[kMaxArguments] = {};  // absent ones are undefined

  Value argument(size_t index, const char* name) const { return Value(env, values[index], name); }
};

using Entry = napi_value (*)(const Call&);

template <Entry kBody>
napi_value throwing(napi_env env, napi_callback_info info) {
  try {
    Call call;
    call.env = env;
    check(env, napi_get_cb_info(env, info, &call.count, call.values, nullptr, nullptr));
    return kBody(call);
  } catch (const Pending&) {
  } catch (...) {
    const Error error = current_error();
    if (napi_value value = js_error(env, code_name(error.code), error.message)) napi_throw(env, value);
  }
  return nullptr;
}

template <Entry kBody>
napi_value rejecting(napi_env env, napi_callback_info info) {
  napi_value result = throwing<kBody>(env, info), reason;
  if (result != nullptr) return result;
  napi_deferred deferred;
  if (napi_get_and_clear_last_exception(env, &reason) != napi_ok ||
      napi_create_promise(env, &deferred, &result) != napi_ok) {
    return nullptr;
  }
  napi_reject_deferred(env, deferred, reason);
  return result;
}

// The functions of lib/native/binding.ts, by file.
void add_system(napi_env env, napi_value exports);
void add_model(napi_env env, napi_value exports);
void add_trainer(napi_env env, napi_value exports);
void add_calibration(napi_env env, napi_value exports);
void add_kernels(napi_env env, napi_value exports);

inline void add(napi_env env, napi_value exports, const char* name, napi_callback body) {
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, body, nullptr, &function));
  js_set(env, exports, name, function);
}

}  // namespace adaptune
