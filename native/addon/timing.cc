// Kernels: run once for their results, or kept and timed, several taking turns in one job.
#include <chrono>

#include "addon/entry.h"
#include "addon/environment.h"
#include "addon/handle.h"
#include "base/error.h"

namespace adaptune {
namespace {

constexpr uint32_t kMostKernels = 64;
constexpr int64_t kMostRuns = 100'000;

napi_value run_kernel(const Call& call) {
  const auto device = open_handle<Device>(call.argument(0, "device"));
  std::shared_ptr<Kernel> kernel = read_kernel(call.argument(1, "kernel"), call.argument(2, "args"));
  return start(
      call.env, *device, nullptr,
      [kernel](const Engine& engine) {
        kernel->run(engine);
        return kernel;
      },
      [](napi_env env, const std::shared_ptr<Kernel>& kernel) { return kernel->result(env); });
}

napi_value create_kernel(const Call& call) {
  auto kept = std::make_shared<DeviceKernel>();
  kept->device = open_handle<Device>(call.argument(0, "device"));
  kept->kernel = read_kernel(call.argument(1, "kernel"), call.argument(2, "args"));
  return make_handle(call.env, std::move(kept));
}

double seconds_of(Kernel& kernel, const Engine& engine) {
  const auto begin = std::chrono::steady_clock::now();
  kernel.run(engine);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

napi_value time_kernels(const Call& call) {
  const Value list = call.argument(0, "kernels");
  std::vector<std::shared_ptr<DeviceKernel>> kernels;
  const uint32_t count = list.length(kMostKernels);
  for (uint32_t i = 0; i < count; ++i) {
    kernels.push_back(open_handle<DeviceKernel>(list.at(i)));
    ADAPTUNE_CHECK(kernels[i]->device == kernels[0]->device, E_ARGUMENT,
                   "expected kernels of one device but %s is of another", list.at(i).name().c_str());
  }
  if (kernels.empty()) list.refuse("at least one kernel");
  const int64_t runs = call.argument(1, "runs").integer(1, kMostRuns);
  const std::shared_ptr<Device> device = kernels[0]->device;
  return start(
      call.env, *device, nullptr,
      [kernels = std::move(kernels), runs](const Engine& engine) {
        std::vector<double> seconds;
        for (int64_t run = 0; run < runs; ++run)
          for (const auto& kept : kernels) seconds.push_back(seconds_of(*kept->kernel, engine));
        return seconds;
      },
      [](napi_env env, const std::vector<double>& seconds) {
        return js_float64_array(env, seconds.data(), static_cast<int64_t>(seconds.size()));
      });
}

}  // namespace

void add_kernels(napi_env env, napi_value exports) {
  add(env, exports, "runKernel", rejecting<run_kernel>);
  add(env, exports, "createKernel", throwing<create_kernel>);
  add(env, exports, "timeKernels", rejecting<time_kernels>);
}

}  // namespace adaptune
