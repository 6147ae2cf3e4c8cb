// Which instruction sets this binary holds, and which of them this machine can run.
#include <cstring>

#include "base/cpu_features.h"
#include "cpu/cpu.h"
#include "cpu/ops_cpu.h"

// One static library per instruction set that the builder adds; each object of it fills its part of the
// table.
#define ADAPTUNE_ISA_FAMILIES(X, isa) \
  X(isa, gemm) X(isa, norm) X(isa, attention) X(isa, reduce) X(isa, adamw) X(isa, peak)
#define ADAPTUNE_DECLARE(isa, family) extern "C" void adaptune_##isa##_##family(adaptune::IsaTable*);
ADAPTUNE_ISA_FAMILIES(ADAPTUNE_DECLARE, scalar)
#if defined(ADAPTUNE_HAS_AVX2)
ADAPTUNE_ISA_FAMILIES(ADAPTUNE_DECLARE, avx2)
#endif
#if defined(ADAPTUNE_HAS_AVX512)
ADAPTUNE_ISA_FAMILIES(ADAPTUNE_DECLARE, avx512)
#endif

namespace adaptune {
namespace {

struct Backend {
  IsaTable isa;
  Ops ops;
};

using Fill = void (*)(IsaTable*);

Backend make(const char* name, std::initializer_list<Fill> families) {
  Backend b = {};
  b.isa.name = name;
  for (Fill fill : families) fill(&b.isa);
#define ADAPTUNE_ENTRY(op, Args) .op = cpu::op,
  b.ops = {.name = name, ADAPTUNE_OPS(ADAPTUNE_ENTRY)};
#undef ADAPTUNE_ENTRY
  return b;
}

#define ADAPTUNE_LIST(isa, family) adaptune_##isa##_##family,

// nullptr: unknown, or not for this machine.
const Backend* find(const char* isa) {
  static const Backend scalar = make("scalar", {ADAPTUNE_ISA_FAMILIES(ADAPTUNE_LIST, scalar)});
  if (std::strcmp(isa, "scalar") == 0) return &scalar;
#if defined(ADAPTUNE_HAS_AVX2)
  static const Backend avx2 = make("avx2", {ADAPTUNE_ISA_FAMILIES(ADAPTUNE_LIST, avx2)});
  if (std::strcmp(isa, "avx2") == 0 && cpu_features().avx2) return &avx2;
#endif
#if defined(ADAPTUNE_HAS_AVX512)
  static const Backend avx512 = make("avx512", {ADAPTUNE_ISA_FAMILIES(ADAPTUNE_LIST, avx512)});
  if (std::strcmp(isa, "avx512") == 0 && cpu_features().avx512) return &avx512;
#endif
  return nullptr;
}

}  // namespace

CpuBackend cpu_backend(const char* isa) {
  const Backend* backend = find(isa);
  return backend ? CpuBackend{&backend->ops, &backend->isa} : CpuBackend{nullptr, nullptr};
}

const char* best_isa() {
  for (const char* isa : {"avx512", "avx2"})
    if (find(isa)) return isa;
  return "scalar";
}

}  // namespace adaptune
