// The loop of multiply-adds on every thread, in pieces, so that a thread that wakes late costs little.
#include "cpu/ops_cpu.h"

namespace adaptune::cpu {

namespace {
constexpr int64_t kPieces = 16;  // of a thread
static_assert(kMultiplyAddChains == 12, "isa/peak.cc");
}  // namespace

void multiply_add(const Context& context, const MultiplyAddArgs& a) {
  const IsaTable& isa = isa_of(context);
  const int64_t pieces = kPieces * context.pool->size();
  float mean = 0;
  context.pool->parallel(pieces, [&](int64_t index, int) {
    const float value = isa.multiply_add(a.steps);
    if (index == 0) mean = value;
  });
  *a.mean = static_cast<double>(mean);
  *a.flops = 2.0 * static_cast<double>(pieces * a.steps * kMultiplyAddChains * isa.width);
}

}  // namespace adaptune::cpu
