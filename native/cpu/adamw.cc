// Cuts AdamW into rows, or into flat pieces where nothing is gathered and all arrays are contiguous.
#include <cmath>

#include "cpu/ops_cpu.h"

namespace adaptune::cpu {

namespace {
constexpr int64_t kElements = 16 * 1024;  // of one task
}  // namespace

void adamw(const Context& context, const AdamwArgs& a) {
  const IsaTable& isa = isa_of(context);
  const double beta1 = a.beta1, beta2 = a.beta2, t = static_cast<double>(a.t);
  AdamwRow common = {};
  common.beta1 = a.beta1, common.beta2 = a.beta2;
  common.one_minus_beta1 = static_cast<float>(1 - beta1),
  common.one_minus_beta2 = static_cast<float>(1 - beta2);
  common.grad_scale = a.grad_scale;
  common.decay = static_cast<float>(1 - double(a.lr) * a.weight_decay);
  common.step = static_cast<float>(a.lr / (1 - std::pow(beta1, t)));
  common.root_bias = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, t)));
  common.eps = a.eps;

  const Matrix& g = a.grad;
  if (g.rows == 0 || g.cols == 0) return;
  const auto contiguous = [](const Matrix& m) { return m.rows == 1 || m.ld == m.cols; };
  if (!a.rows && !a.columns && contiguous(g) && contiguous(a.m) && contiguous(a.v) && contiguous(a.w)) {
    for_pieces(context, g.rows * g.cols, kElements, [&](int64_t first, int64_t count, int) {
      AdamwRow row = common;
      row.w = a.w.f32() + first, row.grad = g.f32() + first, row.m = a.m.f32() + first,
      row.v = a.v.f32() + first;
      row.count = count;
      isa.adamw(row);
    });
    return;
  }
  for_pieces(
      context, g.rows, std::max<int64_t>(1, kElements / g.cols), [&](int64_t first, int64_t count, int) {
        for (int64_t r = first; r < first + count; ++r) {
          AdamwRow row = common;
          row.w = a.w.f32() + (a.rows ? a.rows[r] : r) * a.w.ld;
          row.grad = g.f32() + r * g.ld, row.m = a.m.f32() + r * a.m.ld, row.v = a.v.f32() + r * a.v.ld;
          row.columns = a.columns, row.count = g.cols;
          isa.adamw(row);
        }
      });
}

}  // namespace adaptune::cpu
