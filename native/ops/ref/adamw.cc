// Decoupled weight decay Adam (Loshchilov and Hutter 2019) in PyTorch's order of operations, scattered into
// w.
#include <cmath>

#include "ops/ref/ref.h"

namespace adaptune::ref {

void adamw(const Context&, const AdamwArgs& a) {
  const double correction1 = 1 - std::pow(double(a.beta1), double(a.t));
  const double correction2 = 1 - std::pow(double(a.beta2), double(a.t));
  for (int64_t r = 0; r < a.grad.rows; ++r) {
    for (int64_t c = 0; c < a.grad.cols; ++c) {
      const double g = double(at(a.grad, r, c)) * a.grad_scale;
      const double m = double(a.beta1) * at(a.m, r, c) + (1 - double(a.beta1)) * g;
      const double v = double(a.beta2) * at(a.v, r, c) + (1 - double(a.beta2)) * g * g;
      at(a.m, r, c) = static_cast<float>(m), at(a.v, r, c) = static_cast<float>(v);
      float& w = at(a.w, a.rows ? a.rows[r] : r, a.columns ? a.columns[c] : c);
      const double decayed = w - double(a.lr) * a.weight_decay * w;
      w = static_cast<float>(decayed - a.lr * (m / correction1) / (std::sqrt(v / correction2) + a.eps));
    }
  }
}

}  // namespace adaptune::ref
