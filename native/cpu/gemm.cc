// The driver of the matrix product (Goto and van de Geijn 2008, BLIS). B is packed whole, once:
// [panel][K][nr]; a Weight keeps that pack. C is cut into blocks of mt x nt panels, one task each. Rows of A
// are read where they stand; of a weight gradient, whose A is read by columns, a task packs what it needs for
// one run of kc. A task walks its panels of B, which stream from the second-level cache. K is never cut
// between tasks, and every element of C is sum over runs of kc of one chain of multiply-adds, in order, so it
// depends on its row of A and its column of B alone: not on M, on the block it falls into, or on threads.
// Moments of C are taken of each panel of a block while it is in the cache; blocks then have a fixed height.
#include <utility>

#include "cpu/ops_cpu.h"
#include "ops/moments.h"

namespace adaptune::cpu {
namespace {

static_assert(int(Curve::kNone) == int(Activation::kNone) && int(Curve::kGelu) == int(Activation::kGelu) &&
              int(Curve::kTanh) == int(Activation::kTanh));

constexpr int64_t kBlockRows = 96;      // with kc = 384: 144 KiB of A
constexpr int64_t kMomentRows = 48;     // of a block whose moments are taken
constexpr int64_t kBlockColumns = 384;  // of unfinished sums, 144 KiB more, when K > kc
constexpr int64_t kSmallA = 32 * 1024;  // floats of A that the caller packs alone, not every task again
constexpr int64_t kPackRows = 64;       // of a matrix whose columns are packed, in one task
constexpr int64_t kTasksPerThread = 12;
constexpr int64_t kLeastOwn = 3;  // panels of A: a task that packs its own does not give up columns before
constexpr int64_t kWide = 4;      // blocks stay wide: narrow ones read A again for few columns

struct Shape {
  int64_t m, n, k;
};

Shape shape_of(const GemmArgs& g) {
  const Shape s = {g.c.rows, g.c.cols, g.kind == GemmKind::kWeightGrad ? g.a.rows : g.a.cols};
  const Matrix& b = g.kind == GemmKind::kWeightGrad ? g.b : g.w->values;
  int64_t m = g.a.rows, n = b.rows, k = b.cols;
  if (g.kind == GemmKind::kInputGrad) n = b.cols, k = b.rows;
  if (g.kind == GemmKind::kWeightGrad) {
    m = g.a_columns ? s.m : g.a.cols, n = g.b_columns ? s.n : b.cols, k = b.rows;
  }
  ADAPTUNE_CHECK(m == s.m && n == s.n && k == s.k, E_INTERNAL,
                 "gemm: expected C of %lld x %lld over %lld, received %lld x %lld over %lld", (long long)m,
                 (long long)n, (long long)k, (long long)s.m, (long long)s.n, (long long)s.k);
  ADAPTUNE_CHECK(g.b_activation != Activation::kTanh, E_INTERNAL,
                 "gemm: expected gelu or no activation of b");
  ADAPTUNE_CHECK(g.a.dtype == DType::kF32 && b.dtype == DType::kF32 && g.c.dtype == DType::kF32, E_INTERNAL,
                 "gemm: expected 32-bit floats");
  return s;
}

// In `count` floats of each panel.
void gelu_panels(const IsaTable& isa, float* first, int64_t panels, int64_t panel_step, int64_t count) {
  for (int64_t panel = 0; panel < panels; ++panel) isa.gelu(first + panel * panel_step, count);
}

// Floats between panels that are filled side by side: their lines must not fall into one set of the
// first-level cache.
int64_t spread(int64_t panel) { return panel % 512 == 0 ? panel + 16 : panel; }

int64_t b_step(const IsaTable& isa, const GemmArgs& g, const Shape& s) {
  return g.kind == GemmKind::kWeightGrad ? spread(isa.nr * s.k) : isa.nr * s.k;
}

void pack_b(const Context& context, const GemmArgs& g, const Shape& s, float* out) {
  const IsaTable& isa = isa_of(context);
  const int64_t step = b_step(isa, g, s);
  if (g.kind == GemmKind::kForward) {
    const Matrix& w = g.w->values;
    context.pool->parallel(ceil_div(s.n, isa.nr), [&](int64_t panel, int) {
      const int64_t first = panel * isa.nr;
      isa.pack_b_rows(w.f32() + first * w.ld, w.ld, std::min(isa.nr, s.n - first), s.k, out + panel * step);
    });
    return;
  }
  const Matrix& b = g.kind == GemmKind::kWeightGrad ? g.b : g.w->values;
  const int32_t* columns = g.kind == GemmKind::kWeightGrad ? g.b_columns : nullptr;
  for_pieces(context, s.k, kPackRows, [&](int64_t first, int64_t count, int) {
    float* to = out + first * isa.nr;
    isa.pack_b_columns(b.f32() + first * b.ld, b.ld, columns, s.n, count, step, to);
    if (g.b_activation == Activation::kGelu)
      gelu_panels(isa, to, ceil_div(s.n, isa.nr), step, count * isa.nr);
  });
}

// B in panels: from the weight, made now if its values changed, or in scratch.
const float* packed_b(const Context& context, const GemmArgs& g, const Shape& s) {
  const IsaTable& isa = isa_of(context);
  const int64_t count = ceil_div(s.n, isa.nr) * b_step(isa, g, s);
  if (g.kind == GemmKind::kWeightGrad || !g.w->keep_packs) {
    float* out = context.scratch->take<float>(count);
    pack_b(context, g, s, out);
    return out;
  }
  Pack& pack = g.kind == GemmKind::kForward ? g.w->forward_pack : g.w->input_grad_pack;
  if (pack.version == g.w->version && pack.backend == context.backend) return pack.buffer.as<float>();
  const size_t bytes = static_cast<size_t>(count) * sizeof(float);
  if (pack.buffer.bytes() != bytes) pack.version = 0, pack.buffer = Buffer(bytes);
  pack_b(context, g, s, pack.buffer.as<float>());
  pack.version = g.w->version, pack.backend = context.backend;
  return pack.buffer.as<float>();
}

// Columns [first, first + count) of A, of a weight gradient, for k in [from, from + depth), in panels
// [depth][mr] that stand panel_step floats apart.
void pack_a(const IsaTable& isa, const GemmArgs& g, int64_t first, int64_t count, int64_t from, int64_t depth,
            int64_t panel_step, float* out) {
  const float* x = g.a.f32() + from * g.a.ld;
  if (g.a_columns) return isa.pack_a_columns(x, g.a.ld, g.a_columns + first, count, depth, panel_step, out);
  isa.pack_a_columns(x + first, g.a.ld, nullptr, count, depth, panel_step, out);
}

// A weight gradient may be computed as its transpose, which has the same sums: with the narrower of A and B,
// or what fills its panels better, as B. The tiles are then stored across, which needs a K that outweighs it.
bool crosswise(const IsaTable& isa, const GemmArgs& g, const Shape& s) {
  if (g.kind != GemmKind::kWeightGrad || s.k < 2 * isa.kc) return false;
  if (g.bias || g.residual || g.pre || g.grad_pre || g.moments || g.activation != Activation::kNone)
    return false;
  // An activation is taken where a side is packed once: of A that is a list of columns.
  if (g.b_activation != Activation::kNone && !g.b_columns) return false;
  const auto padded = [&](int64_t m, int64_t n) {
    return ceil_div(m, isa.mr) * isa.mr * ceil_div(n, isa.nr) * isa.nr;
  };
  const int64_t straight = padded(s.m, s.n), across = padded(s.n, s.m);
  return across < straight || (across == straight && s.n > s.m);
}

void store_across(const GemmArgs& g, const float* sum, int64_t ld_sum, int64_t row, int64_t col, int64_t rows,
                  int64_t cols) {
  for (int64_t j = 0; j < cols; ++j) {
    float* c = g.c.f32() + (col + j) * g.c.ld + row;
    for (int64_t i = 0; i < rows; ++i) {
      const float v = g.scale * sum[i * ld_sum + j];
      c[i] = g.accumulate ? c[i] + v : v;
    }
  }
}

TileOut tile_out(const GemmArgs& g, int64_t row, int64_t col, int64_t rows, int64_t cols) {
  const auto at = [&](const Matrix& m) { return m ? m.f32() + row * m.ld + col : nullptr; };
  return {at(g.c),
          g.bias ? g.bias + col : nullptr,
          at(g.residual),
          at(g.pre),
          at(g.grad_pre),
          g.c.ld,
          g.residual.ld,
          g.pre.ld,
          g.grad_pre.ld,
          rows,
          cols,
          g.scale,
          g.accumulate,
          static_cast<Curve>(g.activation),
          static_cast<Curve>(g.activation_grad)};
}

// Mean and sum of squared deviations of the columns of C, over blocks of rows that are each a task's own.
struct ColumnMoments {
  const GemmArgs& g;
  const IsaTable& isa;
  int64_t rows, blocks;  // of one block; of C
  double* partial;       // [block][mean, m2][N]

  ColumnMoments(const Context& context, const GemmArgs& args, int64_t block_rows)
      : g(args), isa(isa_of(context)), rows(block_rows), blocks(ceil_div(g.c.rows, rows)) {
    partial = g.moments ? context.scratch->take<double>(blocks * 2 * g.c.cols) : nullptr;
  }

  void add(int64_t row, int64_t col, int64_t cols) const {
    double* mean = partial + row / rows * 2 * g.c.cols + col;
    isa.column_moments(g.c.f32() + row * g.c.ld + col, g.c.ld, std::min(rows, g.c.rows - row), cols,
                       g.moment_form == MomentForm::kAbs, mean, mean + g.c.cols);
  }

  // All blocks of a column at once: one division instead of one a block.
  void merge_into(const Context& context) const {
    constexpr int64_t kColumns = 256;
    const int64_t n = g.c.cols;
    const double count = static_cast<double>(g.c.rows);
    const auto weight = [&](int64_t b) { return static_cast<double>(std::min(rows, g.c.rows - b * rows)); };
    for_pieces(context, n, kColumns, [&](int64_t first, int64_t columns, int) {
      double mean[kColumns] = {}, m2[kColumns] = {};
      for (int64_t b = 0; b < blocks; ++b) {
        const double* own = partial + b * 2 * n + first;
        const double share = weight(b) / count;
        for (int64_t c = 0; c < columns; ++c) mean[c] += share * own[c];
      }
      for (int64_t b = 0; b < blocks; ++b) {
        const double* own = partial + b * 2 * n + first;
        const double own_rows = weight(b);
        for (int64_t c = 0; c < columns; ++c) {
          const double delta = own[c] - mean[c];
          m2[c] += own[n + c] + own_rows * (delta * delta);
        }
      }
      for (int64_t c = 0; c < columns; ++c) merge(g.moments[first + c], {count, mean[c], m2[c]});
    });
  }
};

}  // namespace

void gemm(const Context& context, const GemmArgs& args) {
  const IsaTable& isa = isa_of(context);
  GemmArgs g = args;
  Shape s = shape_of(g);
  if (s.m == 0 || s.n == 0) return;
  const bool across = crosswise(isa, g, s);
  Activation a_activation = Activation::kNone;
  if (across) {
    std::swap(g.a, g.b), std::swap(g.a_columns, g.b_columns), std::swap(g.b_activation, a_activation);
    std::swap(s.m, s.n);
  }
  ArenaScope scope(*context.scratch);
  const float* b = packed_b(context, g, s);

  const int64_t panels_m = ceil_div(s.m, isa.mr), panels_n = ceil_div(s.n, isa.nr);
  // Of A in rows only a last, short panel is packed. Columns out of a list are dear to gather, so once, and
  // not by every task again.
  const bool in_rows = g.kind != GemmKind::kWeightGrad;
  const int64_t whole_panels = s.m / isa.mr;
  const bool small_a = panels_m * isa.mr * s.k <= kSmallA, whole_a = in_rows || small_a || g.a_columns,
             own_panels = !whole_a;
  const bool one_run = s.k <= isa.kc;
  const int64_t most_mt = ceil_div(g.moments ? kMomentRows : kBlockRows, isa.mr),
                least_mt = g.moments ? most_mt : 1;
  const ColumnMoments moments(context, g, most_mt * isa.mr);
  int64_t mt = std::min(panels_m, most_mt);
  int64_t nt = one_run ? panels_n : std::min(panels_n, ceil_div(kBlockColumns, isa.nr));
  const int64_t threads = context.pool->size(), wanted = threads == 1 ? 1 : kTasksPerThread * threads;
  while (ceil_div(panels_m, mt) * ceil_div(panels_n, nt) < wanted && (mt > least_mt || nt > 1)) {
    const bool wide = nt > 1 && nt * isa.nr >= kWide * mt * isa.mr;
    int64_t& side = mt <= least_mt || (own_panels ? nt > 1 && mt <= kLeastOwn : wide) ? nt : mt;
    side = (side + 1) / 2;
  }
  const int64_t blocks_n = ceil_div(panels_n, nt), blocks = ceil_div(panels_m, mt) * blocks_n;

  const int64_t depth_max = std::min(s.k, isa.kc), tile_floats = isa.mr * isa.nr;
  const int64_t step_b = b_step(isa, g, s), step_a = spread(isa.mr * (whole_a ? s.k : depth_max));
  const int64_t a_floats = whole_a ? 0 : mt * step_a,
                sum_floats = one_run ? tile_floats : mt * nt * tile_floats;
  float* shared_a = nullptr;
  if (in_rows) {
    if (whole_panels < panels_m) {
      shared_a = context.scratch->take<float>(isa.mr * s.k);
      isa.pack_a_rows(g.a.f32() + whole_panels * isa.mr * g.a.ld, g.a.ld, s.m - whole_panels * isa.mr, s.k,
                      shared_a);
    }
  } else if (whole_a) {
    shared_a = context.scratch->take<float>(panels_m * step_a);
    for_pieces(context, s.k, small_a ? s.k : kPackRows, [&](int64_t from, int64_t depth, int) {
      float* to = shared_a + from * isa.mr;
      pack_a(isa, g, 0, s.m, from, depth, step_a, to);
      if (a_activation == Activation::kGelu) gelu_panels(isa, to, panels_m, step_a, depth * isa.mr);
    });
  }
  float* own = context.scratch->take<float>(threads * (a_floats + sum_floats));

  context.pool->parallel(blocks, [&](int64_t index, int worker) {
    float* own_a = own + worker * (a_floats + sum_floats);
    float* sums = own_a + a_floats;
    const int64_t m_first = index / blocks_n * mt, m_last = std::min(m_first + mt, panels_m);
    const int64_t n_first = index % blocks_n * nt, n_last = std::min(n_first + nt, panels_n);
    for (int64_t from = 0; from < s.k; from += isa.kc) {
      const int64_t depth = std::min(isa.kc, s.k - from);
      const bool last_run = from + depth == s.k;
      if (!whole_a) {
        const int64_t row = m_first * isa.mr;
        pack_a(isa, g, row, std::min(m_last * isa.mr, s.m) - row, from, depth, step_a, own_a);
      }
      for (int64_t n = n_first; n < n_last; ++n) {
        for (int64_t m = m_first; m < m_last; ++m) {
          float* sum = one_run ? sums : sums + ((n - n_first) * mt + m - m_first) * tile_floats;
          const int64_t row = m * isa.mr, col = n * isa.nr;
          const int64_t rows = std::min(isa.mr, s.m - row), cols = std::min(isa.nr, s.n - col);
          const TileOut out = tile_out(g, row, col, rows, cols);
          const TileOut* const fetched = last_run && !across ? &out : nullptr;
          const float* b_panel = b + n * step_b + from * isa.nr;
          if (in_rows && m < whole_panels) {
            isa.gemm_tile_rows(depth, g.a.f32() + row * g.a.ld + from, g.a.ld, b_panel, sum, from > 0, cols,
                               fetched);
          } else {
            const float* a = in_rows   ? shared_a + from * isa.mr
                             : whole_a ? shared_a + m * step_a + from * isa.mr
                                       : own_a + (m - m_first) * step_a;
            isa.gemm_tile(depth, a, b_panel, sum, from > 0, cols, fetched);
          }
          if (!last_run) continue;
          if (across) {
            store_across(g, sum, isa.nr, row, col, rows, cols);
          } else {
            isa.gemm_store(out, sum);
          }
        }
        if (g.moments && last_run)
          moments.add(m_first * isa.mr, n * isa.nr, std::min(isa.nr, s.n - n * isa.nr));
      }
    }
  });
  if (g.moments) moments.merge_into(context);
}

}  // namespace adaptune::cpu
