// C = epilogue(A B), three ways to read A and B; the epilogue of ops.h, step by step.
#include <cmath>

#include "ops/moments.h"
#include "ops/ref/ref.h"

namespace adaptune::ref {
namespace {

double activate(Activation form, double x) {
  switch (form) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x * M_SQRT1_2));
    case Activation::kTanh:
      return std::tanh(x);
  }
  return x;
}

// Of x for gelu, of the output y for tanh.
double activation_gradient(Activation form, double x) {
  switch (form) {
    case Activation::kNone:
      return 1;
    case Activation::kGelu: {
      const double density = std::exp(-0.5 * x * x) * (0.5 * M_SQRT1_2 * M_2_SQRTPI);  // 1 / sqrt(2 pi)
      return 0.5 * (1 + std::erf(x * M_SQRT1_2)) + x * density;
    }
    case Activation::kTanh:
      return 1 - x * x;
  }
  return 1;
}

double product(const GemmArgs& g, int64_t row, int64_t col) {
  double sum = 0;
  switch (g.kind) {
    case GemmKind::kForward:
      for (int64_t k = 0; k < g.a.cols; ++k) sum += double(at(g.a, row, k)) * at(g.w->values, col, k);
      break;
    case GemmKind::kInputGrad:
      for (int64_t k = 0; k < g.a.cols; ++k) sum += double(at(g.a, row, k)) * at(g.w->values, k, col);
      break;
    case GemmKind::kWeightGrad: {
      const int64_t m = g.a_columns ? g.a_columns[row] : row, n = g.b_columns ? g.b_columns[col] : col;
      for (int64_t t = 0; t < g.a.rows; ++t) sum += double(at(g.a, t, m)) * at(g.b, t, n);
      break;
    }
  }
  return sum;
}

}  // namespace

void gemm(const Context& context, const GemmArgs& g) {
  if (g.b_activation != Activation::kNone) {
    const ArenaScope scope(*context.scratch);
    GemmArgs plain = g;
    plain.b_activation = Activation::kNone;
    plain.b = matrix(context.scratch->take<float>(g.b.rows * g.b.cols), g.b.rows, g.b.cols);
    for (int64_t t = 0; t < g.b.rows; ++t)
      for (int64_t n = 0; n < g.b.cols; ++n)
        at(plain.b, t, n) = static_cast<float>(activate(g.b_activation, at(g.b, t, n)));
    return gemm(context, plain);
  }
  for (int64_t row = 0; row < g.c.rows; ++row) {
    for (int64_t col = 0; col < g.c.cols; ++col) {
      double v = double(g.scale) * product(g, row, col);
      if (g.bias) v += g.bias[col];
      if (g.residual) v += at(g.residual, row, col);
      if (g.pre) at(g.pre, row, col) = static_cast<float>(v);
      v = activate(g.activation, v);
      if (g.activation_grad != Activation::kNone)
        v *= activation_gradient(g.activation_grad, at(g.grad_pre, row, col));
      float& c = at(g.c, row, col);
      c = static_cast<float>(g.accumulate ? c + v : v);
    }
  }
  if (g.moments) moments({}, {g.c, 1, g.moment_form, g.moments});
}

}  // namespace adaptune::ref
