// The ops as kernels of their own (lib/kernels): arguments copied and shapes checked here, once for all
// callers.
#include <cfloat>
#include <cmath>
#include <cstring>

#include "addon/inputs.h"
#include "addon/kernel.h"
#include "base/error.h"

namespace adaptune {
namespace {

using Long = long long;  // what %lld prints

constexpr int64_t kMostIndex = INT32_MAX;
constexpr int64_t kMostFloats = int64_t{1} << 40;  // of one matrix
constexpr int64_t kSafe = (int64_t{1} << 53) - 1;
constexpr double kBelowOne = 1 - 0x1p-24;

float read_float(const Value& value, float otherwise, double low, double high) {
  return value.absent() ? otherwise : static_cast<float>(value.number(low, high));
}

class LayerNorm final : public Kernel {
 public:
  explicit LayerNorm(const Value& args) : x_(read_grid(args["x"])) {
    residual_ = read_optional_grid(args["residual"], x_.rows, x_.cols);
    gamma_ = read_vector(args["gamma"], x_.cols), beta_ = read_vector(args["beta"], x_.cols);
    y_ = Grid(x_.rows, x_.cols), mean_ = Grid(1, x_.rows), rstd_ = Grid(1, x_.rows);
    if (residual_.buffer.data()) sum_ = Grid(x_.rows, x_.cols);
    f_.x = x_.view(), f_.residual = residual_.view(), f_.gamma = gamma_.data(), f_.beta = beta_.data();
    f_.eps = read_float(args["eps"], 1e-12f, 0, 1);
    f_.y = y_.view(), f_.sum = sum_.view(), f_.mean = mean_.data(), f_.rstd = rstd_.data();
  }
  void run(const Engine& engine) override { engine.ops->norm_fwd(engine.context, f_); }
  napi_value result(napi_env env) const override {
    const napi_value object = js_object(env);
    js_set(env, object, "y", js_grid(env, y_));
    js_set(env, object, "sum", js_grid(env, sum_.buffer.data() ? sum_ : x_));
    js_set(env, object, "mean", js_vector(env, mean_));
    js_set(env, object, "rstd", js_vector(env, rstd_));
    return object;
  }

 private:
  Grid x_, residual_, y_, sum_, mean_, rstd_;
  Copy<float> gamma_, beta_;
  NormFwdArgs f_ = {};
};

class LayerNormBackward final : public Kernel {
 public:
  explicit LayerNormBackward(const Value& args) : dy_(read_grid(args["dy"])) {
    const int64_t rows = dy_.rows, width = dy_.cols;
    sum_ = read_grid(args["sum"], rows, width);
    mean_ = read_vector(args["mean"], rows), rstd_ = read_vector(args["rstd"], rows);
    gamma_ = read_vector(args["gamma"], width);
    dx_ = Grid(rows, width), dgamma_ = Grid(1, width), dbeta_ = Grid(1, width);
    b_.dy = dy_.view(), b_.sum = sum_.view(), b_.mean = mean_.data(), b_.rstd = rstd_.data();
    b_.gamma = gamma_.data(), b_.dsum = dx_.view(), b_.dgamma = dgamma_.data(), b_.dbeta = dbeta_.data();
  }
  void run(const Engine& engine) override {
    std::fill_n(dgamma_.data(), dgamma_.cols, 0.0f), std::fill_n(dbeta_.data(), dbeta_.cols, 0.0f);
    engine.ops->norm_bwd(engine.context, b_);
  }
  napi_value result(napi_env env) const override {
    const napi_value object = js_object(env);
    js_set(env, object, "dx", js_grid(env, dx_));
    js_set(env, object, "dgamma", js_vector(env, dgamma_));
    js_set(env, object, "dbeta", js_vector(env, dbeta_));
    return object;
  }

 private:
  Grid dy_, sum_, dx_, dgamma_, dbeta_;
  Copy<float> mean_, rstd_, gamma_;
  NormBwdArgs b_ = {};
};

class Attention : public Kernel {
 public:
  explicit Attention(const Value& args) : qkv_(read_grid(args["qkv"])) {
    constexpr int64_t kMost = 1024;  // as in a model (model/config.cc)
    const Value kv = args["kvHeads"];
    f_.heads = args["heads"].integer(1, kMost), f_.head_width = args["headWidth"].integer(1, kMost);
    f_.kv_heads = kv.absent() ? f_.heads : kv.integer(1, f_.heads);
    ADAPTUNE_CHECK(f_.heads % f_.kv_heads == 0, E_ARGUMENT,
                   "expected %s.heads to be a multiple of kvHeads but received %lld and %lld",
                   args.name().c_str(), Long{f_.heads}, Long{f_.kv_heads});
    const int64_t width = (f_.heads + 2 * f_.kv_heads) * f_.head_width;
    ADAPTUNE_CHECK(qkv_.cols == width, E_ARGUMENT,
                   "expected %lld columns, (heads + 2 kvHeads) headWidth, in %s.qkv but received %lld",
                   Long{width}, args.name().c_str(), Long{qkv_.cols});
    read_offsets(args["offsets"]);
    f_.qkv = qkv_.view();
    f_.scale = read_float(args["scale"], 1 / std::sqrt(static_cast<float>(f_.head_width)), FLT_MIN, FLT_MAX);
  }

 protected:
  Grid qkv_, out_, lse_;
  AttentionArgs f_ = {};

 private:
  void read_offsets(const Value& value) {
    offsets_ = value.int32_array();
    const int32_t* offsets = offsets_.data();
    bool fit = offsets_.count >= 2 && offsets[0] == 0 && offsets[offsets_.count - 1] == qkv_.rows;
    for (int64_t s = 1; fit && s < offsets_.count; ++s) fit = offsets[s] > offsets[s - 1];
    ADAPTUNE_CHECK(fit, E_ARGUMENT,
                   "expected %s to ascend from 0 to %lld, the rows of qkv, but received %lld "
                   "offsets from %d to %d",
                   value.name().c_str(), Long{qkv_.rows}, Long{offsets_.count},
                   offsets_.count ? offsets[0] : -1, offsets_.count ? offsets[offsets_.count - 1] : -1);
    f_.offsets = offsets, f_.sequences = offsets_.count - 1;
  }

  Copy<int32_t> offsets_;
};

class AttentionForward final : public Attention {
 public:
  explicit AttentionForward(const Value& args) : Attention(args) {
    out_ = Grid(qkv_.rows, f_.heads * f_.head_width), lse_ = Grid(f_.heads, qkv_.rows);
    f_.out = out_.view(), f_.lse = lse_.data();
  }
  void run(const Engine& engine) override { engine.ops->attention_fwd(engine.context, f_); }
  napi_value result(napi_env env) const override {
    const napi_value object = js_object(env);
    js_set(env, object, "out", js_grid(env, out_));
    js_set(env, object, "lse", js_grid(env, lse_));
    return object;
  }
};

class AttentionBackward final : public Attention {
 public:
  explicit AttentionBackward(const Value& args) : Attention(args) {
    const int64_t width = f_.heads * f_.head_width;
    out_ = read_grid(args["out"], qkv_.rows, width), lse_ = read_grid(args["lse"], f_.heads, qkv_.rows);
    dout_ = read_grid(args["dout"], qkv_.rows, width), dqkv_ = Grid(qkv_.rows, qkv_.cols);
    f_.out = out_.view(), f_.lse = lse_.data();
    b_.fwd = f_, b_.dout = dout_.view(), b_.dqkv = dqkv_.view();
  }
  void run(const Engine& engine) override { engine.ops->attention_bwd(engine.context, b_); }
  napi_value result(napi_env env) const override { return js_grid(env, dqkv_); }

 private:
  Grid dout_, dqkv_;
  AttentionBwdArgs b_ = {};
};

class ColumnMoments final : public Kernel {
 public:
  explicit ColumnMoments(const Value& args) : x_(read_grid(args["x"])) {
    const Value group = args["group"], form = args["form"];
    m_.x = x_.view(), m_.group = group.absent() ? 1 : group.integer(1, x_.cols);
    ADAPTUNE_CHECK(x_.cols % m_.group == 0, E_ARGUMENT,
                   "expected %s to divide the %lld columns of x but received %lld", group.name().c_str(),
                   Long{x_.cols}, Long{m_.group});
    m_.form = !form.absent() && form.choice({"abs", "signed"}) == 1 ? MomentForm::kSigned : MomentForm::kAbs;
    moments_ = Buffer(static_cast<size_t>(x_.cols / m_.group) * sizeof(Moments));
    m_.moments = moments_.as<Moments>();
  }
  void run(const Engine& engine) override {
    std::fill_n(m_.moments, moments_.bytes() / sizeof(Moments), Moments{});
    engine.ops->moments(engine.context, m_);
  }
  napi_value result(napi_env env) const override { return js_moments(env, moments_); }

 private:
  Grid x_;
  Buffer moments_;
  MomentsArgs m_ = {};
};

class SumSquares final : public Kernel {
 public:
  explicit SumSquares(const Value& args) : x_(read_grid(args["x"])) {
    s_.x = x_.view(), s_.axis = static_cast<Axis>(args["axis"].choice({"all", "rows", "columns"}));
    count_ = s_.axis == Axis::kAll ? 1 : s_.axis == Axis::kRows ? x_.rows : x_.cols;
    sums_ = Buffer(static_cast<size_t>(count_) * sizeof(double)), s_.out = sums_.as<double>();
  }
  void run(const Engine& engine) override {
    std::fill_n(s_.out, count_, 0.0);
    engine.ops->sum_squares(engine.context, s_);
  }
  napi_value result(napi_env env) const override { return js_float64_array(env, s_.out, count_); }

 private:
  Grid x_;
  int64_t count_;
  Buffer sums_;
  SumSquaresArgs s_ = {};
};

class ColumnSum final : public Kernel {
 public:
  explicit ColumnSum(const Value& args) : x_(read_grid(args["x"])) {
    columns_ = read_selection(args["columns"], x_.cols);
    sums_ = Grid(1, selected(columns_, x_.cols));
    s_ = {x_.view(), index_or_null(columns_), sums_.cols, sums_.data()};
  }
  void run(const Engine& engine) override {
    std::fill_n(sums_.data(), sums_.cols, 0.0f);
    engine.ops->column_sum(engine.context, s_);
  }
  napi_value result(napi_env env) const override { return js_vector(env, sums_); }

 private:
  Grid x_, sums_;
  std::vector<int32_t> columns_;
  ColumnSumArgs s_ = {};
};

class Adamw final : public Kernel {
 public:
  explicit Adamw(const Value& args) : w_(read_grid(args["w"])) {
    rows_ = read_selection(args["rows"], w_.rows), columns_ = read_selection(args["columns"], w_.cols);
    const int64_t rows = selected(rows_, w_.rows), cols = selected(columns_, w_.cols);
    grad_ = read_grid(args["grad"], rows, cols);
    m_ = read_grid(args["m"], rows, cols), v_ = read_grid(args["v"], rows, cols);
    a_.w = w_.view(), a_.rows = index_or_null(rows_), a_.columns = index_or_null(columns_);
    a_.grad = grad_.view(), a_.m = m_.view(), a_.v = v_.view();
    a_.lr = static_cast<float>(args["lr"].number(0, FLT_MAX));
    a_.beta1 = read_float(args["beta1"], 0.9f, 0, kBelowOne);
    a_.beta2 = read_float(args["beta2"], 0.999f, 0, kBelowOne);
    a_.eps = read_float(args["eps"], 1e-8f, 0, 1);
    a_.weight_decay = read_float(args["weightDecay"], 0.01f, 0, FLT_MAX);
    a_.grad_scale = read_float(args["gradScale"], 1, 0, FLT_MAX);
    a_.t = args["t"].integer(1, kSafe);
  }
  void run(const Engine& engine) override { engine.ops->adamw(engine.context, a_); }
  napi_value result(napi_env env) const override {
    const napi_value object = js_object(env);
    js_set(env, object, "w", js_grid(env, w_));
    js_set(env, object, "m", js_grid(env, m_));
    js_set(env, object, "v", js_grid(env, v_));
    return object;
  }

 private:
  Grid w_, grad_, m_, v_;
  std::vector<int32_t> rows_, columns_;
  AdamwArgs a_ = {};
};

class MultiplyAdd final : public Kernel {
 public:
  explicit MultiplyAdd(const Value& args) : steps_(args["steps"].integer(1, 1'000'000)) {}
  void run(const Engine& engine) override {
    engine.ops->multiply_add(engine.context, {steps_, &flops_, &mean_});
  }
  napi_value result(napi_env env) const override {
    const napi_value object = js_object(env);
    js_set(env, object, "flops", js_number(env, flops_));
    js_set(env, object, "mean", js_number(env, mean_));
    return object;
  }

 private:
  int64_t steps_;
  double flops_ = 0, mean_ = 0;
};

template <class T>
std::unique_ptr<Kernel> make(const Value& args) {
  return std::make_unique<T>(args);
}

// The names of lib/native/kernels.ts.
constexpr struct {
  const char* name;
  std::unique_ptr<Kernel> (*read)(const Value&);
} kKernels[] = {
    {"gemm", read_product},
    {"layerNorm", make<LayerNorm>},
    {"layerNormBackward", make<LayerNormBackward>},
    {"attention", make<AttentionForward>},
    {"attentionBackward", make<AttentionBackward>},
    {"moments", make<ColumnMoments>},
    {"sumSquares", make<SumSquares>},
    {"columnSum", make<ColumnSum>},
    {"adamw", make<Adamw>},
    {"multiplyAdd", make<MultiplyAdd>},
    {"blasGemm", read_blas_product},
};

}  // namespace

Grid::Grid(int64_t r, int64_t c) : rows(r), cols(c) {
  ADAPTUNE_CHECK(rows <= kMostFloats / cols, E_MEMORY,
                 "expected a matrix of at most 2^40 floats but %lld x %lld "
                 "were asked for",
                 Long{rows}, Long{cols});
  buffer = Buffer(static_cast<size_t>(rows * cols) * sizeof(float));
}

Grid read_grid(const Value& value) {
  Grid grid;
  grid.rows = value["rows"].integer(1, kMostIndex), grid.cols = value["cols"].integer(1, kMostIndex);
  Copy<float> data = value["data"].float32_array();
  ADAPTUNE_CHECK(data.count == grid.rows * grid.cols, E_ARGUMENT,
                 "expected %lld x %lld floats for %s.data but received %lld", Long{grid.rows},
                 Long{grid.cols}, value.name().c_str(), Long{data.count});
  grid.buffer = std::move(data.buffer);
  return grid;
}

Grid read_grid(const Value& value, int64_t rows, int64_t cols) {
  Grid grid = read_grid(value);
  ADAPTUNE_CHECK(grid.rows == rows && grid.cols == cols, E_ARGUMENT,
                 "expected %lld x %lld for %s but received %lld x %lld", Long{rows}, Long{cols},
                 value.name().c_str(), Long{grid.rows}, Long{grid.cols});
  return grid;
}

Grid read_optional_grid(const Value& value, int64_t rows, int64_t cols) {
  return value.absent() ? Grid() : read_grid(value, rows, cols);
}

napi_value js_grid(napi_env env, const Grid& grid) {
  const napi_value object = js_object(env);
  js_set(env, object, "data", js_vector(env, grid));
  js_set(env, object, "rows", js_number(env, static_cast<double>(grid.rows)));
  js_set(env, object, "cols", js_number(env, static_cast<double>(grid.cols)));
  return object;
}

Copy<float> read_vector(const Value& value, int64_t count) {
  Copy<float> copy = value.float32_array();
  ADAPTUNE_CHECK(copy.count == count, E_ARGUMENT, "expected %lld floats for %s but received %lld",
                 Long{count}, value.name().c_str(), Long{copy.count});
  return copy;
}

std::vector<int32_t> read_selection(const Value& value, int64_t end) {
  if (value.absent()) return {};
  std::vector<int32_t> indices = read_indices(value, end);
  if (indices.empty()) value.refuse("at least one index");
  return indices;
}
int64_t selected(const std::vector<int32_t>& indices, int64_t all) {
  return indices.empty() ? all : static_cast<int64_t>(indices.size());
}
const int32_t* index_or_null(const std::vector<int32_t>& indices) {
  return indices.empty() ? nullptr : indices.data();
}

napi_value js_vector(napi_env env, const Grid& grid) {
  return js_float32_array(env, grid.data(), grid.rows * grid.cols);
}

napi_value js_moments(napi_env env, const Buffer& buffer) {
  const Moments* moments = buffer.as<const Moments>();
  const int64_t count = static_cast<int64_t>(buffer.bytes() / sizeof(Moments));
  Buffer mean(static_cast<size_t>(count) * sizeof(double)), m2(static_cast<size_t>(count) * sizeof(double));
  for (int64_t i = 0; i < count; ++i)
    mean.as<double>()[i] = moments[i].mean, m2.as<double>()[i] = moments[i].m2;
  const napi_value result = js_object(env);
  js_set(env, result, "count", js_number(env, count ? moments[0].count : 0));
  js_set(env, result, "mean", js_float64_array(env, mean.as<double>(), count));
  js_set(env, result, "m2", js_float64_array(env, m2.as<double>(), count));
  return result;
}

std::unique_ptr<Kernel> read_kernel(const Value& name, const Value& arguments) {
  std::vector<const char*> names;
  for (const auto& kernel : kKernels) names.push_back(kernel.name);
  return kKernels[name.choice(names)].read(arguments);
}

}  // namespace adaptune
