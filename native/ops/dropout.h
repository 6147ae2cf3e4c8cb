// The dropout mask of ops.h, one element at a time.
#pragma once
#include "base/philox.h"
#include "ops/ops.h"

namespace adaptune {

inline bool dropout_keeps(const Dropout& d, int64_t element_of_piece) {
  const int64_t element = d.first + element_of_piece;
  const uint32_t block = static_cast<uint32_t>(element / 4), stream = static_cast<uint32_t>(Stream::kDropout);
  const uint32_t word = philox4x32(d.seed, block, d.site, d.step, stream).x[element % 4];
  return static_cast<float>(word >> 8) * 0x1p-24f >= d.p;
}

}  // namespace adaptune
