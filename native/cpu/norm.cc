// Cuts the row-wise ops into blocks of rows. dgamma and dbeta: one partial sum per kRowBlock rows, merged in
// order.
#include "cpu/ops_cpu.h"

namespace adaptune::cpu {

namespace {
constexpr int64_t kForwardRows = 16;
}  // namespace

void norm_fwd(const Context& context, const NormFwdArgs& a) {
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const int64_t width = a.x.cols, words = isa.keep_words(width);
  const Keep keep = keep_of(a.dropout);
  uint32_t* mask = keep.threshold ? context.scratch->take<uint32_t>(context.pool->size() * words) : nullptr;
  for_pieces(context, a.x.rows, kForwardRows, [&](int64_t first, int64_t count, int worker) {
    const auto at = [first](const Matrix& m) { return m ? m.f32() + first * m.ld : nullptr; };
    NormFwdRows rows = {};
    rows.x = at(a.x), rows.residual = at(a.residual), rows.gamma = a.gamma, rows.beta = a.beta;
    rows.y = at(a.y), rows.sum = at(a.sum);
    rows.mean = a.mean ? a.mean + first : nullptr, rows.rstd = a.rstd ? a.rstd + first : nullptr;
    rows.ld_x = a.x.ld, rows.ld_residual = a.residual.ld, rows.ld_y = a.y.ld, rows.ld_sum = a.sum.ld;
    rows.rows = count, rows.width = width,
    rows.first_element = static_cast<uint64_t>(a.dropout.first + first * width);
    rows.eps = a.eps, rows.keep = keep, rows.mask = mask ? mask + worker * words : nullptr;
    isa.norm_fwd(rows);
  });
}

void norm_bwd(const Context& context, const NormBwdArgs& a) {
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const int64_t width = a.dy.cols, words = isa.keep_words(width), blocks = ceil_div(a.dy.rows, kRowBlock);
  const Keep keep = keep_of(a.dropout);
  uint32_t* mask = keep.threshold ? context.scratch->take<uint32_t>(context.pool->size() * words) : nullptr;
  float* dgamma = a.dgamma ? context.scratch->take<float>(blocks * width) : nullptr;
  float* dbeta = a.dbeta ? context.scratch->take<float>(blocks * width) : nullptr;
  for_pieces(context, a.dy.rows, kRowBlock, [&](int64_t first, int64_t count, int worker) {
    const auto at = [first](const Matrix& m) { return m ? m.f32() + first * m.ld : nullptr; };
    const int64_t partial = first / kRowBlock * width;
    NormBwdRows rows = {};
    rows.dy = at(a.dy), rows.sum = at(a.sum), rows.mean = a.mean + first, rows.rstd = a.rstd + first;
    rows.gamma = a.gamma, rows.dsum = at(a.dsum), rows.dx = at(a.dx);
    rows.dgamma = dgamma ? dgamma + partial : nullptr, rows.dbeta = dbeta ? dbeta + partial : nullptr;
    rows.ld_dy = a.dy.ld, rows.ld_sum = a.sum.ld, rows.ld_dsum = a.dsum.ld, rows.ld_dx = a.dx.ld;
    rows.rows = count, rows.width = width,
    rows.first_element = static_cast<uint64_t>(a.dropout.first + first * width);
    rows.keep = keep, rows.mask = mask ? mask + worker * words : nullptr;
    isa.norm_bwd(rows);
  });
  if (dgamma) merge_blocks(context, dgamma, width, blocks, width, a.dgamma);
  if (dbeta) merge_blocks(context, dbeta, width, blocks, width, a.dbeta);
}

void dropout(const Context& context, const DropoutArgs& a) {
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const int64_t width = a.x.cols, words = isa.keep_words(width);
  const Keep keep = keep_of(a.dropout);
  uint32_t* mask = context.scratch->take<uint32_t>(context.pool->size() * words);
  for_pieces(context, a.x.rows, kForwardRows, [&](int64_t first, int64_t count, int worker) {
    for (int64_t row = first; row < first + count; ++row) {
      const float* x = a.x.f32() + row * a.x.ld;
      float* y = a.y.f32() + row * a.y.ld;
      if (keep.threshold) {
        const uint64_t element = static_cast<uint64_t>(a.dropout.first + row * width);
        isa.dropout(keep, element, width, x, y, mask + worker * words, a.add);
      } else if (a.add) {
        isa.add_rows(y, x, nullptr, width, y);
      } else if (x != y) {
        std::copy(x, x + width, y);
      }
    }
  });
}

}  // namespace adaptune::cpu
