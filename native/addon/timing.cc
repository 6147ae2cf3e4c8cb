// Kernels: run once for their results, or kept and timed, several taking turns in one job.
#include <chrono>

#include "addon/entry.h"
#include "addon/environment.h"
#include "addon/handle.h"
#include "base/error.h"
#include "base/os.h"

namespace adaptune {
namespace {

constexpr uint32_t kMostKernels = 64;
constexpr int64_t kMostRuns = 100'000;
constexpr size_t kLongestPath = 4096;

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

// Row-major C = op(A) op(B). Int is 64 bits wide in builds whose symbols say so.
template <class Int>
using Sgemm = void (*)(int order, int trans_a, int trans_b, Int m, Int n, Int k, float alpha, const float* a,
                       Int lda, const float* b, Int ldb, float beta, float* c, Int ldc);

class BlasProduct final : public Kernel {
 public:
  explicit BlasProduct(const Value& args) {
    kind_ = static_cast<GemmKind>(args["kind"].choice({"forward", "inputGrad", "weightGrad"}));
    a_ = read_grid(args["a"]), b_ = read_grid(args["b"]);
    const bool weights = kind_ == GemmKind::kWeightGrad, forward = kind_ == GemmKind::kForward;
    m_ = weights ? a_.cols : a_.rows, k_ = weights ? a_.rows : a_.cols, n_ = forward ? b_.rows : b_.cols;
    const int64_t same = forward ? b_.cols : b_.rows;
    ADAPTUNE_CHECK(same == k_, E_ARGUMENT, "expected %lld for the shared side of %s.b but received %lld",
                   static_cast<long long>(k_), args.name().c_str(), static_cast<long long>(same));
    find_function(args["library"]);
    c_ = Grid(m_, n_);
  }

  void run(const Engine&) override {
    if (wide_)
      product<int64_t>(function_);
    else
      product<int>(function_);
  }
  napi_value result(napi_env env) const override { return js_grid(env, c_); }

 private:
  // Names of the builds met: plain and 64-bit OpenBLAS, and those that SciPy and NumPy bring along.
  void find_function(const Value& path) {
    constexpr struct {
      const char* name;
      bool wide;
    } kNames[] = {{"cblas_sgemm64_", true},
                  {"scipy_cblas_sgemm64_", true},
                  {"cblas_sgemm_64", true},
                  {"cblas_sgemm", false},
                  {"scipy_cblas_sgemm", false}};
    void* library = open_library(path.string(kLongestPath));
    for (const auto& known : kNames) {
      function_ = find_symbol(library, known.name), wide_ = known.wide;
      if (function_) return;
    }
    path.refuse("a library with cblas_sgemm");
  }

  template <class Int>
  void product(void* function) const {
    constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;
    const bool weights = kind_ == GemmKind::kWeightGrad, forward = kind_ == GemmKind::kForward;
    const Int m = static_cast<Int>(m_), n = static_cast<Int>(n_), k = static_cast<Int>(k_);
    reinterpret_cast<Sgemm<Int>>(function)(
        kRowMajor, weights ? kTransposed : kPlain, forward ? kTransposed : kPlain, m, n, k, 1.0f, a_.data(),
        static_cast<Int>(a_.cols), b_.data(), static_cast<Int>(b_.cols), 0.0f, c_.data(), n);
  }

  GemmKind kind_;
  Grid a_, b_, c_;
  int64_t m_, n_, k_;
  void* function_ = nullptr;
  bool wide_ = false;
};

}  // namespace

std::unique_ptr<Kernel> read_blas_product(const Value& arguments) {
  return std::make_unique<BlasProduct>(arguments);
}

void add_kernels(napi_env env, napi_value exports) {
  add(env, exports, "runKernel", rejecting<run_kernel>);
  add(env, exports, "createKernel", throwing<create_kernel>);
  add(env, exports, "timeKernels", rejecting<time_kernels>);
}

}  // namespace adaptune
