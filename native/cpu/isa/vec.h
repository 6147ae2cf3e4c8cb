// Vectors of floats as wide as the instruction set that this object is compiled for, on GNU vector
// extensions. Intrinsics stand only where the extensions cannot say it: fused multiply-add, square root, 32 x
// 32 -> 64 bit products. (The full masks keep gcc 12 from warning about its own undefined operands; they
// compile to nothing.)
#pragma once
#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Every object of an instruction set exports one function, adaptune_<set>_<family>(IsaTable*).
#define ADAPTUNE_PASTE_(isa, family) adaptune_##isa##_##family
#define ADAPTUNE_PASTE(isa, family) ADAPTUNE_PASTE_(isa, family)
#define ADAPTUNE_EXPORT(family) \
  extern "C" void ADAPTUNE_PASTE(ADAPTUNE_ISA, family)(adaptune::IsaTable * table)
#define ADAPTUNE_INLINE static inline __attribute__((always_inline))

namespace adaptune {
namespace {  // nothing of this header may leave the object

#if defined(__AVX512F__)
constexpr int kW = 16;
#elif defined(__AVX2__)
constexpr int kW = 8;
#else
constexpr int kW = 4;
#endif

typedef float vf __attribute__((vector_size(kW * 4)));
typedef int32_t vi __attribute__((vector_size(kW * 4)));
typedef uint32_t vu __attribute__((vector_size(kW * 4)));
typedef uint64_t vq __attribute__((vector_size(kW * 4)));  // kW / 2 lanes
typedef double vd __attribute__((vector_size(kW * 4)));    // kW / 2 lanes
typedef float vf_any __attribute__((vector_size(kW * 4), aligned(4), may_alias));
typedef uint32_t vu_any __attribute__((vector_size(kW * 4), aligned(4), may_alias));
typedef double vd_any __attribute__((vector_size(kW * 4), aligned(8), may_alias));
typedef float vh_any __attribute__((vector_size(kW * 2), aligned(4), may_alias));

ADAPTUNE_INLINE vf load(const float* p) { return *reinterpret_cast<const vf_any*>(p); }
ADAPTUNE_INLINE void store(float* p, vf x) { *reinterpret_cast<vf_any*>(p) = x; }
ADAPTUNE_INLINE vu load(const uint32_t* p) { return *reinterpret_cast<const vu_any*>(p); }
ADAPTUNE_INLINE void store(uint32_t* p, vu x) { *reinterpret_cast<vu_any*>(p) = x; }
ADAPTUNE_INLINE vd load(const double* p) { return *reinterpret_cast<const vd_any*>(p); }
ADAPTUNE_INLINE void store(double* p, vd x) { *reinterpret_cast<vd_any*>(p) = x; }
// kW / 2 floats as doubles, in one instruction where there is one: gcc 12 makes two halves of the conversion.
ADAPTUNE_INLINE vd load_wide(const float* p) {
#if defined(__AVX512F__)
  return _mm512_maskz_cvtps_pd(-1, _mm256_loadu_ps(p));
#elif defined(__AVX2__)
  return _mm256_cvtps_pd(_mm_loadu_ps(p));
#else
  return __builtin_convertvector(*reinterpret_cast<const vh_any*>(p), vd);
#endif
}
ADAPTUNE_INLINE vf splat(float x) { return x - vf{}; }
ADAPTUNE_INLINE vd splat(double x) { return x - vd{}; }

// The first n < kW floats, zeros behind them.
ADAPTUNE_INLINE vf load_part(const float* p, int64_t n) {
  float part[kW] = {};
  for (int64_t i = 0; i < n; ++i) part[i] = p[i];
  return load(part);
}
ADAPTUNE_INLINE void store_part(float* p, vf x, int64_t n) {
  float part[kW];
  store(part, x);
  for (int64_t i = 0; i < n; ++i) p[i] = part[i];
}

// A row of any length, vector by vector: body(first, lanes), where lanes is Whole but for the last n < kW
// floats. What a body computes in missing lanes is dropped by store(); sums over lanes take only(x), which
// zeroes them.
struct Whole {
  static vf load(const float* p) { return adaptune::load(p); }
  static void store(float* p, vf x) { adaptune::store(p, x); }
  static vf only(vf x) { return x; }
};
struct Part {
  int64_t n;
  vf load(const float* p) const { return load_part(p, n); }
  void store(float* p, vf x) const { store_part(p, x, n); }
  vf only(vf x) const {
    for (int64_t i = n; i < kW; ++i) x[i] = 0;
    return x;
  }
};
template <class Body>
ADAPTUNE_INLINE void each_vector(int64_t count, Body body) {
  int64_t first = 0;
  for (; first + kW <= count; first += kW) body(first, Whole{});
  if (first < count) body(first, Part{count - first});
}

ADAPTUNE_INLINE vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

ADAPTUNE_INLINE vd fma(vd a, vd b, vd c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_pd(a, b, c);
#else
  return a * b + c;
#endif
}

ADAPTUNE_INLINE vf sqrt(vf x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(-1, x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(x);
#else
  for (int i = 0; i < kW; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// Products of the low halves of 64-bit lanes; what stands in the high halves does not matter.
ADAPTUNE_INLINE vq multiply_low(vq a, vq b) {
#if defined(__AVX512F__)
  return (vq)_mm512_maskz_mul_epu32(-1, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (vq)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (vq)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

// b where one is NaN
ADAPTUNE_INLINE vf max(vf a, vf b) { return a > b ? a : b; }
ADAPTUNE_INLINE vf min(vf a, vf b) { return a < b ? a : b; }
ADAPTUNE_INLINE vf abs(vf x) { return (vf)((vi)x & 0x7FFFFFFF); }
ADAPTUNE_INLINE vd abs(vd x) { return (vd)((vq)x & 0x7FFFFFFFFFFFFFFFu); }
ADAPTUNE_INLINE vf copy_sign(vf magnitude, vf sign) {
  return (vf)((vi)magnitude | ((vi)sign & static_cast<int32_t>(0x80000000u)));
}

// Interleave: lo = a0 b0 a1 b1 ..., hi = the upper halves likewise.
#if defined(__AVX512F__)
ADAPTUNE_INLINE vf interleave_lo(vf a, vf b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
ADAPTUNE_INLINE vf interleave_hi(vf a, vf b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
ADAPTUNE_INLINE vq interleave_lo(vq a, vq b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
ADAPTUNE_INLINE vq interleave_hi(vq a, vq b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
constexpr vq kLane = {0, 1, 2, 3, 4, 5, 6, 7};
#elif defined(__AVX2__)
ADAPTUNE_INLINE vf interleave_lo(vf a, vf b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
ADAPTUNE_INLINE vf interleave_hi(vf a, vf b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
ADAPTUNE_INLINE vq interleave_lo(vq a, vq b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
ADAPTUNE_INLINE vq interleave_hi(vq a, vq b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
constexpr vq kLane = {0, 1, 2, 3};
#else
ADAPTUNE_INLINE vf interleave_lo(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
ADAPTUNE_INLINE vf interleave_hi(vf a, vf b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
ADAPTUNE_INLINE vq interleave_lo(vq a, vq b) { return __builtin_shufflevector(a, b, 0, 2); }
ADAPTUNE_INLINE vq interleave_hi(vq a, vq b) { return __builtin_shufflevector(a, b, 1, 3); }
constexpr vq kLane = {0, 1};
#endif

// Sum and largest of the lanes, by halves: one fixed order.
typedef float f2 __attribute__((vector_size(8)));
typedef float f4 __attribute__((vector_size(16)));
template <class Op>
ADAPTUNE_INLINE float fold(f4 x, Op op) {
  const f2 y = op(__builtin_shufflevector(x, x, 0, 1), __builtin_shufflevector(x, x, 2, 3));
  return op(y[0], y[1]);
}
#if defined(__AVX2__)
typedef float f8 __attribute__((vector_size(32)));
template <class Op>
ADAPTUNE_INLINE float fold(f8 x, Op op) {
  return fold(op(__builtin_shufflevector(x, x, 0, 1, 2, 3), __builtin_shufflevector(x, x, 4, 5, 6, 7)), op);
}
#endif
#if defined(__AVX512F__)
template <class Op>
ADAPTUNE_INLINE float fold(vf x, Op op) {
  return fold(op(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7),
                 __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15)),
              op);
}
#endif
ADAPTUNE_INLINE float sum_lanes(vf x) {
  return fold(x, [](auto a, auto b) { return a + b; });
}
ADAPTUNE_INLINE float max_lanes(vf x) {
  return fold(x, [](auto a, auto b) { return a > b ? a : b; });
}
ADAPTUNE_INLINE double sum_lanes(vd x) {
  double lane[kW / 2];
  store(lane, x);
  for (int half = kW / 4; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// Rows into columns: log2(kW) perfect shuffles.
ADAPTUNE_INLINE void transpose(vf (&x)[kW]) {
#pragma GCC unroll 4
  for (int stage = 1; stage < kW; stage *= 2) {
    vf y[kW];
#pragma GCC unroll 8
    for (int i = 0; i < kW / 2; ++i) {
      y[2 * i] = interleave_lo(x[i], x[i + kW / 2]);
      y[2 * i + 1] = interleave_hi(x[i], x[i + kW / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kW; ++i) x[i] = y[i];
  }
}

}  // namespace
}  // namespace adaptune
