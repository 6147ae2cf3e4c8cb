// The ops of this backend and what their drivers share. A driver checks shapes once, cuts the work into tasks
// whose results depend on the task alone, and calls the kernels of context.backend (isa/table.h).
#pragma once
#include <algorithm>

#include "base/error.h"
#include "cpu/isa/table.h"
#include "ops/ops.h"

namespace adaptune::cpu {

ADAPTUNE_OPS(ADAPTUNE_OP_FUNCTION)

inline const IsaTable& isa_of(const Context& context) {
  return *static_cast<const IsaTable*>(context.backend);
}
constexpr int64_t ceil_div(int64_t x, int64_t y) { return (x + y - 1) / y; }

// p in units of 2^-24, rounded up: uniform >= p exactly when word >> 8 >= threshold. p >= 1 drops everything.
inline Keep keep_of(const Dropout& d) {
  const double scaled = static_cast<double>(d.p) * 0x1p24;
  const uint32_t whole = scaled >= 0x1p24 ? 1u << 24 : static_cast<uint32_t>(scaled);
  return {d.seed, d.step, d.site, whole + (static_cast<double>(whole) < scaled && whole < 1u << 24),
          1 / (1 - d.p)};
}

// Runs body(first, count, worker) over pieces of [0, total).
template <class Body>
void for_pieces(const Context& context, int64_t total, int64_t piece, Body&& body) {
  context.pool->parallel(ceil_div(total, piece), [&](int64_t index, int worker) {
    const int64_t first = index * piece;
    body(first, std::min(piece, total - first), worker);
  });
}

// out[c] += sum over blocks, in order and in fp64, of partial[block * ld + c].
template <class T, class Out>
void merge_blocks(const Context& context, const T* partial, int64_t ld, int64_t blocks, int64_t count,
                  Out* out) {
  for_pieces(context, count, 256, [&](int64_t first, int64_t n, int) {
    for (int64_t c = first; c < first + n; ++c) {
      double sum = 0;
      for (int64_t b = 0; b < blocks; ++b) sum += static_cast<double>(partial[b * ld + c]);
      out[c] = static_cast<Out>(static_cast<double>(out[c]) + sum);
    }
  });
}

}  // namespace adaptune::cpu
