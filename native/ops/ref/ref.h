// The slow, obvious oracle: one thread, sums in double, float storage between ops. One file per family of
// ops.
#pragma once
#include "ops/ops.h"

namespace adaptune::ref {

ADAPTUNE_OPS(ADAPTUNE_OP_FUNCTION)

inline float& at(const Matrix& m, int64_t row, int64_t col) { return m.f32()[row * m.ld + col]; }

// 0, or the factor that dropout multiplies element `element` by.
double dropout_factor(const Dropout& d, int64_t element);

}  // namespace adaptune::ref
