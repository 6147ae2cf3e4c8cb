// The limit that products of matrices are held against: independent chains of multiply-adds in registers. One
// step: kChains vectors, 2 kW FLOPs each; nothing is loaded.
#include "cpu/isa/table.h"
#include "cpu/isa/vec.h"

namespace adaptune {
namespace {

constexpr int kChains = 12;  // kMultiplyAddChains of ops.h

float multiply_add(int64_t steps) {
  vf x[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) x[i] = splat(static_cast<float>(i));
  const vf factor = splat(0.999f), term = splat(0.001f);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) x[i] = fma(x[i], factor, term);
  vf sum = {};
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) sum += x[i];
  return sum_lanes(sum) / (kChains * kW);
}

}  // namespace
}  // namespace adaptune

ADAPTUNE_EXPORT(peak) { table->multiply_add = adaptune::multiply_add; }
