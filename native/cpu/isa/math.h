// exp, the normal distribution, tanh and the dropout mask on vectors. Polynomials: our own weighted minimax
// fits (Lawson) in double. Largest errors over 2^20 points each: exp 1.0 ulp on [-87, 88], tanh 1.3 ulp on
// [-10, 10], Phi 1.4e-7 absolute and 1.2e-6 relative on [-6, 6], gelu 4e-7 absolute there (single precision 1
// + erf loses all digits at -6).
#pragma once
#include "cpu/isa/table.h"
#include "cpu/isa/vec.h"

namespace adaptune {
namespace {

// x = n ln 2 + r, e^x = 2^n e^r. 0 below -87.3 (no denormals), infinity above 88.3; NaN stays NaN.
ADAPTUNE_INLINE vf exp(vf x) {
  const vf shifter = splat(0x1.8p23f);  // its last bit counts ones: adding it rounds to an integer
  const vf shifted = fma(x, splat(0x1.715476p0f), shifter);
  const vf n = shifted - shifter;
  vf r = fma(n, splat(-0.693359375f), x);  // ln 2 in two parts, the first short enough for an exact product
  r = fma(n, splat(2.12194440e-4f), r);
  vf p = splat(0.00138144648f);
  p = fma(p, r, splat(0.00836878062f));
  p = fma(p, r, splat(0.0416683943f));
  p = fma(p, r, splat(0.166665201f));
  p = fma(p, r, splat(0.499999934f));
  p = fma(p, r * r, r) + 1;
  const vf power = (vf)(((vu)shifted << 23) + 0x3F800000u);
  vf y = p * power;
  y = x < -87.3f ? vf{} : y;
  return x > 88.3f ? splat(__builtin_inff()) : y;
}

// Phi(x) = 1/2 (1 + erf(x / sqrt 2)) and the density phi(x) = e^(-x^2/2) / sqrt(2 pi). For a = |x|:
// Phi(-a) = e^(-a^2/2) R(u) / (a + 4) with u = (a - 4) / (a + 4), R a polynomial of degree 9.
struct Normal {
  vf cdf, density;
};
ADAPTUNE_INLINE Normal normal(vf x) {
  const vf a = abs(x), e = exp(x * x * -0.5f), q = 1 / (a + 4), u = fma(q, splat(-8.0f), splat(1.0f));
  vf p = splat(-0.0001545471341f);
  p = fma(p, u, splat(0.0001272146673f));
  p = fma(p, u, splat(0.001558565478f));
  p = fma(p, u, splat(-0.003472363526f));
  p = fma(p, u, splat(-0.007509172941f));
  p = fma(p, u, splat(0.06039322198f));
  p = fma(p, u, splat(-0.1865272969f));
  p = fma(p, u, splat(0.3871379075f));
  p = fma(p, u, splat(-0.6078963811f));
  p = fma(p, u, splat(0.7552851189f));
  const vf tail = e * (p * q);
  return {x < 0 ? tail : 1 - tail, e * 0.398942280f};
}

ADAPTUNE_INLINE vf gelu(vf x) { return x * normal(x).cdf; }
ADAPTUNE_INLINE vf gelu_gradient(vf x) {
  const Normal n = normal(x);
  return fma(x, n.density, n.cdf);
}

// Near 0 an odd polynomial, else 1 - 2 / (e^2a + 1).
ADAPTUNE_INLINE vf tanh(vf x) {
  const vf a = abs(x), s = x * x;
  vf p = splat(-0.006096937f);
  p = fma(p, s, splat(0.020997354f));
  p = fma(p, s, splat(-0.0538509526f));
  p = fma(p, s, splat(0.133327701f));
  p = fma(p, s, splat(-0.333333289f));
  const vf near = fma(p * s, x, x);
  const vf far = copy_sign(1 - 2 / (exp(a + a) + 1), x);
  return a < 0.625f ? near : far;
}

// Writes all-ones (kept) or zero words for elements [first, first + count) and returns where the first one
// stands: Philox (base/philox.h) makes four at a time, so up to three stand before it. mask:
// keep_words(count) words. Each 64-bit lane carries one counter; the high halves of c0..c3 hold rubbish that
// the products ignore.
ADAPTUNE_INLINE int64_t keep_words(int64_t count) { return count + 3 + 2 * kW; }

ADAPTUNE_INLINE uint32_t* keep_mask(const Keep& keep, uint64_t first, int64_t count, uint32_t* mask) {
  const vq m0 = 0xD2511F53u - vq{}, m1 = 0xCD9E8D57u - vq{};
  const int64_t before = static_cast<int64_t>(first % 4), total = before + count;
  uint64_t block = first / 4;
  for (int64_t done = 0; done < total; done += 2 * kW, block += kW / 2) {
    vq c0 = kLane + block, c1 = keep.site - vq{}, c2 = keep.step - vq{}, c3 = 4 - vq{};  // Stream::kDropout
    uint32_t k0 = static_cast<uint32_t>(keep.seed), k1 = static_cast<uint32_t>(keep.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const vq p0 = multiply_low(c0, m0), p1 = multiply_low(c2, m1);
      c0 = (p1 >> 32) ^ c1 ^ k0, c2 = (p0 >> 32) ^ c3 ^ k1, c1 = p1, c3 = p0;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    const vq low = 0xFFFFFFFFu - vq{};
    const vq x01 = (c0 & low) | (c1 << 32), x23 = (c2 & low) | (c3 << 32);
    const vu even = (vu)interleave_lo(x01, x23) >> 8, odd = (vu)interleave_hi(x01, x23) >> 8;
    store(mask + done, (vu)((vi)even >= static_cast<int32_t>(keep.threshold)));
    store(mask + done + kW, (vu)((vi)odd >= static_cast<int32_t>(keep.threshold)));
  }
  return mask + before;
}

ADAPTUNE_INLINE vf kept(vf x, float scale, const uint32_t* mask) {
  return (vf)((vu)(x * scale) & load(mask));
}

}  // namespace
}  // namespace adaptune
