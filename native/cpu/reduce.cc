// Reductions: partial results of fixed blocks (kRowBlock rows, or kFlat elements), merged in the order of the
// blocks.
#include <cmath>

#include "cpu/ops_cpu.h"
#include "ops/moments.h"

namespace adaptune::cpu {
namespace {

constexpr int64_t kFlat = 32 * 1024;  // elements of a block of a flat array
constexpr int64_t kColumns = 256;     // of one task

const float* row_of(const Matrix& m, int64_t row) { return m.f32() + row * m.ld; }

// norm[t][g] = L2 norm of columns [g group, (g + 1) group) of x[t]
Matrix group_norms(const Context& context, const Matrix& x, int64_t group) {
  const IsaTable& isa = isa_of(context);
  const int64_t groups = x.cols / group;
  const Matrix norms = matrix(context.scratch->take<float>(x.rows * groups), x.rows, groups);
  for_pieces(context, x.rows, 16, [&](int64_t first, int64_t n, int) {
    for (int64_t t = first; t < first + n; ++t)
      for (int64_t g = 0; g < groups; ++g)
        norms.f32()[t * groups + g] =
            static_cast<float>(std::sqrt(isa.sum_squares(row_of(x, t) + g * group, group)));
  });
  return norms;
}

}  // namespace

void column_sum(const Context& context, const ColumnSumArgs& a) {
  const IsaTable& isa = isa_of(context);
  if (a.count == 0) return;
  ArenaScope scope(*context.scratch);
  const int64_t blocks = ceil_div(a.x.rows, kRowBlock);
  float* partial = context.scratch->take<float>(blocks * a.count);
  for_pieces(context, a.x.rows, kRowBlock, [&](int64_t first, int64_t n, int) {
    isa.column_sum(row_of(a.x, first), a.x.ld, a.columns, n, a.count, partial + first / kRowBlock * a.count);
  });
  merge_blocks(context, partial, a.count, blocks, a.count, a.out);
}

void sum_squares(const Context& context, const SumSquaresArgs& a) {
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const Matrix& x = a.x;
  switch (a.axis) {
    case Axis::kAll: {
      const bool flat = x.ld == x.cols || x.rows == 1;
      const int64_t lines = flat ? 1 : x.rows, length = flat ? x.rows * x.cols : x.cols;
      const int64_t pieces = ceil_div(length, kFlat);
      double* partial = context.scratch->take<double>(lines * pieces);
      for_pieces(context, lines * pieces, flat ? 1 : 16, [&](int64_t first, int64_t n, int) {
        for (int64_t i = first; i < first + n; ++i) {
          const int64_t start = i % pieces * kFlat;
          partial[i] = isa.sum_squares(row_of(x, i / pieces) + start, std::min(kFlat, length - start));
        }
      });
      double sum = 0;
      for (int64_t i = 0; i < lines * pieces; ++i) sum += partial[i];
      *a.out += sum;
      break;
    }
    case Axis::kRows:
      for_pieces(context, x.rows, 16, [&](int64_t first, int64_t n, int) {
        for (int64_t row = first; row < first + n; ++row)
          a.out[row] += isa.sum_squares(row_of(x, row), x.cols);
      });
      break;
    case Axis::kColumns: {
      const int64_t blocks = ceil_div(x.rows, kRowBlock);
      double* partial = context.scratch->take<double>(blocks * x.cols);
      for_pieces(context, x.rows, kRowBlock, [&](int64_t first, int64_t n, int) {
        double* out = partial + first / kRowBlock * x.cols;
        std::fill(out, out + x.cols, 0.0);
        isa.column_sum_squares(row_of(x, first), x.ld, n, x.cols, out);
      });
      merge_blocks(context, partial, x.cols, blocks, x.cols, a.out);
      break;
    }
  }
}

void moments(const Context& context, const MomentsArgs& a) {
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const Matrix x = a.group > 1 ? group_norms(context, a.x, a.group) : a.x;
  const bool magnitude = a.group <= 1 && a.form == MomentForm::kAbs;
  double* own = context.scratch->take<double>(context.pool->size() * 2 * kColumns);
  for_pieces(context, x.cols, kColumns, [&](int64_t column, int64_t count, int worker) {
    double* mean = own + worker * 2 * kColumns;
    double* m2 = mean + kColumns;
    for (int64_t first = 0; first < x.rows; first += kRowBlock) {
      const int64_t n = std::min(kRowBlock, x.rows - first);
      isa.column_moments(row_of(x, first) + column, x.ld, n, count, magnitude, mean, m2);
      for (int64_t c = 0; c < count; ++c)
        merge(a.moments[column + c], {static_cast<double>(n), mean[c], m2[c]});
    }
  });
}

// B x C numbers: too few to share out, so in fp64 on the calling thread.
void loss(const Context&, const LossArgs& a) {
  const int64_t classes = a.logits.cols;
  double total = 0;
  for (int64_t b = 0; b < a.logits.rows; ++b) {
    const float* logits = row_of(a.logits, b);
    const double top = *std::max_element(logits, logits + classes), weight = a.weights ? a.weights[b] : 1.0;
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - top);
    const double lse = top + std::log(sum);
    total += weight * (lse - logits[a.labels[b]]);
    if (!a.dlogits) continue;
    float* gradient = a.dlogits.f32() + b * a.dlogits.ld;
    for (int64_t c = 0; c < classes; ++c)
      gradient[c] = static_cast<float>(a.scale * weight * (std::exp(logits[c] - lse) - (c == a.labels[b])));
  }
  *a.loss += a.scale * total;
}

}  // namespace adaptune::cpu
