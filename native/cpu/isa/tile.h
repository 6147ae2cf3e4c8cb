// The register tile: MR rows x NV vectors of C stay in registers while k runs; each k is one multiply-add per
// vector.
#pragma once
#include "cpu/isa/vec.h"

namespace adaptune {
namespace {

// Registers decide the tile: 24 of 32 (AVX-512), 12 of 16 (AVX2), 8 of 16 without fused multiply-add.
#if defined(__AVX512F__)
constexpr int kMR = 8, kNV = 3;
#elif defined(__AVX2__)
constexpr int kMR = 6, kNV = 2;
#else
constexpr int kMR = 4, kNV = 2;
#endif

enum class Into : uint8_t { kSet, kAdd };

struct Nothing {
  void operator()() const {}
};

// c[MR][NV kW] = or += sum_k a[row][k] b[k][NV kW]. Element (row, k) of A stands at a[row * row_step + k *
// k_step]. `between` is called before the last `late` of the k.
template <int MR, int NV, class Between = Nothing>
ADAPTUNE_INLINE void tile(int64_t k, const float* a, int64_t row_step, int64_t k_step, const float* b,
                          int64_t ldb, float* c, int64_t ldc, Into into, int64_t late = 0,
                          Between between = {}) {
  vf sum[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) sum[i][j] = vf{};
  const auto multiply = [&](int64_t steps) __attribute__((always_inline)) {
    for (int64_t p = 0; p < steps; ++p, a += k_step, b += ldb) {
      vf row[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) row[j] = load(b + j * kW);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
        const vf x = splat(a[i * row_step]);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) sum[i][j] = fma(x, row[j], sum[i][j]);
      }
    }
  };
  if (late > 0) {
    if (k > late) multiply(k - late);
    between();
    multiply(k > late ? late : k);
  } else {
    multiply(k);
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      float* out = c + i * ldc + j * kW;
      store(out, into == Into::kAdd ? load(out) + sum[i][j] : sum[i][j]);
    }
}

}  // namespace
}  // namespace adaptune
