// Products of matrices: ours with their epilogue, and those of another library for comparison.
#include <algorithm>
#include <vector>

#include "addon/kernel.h"
#include "base/error.h"
#include "base/os.h"

namespace adaptune {
namespace {

using Long = long long;  // what %lld prints

constexpr size_t kLongestPath = 4096;

class Gemm final : public Kernel {
 public:
  explicit Gemm(const Value& args) {
    const GemmKind kind = static_cast<GemmKind>(args["kind"].choice({"forward", "inputGrad", "weightGrad"}));
    a_ = read_grid(args["a"]), b_ = read_grid(args["b"]);
    const bool weights = kind == GemmKind::kWeightGrad, forward = kind == GemmKind::kForward;
    for (const char* key : {"aColumns", "bColumns"})
      if (!weights && !args[key].absent()) args[key].refuse("undefined unless kind is weightGrad");
    a_columns_ = read_selection(args["aColumns"], a_.cols);
    b_columns_ = read_selection(args["bColumns"], b_.cols);
    const int64_t shared = weights ? a_.rows : a_.cols, same = forward ? b_.cols : b_.rows;
    ADAPTUNE_CHECK(shared == same, E_ARGUMENT, "expected %lld %s in %s.b, as %s.a has %s, but received %lld",
                   Long{shared}, forward ? "columns" : "rows", args.name().c_str(), args.name().c_str(),
                   weights ? "rows" : "columns", Long{same});
    const int64_t m = weights ? selected(a_columns_, a_.cols) : a_.rows,
                  n = forward ? b_.rows : selected(b_columns_, b_.cols);
    c_ = Grid(m, n);
    g_.kind = kind, g_.a = a_.view(), g_.c = c_.view();
    if (weights) {
      g_.b = b_.view(), g_.a_columns = index_or_null(a_columns_), g_.b_columns = index_or_null(b_columns_);
    } else {
      w_.values = b_.view(), w_.keep_packs = !args["keepPacks"].absent() && args["keepPacks"].boolean();
      g_.w = &w_;
    }
    read_epilogue(args);
  }

  void run(const Engine& engine) override {
    std::fill_n(moments_.as<Moments>(), moments_.bytes() / sizeof(Moments), Moments{});
    engine.ops->gemm(engine.context, g_);
  }

  napi_value result(napi_env env) const override;

 private:
  void read_epilogue(const Value& args) {
    const int64_t m = c_.rows, n = c_.cols;
    if (!args["bias"].absent()) bias_ = read_vector(args["bias"], n), g_.bias = bias_.data();
    residual_ = read_optional_grid(args["residual"], m, n), g_.residual = residual_.view();
    const std::vector<const char*> curves = {"none", "gelu", "tanh"};
    const Value activation = args["activation"], gradient = args["activationGrad"], save = args["savePre"];
    if (!activation.absent()) g_.activation = static_cast<Activation>(activation.choice(curves));
    if (!save.absent() && save.boolean()) pre_ = Grid(m, n), g_.pre = pre_.view();
    if (!gradient.absent()) g_.activation_grad = static_cast<Activation>(gradient.choice(curves));
    if (g_.activation_grad != Activation::kNone)
      grad_pre_ = read_grid(args["gradPre"], m, n), g_.grad_pre = grad_pre_.view();
    const Value moments = args["moments"];
    if (moments.absent()) return;
    g_.moment_form = moments.choice({"signed", "abs"}) == 0 ? MomentForm::kSigned : MomentForm::kAbs;
    moments_ = Buffer(static_cast<size_t>(n) * sizeof(Moments)), g_.moments = moments_.as<Moments>();
  }

  Grid a_, b_, residual_, grad_pre_, c_, pre_;
  std::vector<int32_t> a_columns_, b_columns_;
  Copy<float> bias_;
  Buffer moments_;
  Weight w_;
  GemmArgs g_;
};

napi_value Gemm::result(napi_env env) const {
  const napi_value object = js_object(env);
  js_set(env, object, "c", js_grid(env, c_));
  if (pre_.buffer.data()) js_set(env, object, "pre", js_grid(env, pre_));
  if (moments_.data()) js_set(env, object, "moments", js_moments(env, moments_));
  return object;
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

std::unique_ptr<Kernel> read_product(const Value& arguments) { return std::make_unique<Gemm>(arguments); }

std::unique_ptr<Kernel> read_blas_product(const Value& arguments) {
  return std::make_unique<BlasProduct>(arguments);
}

}  // namespace adaptune
