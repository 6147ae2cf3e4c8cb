// A table that checks the arguments of every op (shapes, indices, what may share memory) and hands them on to
// another table. For tests and debugging: it costs a few comparisons an op, and a scan of index lists.
#pragma once
#include "ops/ops.h"

namespace adaptune {

// What Context::backend points to under kCheckedOps; the inner table gets its own backend back.
struct Checked {
  const Ops* inner;
  const void* backend;
};

// Throws E_INTERNAL naming the op, the argument, what was expected and what came.
extern const Ops kCheckedOps;

}  // namespace adaptune
