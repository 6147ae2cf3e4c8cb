// s = dropout(x) + residual;  y = (s - mean) rstd gamma + beta over each row.
// With n = (s - mean) rstd and g = dy gamma:  ds = rstd (g - mean(g) - n mean(g n)),  dgamma = sum_t dy n.
#include <cmath>

#include "ops/ref/ref.h"

namespace adaptune::ref {

void norm_fwd(const Context&, const NormFwdArgs& a) {
  const int64_t width = a.x.cols;
  for (int64_t t = 0; t < a.x.rows; ++t) {
    // The sum is stored where y or sum will stand, as a float, so that backward sees the same values.
    const Matrix& stored = a.sum ? a.sum : a.y;
    double mean = 0, var = 0;
    for (int64_t c = 0; c < width; ++c) {
      double s = at(a.x, t, c) * dropout_factor(a.dropout, t * width + c);
      if (a.residual) s += at(a.residual, t, c);
      at(stored, t, c) = static_cast<float>(s);
      mean += at(stored, t, c);
    }
    mean /= static_cast<double>(width);
    for (int64_t c = 0; c < width; ++c) var += (at(stored, t, c) - mean) * (at(stored, t, c) - mean);
    const double rstd = 1 / std::sqrt(var / static_cast<double>(width) + a.eps);
    for (int64_t c = 0; c < width; ++c)
      at(a.y, t, c) = static_cast<float>((at(stored, t, c) - mean) * rstd * a.gamma[c] + a.beta[c]);
    if (a.mean) a.mean[t] = static_cast<float>(mean);
    if (a.rstd) a.rstd[t] = static_cast<float>(rstd);
  }
}

void norm_bwd(const Context&, const NormBwdArgs& a) {
  const int64_t rows = a.dy.rows, width = a.dy.cols;
  const auto normal = [&](int64_t t, int64_t c) {
    return (double(at(a.sum, t, c)) - double(a.mean[t])) * double(a.rstd[t]);
  };
  for (int64_t c = 0; c < width; ++c) {
    double dgamma = 0, dbeta = 0;
    for (int64_t t = 0; t < rows; ++t) dgamma += at(a.dy, t, c) * normal(t, c), dbeta += at(a.dy, t, c);
    if (a.dgamma) a.dgamma[c] = static_cast<float>(a.dgamma[c] + dgamma);
    if (a.dbeta) a.dbeta[c] = static_cast<float>(a.dbeta[c] + dbeta);
  }
  for (int64_t t = 0; t < rows; ++t) {
    double mean_g = 0, mean_gn = 0;
    for (int64_t c = 0; c < width; ++c) {
      const double g = double(at(a.dy, t, c)) * a.gamma[c];
      mean_g += g, mean_gn += g * normal(t, c);
    }
    mean_g /= static_cast<double>(width), mean_gn /= static_cast<double>(width);
    for (int64_t c = 0; c < width; ++c) {
      const double g = double(at(a.dy, t, c)) * a.gamma[c];
      const double ds = a.rstd[t] * (g - mean_g - normal(t, c) * mean_gn);
      at(a.dsum, t, c) = static_cast<float>(ds);
      if (a.dx) at(a.dx, t, c) = static_cast<float>(ds * dropout_factor(a.dropout, t * width + c));
    }
  }
}

}  // namespace adaptune::ref
