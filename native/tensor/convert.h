// Stored floating-point values to float.
#pragma once
#include "tensor/matrix.h"

namespace adaptune {

// Index of the first value that is NaN or infinite, count when there is none. values: any alignment; kF32,
// kF16, kBF16.
int64_t first_non_finite(DType dtype, const void* values, int64_t count);
void to_float(DType dtype, const void* values, int64_t count, float* out);

}  // namespace adaptune
