// Decoupled AdamW (Loshchilov and Hutter 2019) on a row of w or on listed columns of it; grad, m and v are
// compact.
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w = w decay - step m / (sqrt(v) root_bias + eps)
// 28 bytes and about 14 FLOPs an element (one square root, one division): memory decides.
// Measured (Zen 4 server, one thread, AVX-512): 48 GB/s on 4 Mi parameters, 18 GB/s on a tenth of the columns
// of 384 x 1536.
#include "cpu/isa/table.h"
#include "cpu/isa/vec.h"

namespace adaptune {
namespace {

void adamw(const AdamwRow& a) {
  each_vector(a.count, [&](int64_t i, auto lanes) {
    const vf g = lanes.load(a.grad + i) * a.grad_scale;
    const vf m = fma(lanes.load(a.m + i), splat(a.beta1), g * a.one_minus_beta1);
    const vf v = fma(lanes.load(a.v + i), splat(a.beta2), g * g * a.one_minus_beta2);
    const vf update = m * a.step / fma(sqrt(v), splat(a.root_bias), splat(a.eps));
    lanes.store(a.m + i, m);
    lanes.store(a.v + i, v);
    if (!a.columns) {
      lanes.store(a.w + i, fma(lanes.load(a.w + i), splat(a.decay), -update));
      return;
    }
    const int64_t n = a.count - i < kW ? a.count - i : kW;
    float w[kW] = {};
    for (int64_t l = 0; l < n; ++l) w[l] = a.w[a.columns[i + l]];
    store(w, fma(load(w), splat(a.decay), -update));
    for (int64_t l = 0; l < n; ++l) a.w[a.columns[i + l]] = w[l];
  });
}

}  // namespace
}  // namespace adaptune

ADAPTUNE_EXPORT(adamw) { table->adamw = adaptune::adamw; }
