// exp, GELU, tanh and the dropout mask on vectors. Polynomials and rational functions: our own weighted
// minimax fits (Lawson) in double. Largest errors over 2^20 points each: exp 1.0 ulp on [-87, 88], tanh 1.3
// ulp on
// [-10, 10], gelu 8e-7 and its derivative 2.9e-7 absolute everywhere (x / 2 (1 + erf) in single
// precision: 4.5e-7 at best).
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

// Phi(-a) = e^(-a^2/2) M(a) of the normal distribution, a = |x|: a power of two, and the ratio of Mills as a
// rational function. NaN stays NaN. Estrin's scheme: short chains, since the epilogue of a product has few
// vectors in flight.
struct Tail {
  vf a, power, mills;
};
ADAPTUNE_INLINE Tail normal_tail(vf x) {
  const vf a = min(splat(13.2f), abs(x));  // 2^-126, the smallest normal number, from there on
  const vf a2 = a * a, a4 = a2 * a2;
  const vf t = a2 * -0.72134752f;  // log2(e) / 2
  const vf shifter = splat(0x1.8p23f), shifted = t + shifter, f = t - (shifted - shifter), f2 = f * f;
  const vf e01 = fma(f, splat(0.693147203f), splat(1.0f)),
           e23 = fma(f, splat(0.0555033247f), splat(0.240226479f)),
           e45 = fma(f, splat(0.00133988744f), splat(0.00961843736f));
  const vf power = (vf)(((vu)shifted << 23) + 0x3F800000u);
  const vf e = fma(f2, fma(f2, fma(f2, splat(0.000153533619f), e45), e23), e01) * power;
  const vf p01 = fma(a, splat(0.312221789f), splat(0.499999991f)),
           p23 = fma(a, splat(0.0114458651f), splat(0.0938319777f));
  const vf q01 = fma(a, splat(1.42232695f), splat(1.0f)),
           q23 = fma(a, splat(0.233921647f), splat(0.822529091f));
  const vf p = fma(a4, splat(1.10453598e-06f), fma(a2, p23, p01));
  const vf q = fma(a4, splat(0.0287791468f), fma(a2, q23, q01));
  return {a, e, p / q};
}

// x Phi(x) = max(x, 0) - a Phi(-a), where Phi(x) = 1/2 (1 + erf(x / sqrt 2))
ADAPTUNE_INLINE vf gelu(vf x) {
  const Tail t = normal_tail(x);
  return max(vf{}, x) - t.a * (t.power * t.mills);
}
// Phi(x) + x phi(x), phi(x) = e^(-x^2/2) / sqrt(2 pi)
ADAPTUNE_INLINE vf gelu_gradient(vf x) {
  const Tail t = normal_tail(x);
  const vf left = t.power * fma(t.a, splat(-0.398942280f), t.mills);
  return x < 0 ? left : 1 - left;
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
