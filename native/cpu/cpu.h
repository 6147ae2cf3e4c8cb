// The CPU backend: one op table per instruction set that this binary holds and this machine has.
#pragma once
#include "ops/ops.h"

namespace adaptune {

// isa: "scalar", "avx2", "avx512". nullptr when unknown, not compiled in, or not supported by this machine.
// Context::backend must be the returned backend pointer.
struct CpuBackend {
  const Ops* ops;
  const void* backend;
};
CpuBackend cpu_backend(const char* isa);
const char* best_isa();  // the widest that this machine supports

}  // namespace adaptune
