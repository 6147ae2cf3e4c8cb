// The machine, devices, tokens, locks, and the doors for tests.
#include <algorithm>
#include <cmath>

#include "addon/entry.h"
#include "addon/handle.h"
#include "base/memory.h"
#include "base/os.h"
#include "base/philox.h"

#define ADAPTUNE_TEXT_OF(x) #x
#define ADAPTUNE_TEXT(x) ADAPTUNE_TEXT_OF(x)

namespace adaptune {
namespace {

constexpr int64_t kSafe = (int64_t{1} << 53) - 1;  // Number.MAX_SAFE_INTEGER
constexpr size_t kLongestPath = 4096;

napi_value strings(napi_env env, const std::vector<std::string>& texts) {
  std::vector<napi_value> items;
  for (const std::string& text : texts) items.push_back(js_string(env, text));
  return js_array(env, items);
}

napi_value system_info(const Call& call) {
  napi_env env = call.env;
  const Limits limits = container_limits("");
  napi_value info = js_object(env);
  js_set(env, info, "version", js_string(env, ADAPTUNE_TEXT(ADAPTUNE_VERSION)));
  js_set(env, info, "isas", strings(env, available_isas()));
  js_set(env, info, "cpuModel", js_string(env, cpu_model()));
  js_set(env, info, "logicalCpus", js_number(env, logical_cpus()));
  js_set(env, info, "affinityCpus", js_number(env, affinity_cpus()));
  js_set(env, info, "quotaCpus", limits.cpus > 0 ? js_number(env, limits.cpus) : js_null(env));
  js_set(env, info, "defaultThreads", js_number(env, usable_cpus()));
  js_set(env, info, "memoryLimit", limits.memory >= 0 ? js_number(env, double(limits.memory)) : js_null(env));
  js_set(env, info, "memoryTotal", js_number(env, double(memory_total())));
  return info;
}

napi_value read_limits(const Call& call) {
  const Limits limits = container_limits(call.argument(0, "root").string(kLongestPath));
  napi_value result = js_object(call.env);
  js_set(call.env, result, "cpus", limits.cpus > 0 ? js_number(call.env, limits.cpus) : js_null(call.env));
  js_set(call.env, result, "memory",
         limits.memory >= 0 ? js_number(call.env, double(limits.memory)) : js_null(call.env));
  return result;
}

napi_value error_codes(const Call& call) {
  std::vector<std::string> names;
#define X(name) names.emplace_back(code_name(Code::name));
  ADAPTUNE_NATIVE_CODES(X)
#undef X
  return strings(call.env, names);
}

napi_value memory(const Call& call) {
  const MemoryStats stats = memory_stats();
  napi_value result = js_object(call.env);
  js_set(call.env, result, "live", js_number(call.env, double(stats.live_bytes)));
  js_set(call.env, result, "peak", js_number(call.env, double(stats.peak_bytes)));
  js_set(call.env, result, "allocations", js_number(call.env, double(stats.allocations)));
  return result;
}

napi_value fail_next(const Call& call) {
  const int64_t k = call.argument(0, "k").integer(0, kSafe);
  fail_allocation(static_cast<uint64_t>(k), call.argument(1, "always").boolean());
  return js_undefined(call.env);
}

napi_value philox(const Call& call) {
  const int64_t key = call.argument(0, "seed").integer(0, kSafe);
  uint32_t counter[4];
  constexpr const char* kNames[] = {"c0", "c1", "c2", "c3"};
  for (size_t i = 0; i < 4; ++i) {
    counter[i] = static_cast<uint32_t>(call.argument(i + 1, kNames[i]).integer(0, UINT32_MAX));
  }
  const Philox4 words =
      philox4x32(static_cast<uint64_t>(key), counter[0], counter[1], counter[2], counter[3]);
  return js_uint32_array(call.env, words.x, 4);
}

napi_value lock(const Call& call) {
  const int held = lock_file(call.argument(0, "path").string(kLongestPath));
  return held < 0 ? js_null(call.env) : js_number(call.env, held);
}

napi_value unlock(const Call& call) {
  ADAPTUNE_CHECK(unlock_file(static_cast<int>(call.argument(0, "lock").integer(0, INT32_MAX))), E_ARGUMENT,
                 "expected a lock that lockFile returned and that is still held");
  return js_undefined(call.env);
}

napi_value open_device(const Call& call) {
  const Value options = call.argument(0, "options");
  const int threads = static_cast<int>(options["threads"].integer(1, 256));
  return make_handle(call.env, Device::open(threads, options["isa"].string(16)));
}

napi_value close(const Call& call) {
  close_handle(call.argument(0, "handle"));
  return js_undefined(call.env);
}

napi_value create_token(const Call& call) { return make_handle(call.env, std::make_shared<Token>()); }

napi_value cancel(const Call& call) {
  open_handle<Token>(call.argument(0, "token"))->cancelled.store(true, std::memory_order_relaxed);
  return js_undefined(call.env);
}

napi_value progress(const Call& call) {
  return js_number(call.env, double(open_handle<Token>(call.argument(0, "token"))->progress.load()));
}

}  // namespace

void add_system(napi_env env, napi_value exports) {
  add(env, exports, "systemInfo", throwing<system_info>);
  add(env, exports, "containerLimits", throwing<read_limits>);
  add(env, exports, "errorCodes", throwing<error_codes>);
  add(env, exports, "memory", throwing<memory>);
  add(env, exports, "failAllocation", throwing<fail_next>);
  add(env, exports, "philox", throwing<philox>);
  add(env, exports, "lockFile", throwing<lock>);
  add(env, exports, "unlockFile", throwing<unlock>);
  add(env, exports, "openDevice", throwing<open_device>);
  add(env, exports, "close", throwing<close>);
  add(env, exports, "createToken", throwing<create_token>);
  add(env, exports, "cancel", throwing<cancel>);
  add(env, exports, "progress", throwing<progress>);
}

}  // namespace adaptune
