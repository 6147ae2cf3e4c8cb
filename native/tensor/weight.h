// A parameter matrix as the ops see it: the values, optional scales (int8 later), and the packs that a
// backend makes on demand and keeps until the values change.
#pragma once
#include "base/memory.h"
#include "tensor/matrix.h"

namespace adaptune {

// A backend's private copy in its own order. Valid for that backend while version equals the weight's.
struct Pack {
  Buffer buffer;
  uint64_t version = 0;           // 0 = never made
  const void* backend = nullptr;  // Context::backend that made it
};

struct Weight {
  Matrix values;                  // [out, in], as Hugging Face stores it
  const float* scales = nullptr;  // per output row, absent for floating-point values
  uint64_t version = 1;           // bumped by whoever writes values
  // Forward reads W as [in, out] panels, the input gradient as [out, in] panels.
  mutable Pack forward_pack, input_grad_pack;
  // Keep packs between calls? False while the weight changes every step (packed into scratch then).
  bool keep_packs = true;
};

inline void drop_packs(const Weight& weight) { weight.forward_pack = {}, weight.input_grad_pack = {}; }

}  // namespace adaptune
