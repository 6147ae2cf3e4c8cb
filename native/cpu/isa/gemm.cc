// C = epilogue(A B) after Goto and van de Geijn (2008): the driver (cpu/gemm.cc) cuts C into blocks and packs
// B, and A where it is read by columns, into panels; here are the register tile over two panels or over rows
// of A, the packing, and the epilogue of one tile. Per tile and k: mr nr multiply-adds for mr + nr loaded
// floats, so k mr nr 2 FLOPs read 4 k (mr + nr) bytes. Share of the multiply-add peak of one thread (Zen 4
// server, 118 GFLOP/s): the tile alone 99 % with AVX-512 and AVX2; whole ops with AVX-512 in
// bench/results/kernels-minilm.json.
#include "cpu/isa/math.h"
#include "cpu/isa/table.h"
#include "cpu/isa/tile.h"

namespace adaptune {
namespace {

constexpr int64_t kNR = kNV * kW;
constexpr int64_t kKC = 384;  // A's panel (mr kc floats) fits the first-level cache beside the stream of B

constexpr int64_t kLine = 16;  // floats
// About 1500 cycles: long enough for memory, and too short for B, which streams through the first-level
// cache, to drive the lines out again.
constexpr int64_t kLate = 1536 / (kMR * kNV);

// The lines that the epilogue of a tile will read and write. Its rows stand a whole row of the matrix apart:
// no hardware foresees that, not even for stores, which wait for their line.
ADAPTUNE_INLINE void fetch(const TileOut& o) {
  for (int64_t row = 0; row < o.rows; ++row) {
    for (int64_t col = 0; col < o.cols; col += kLine) {
      if (o.grad_pre) __builtin_prefetch(o.grad_pre + row * o.ld_grad_pre + col);
      if (o.residual) __builtin_prefetch(o.residual + row * o.ld_residual + col);
      if (o.pre) __builtin_prefetch(o.pre + row * o.ld_pre + col, 1);
      __builtin_prefetch(o.c + row * o.ld_c + col, 1);
    }
  }
}

template <int NV>
ADAPTUNE_INLINE void tile_of(int64_t k, const float* a, int64_t row_step, int64_t k_step, const float* b,
                             float* sum, bool add, const TileOut* fetched) {
  const Into into = add ? Into::kAdd : Into::kSet;
  if (fetched) {
    tile<kMR, NV>(
        k, a, row_step, k_step, b, kNR, sum, kNR, into,
        kLate, [fetched]() __attribute__((always_inline)) { fetch(*fetched); });
  } else {
    tile<kMR, NV>(k, a, row_step, k_step, b, kNR, sum, kNR, into);
  }
}

// The vectors of a last panel that have columns.
ADAPTUNE_INLINE void tile_of_width(int64_t k, const float* a, int64_t row_step, int64_t k_step,
                                   const float* b, float* sum, bool add, int64_t cols,
                                   const TileOut* fetched) {
  if (cols > (kNV - 1) * kW) return tile_of<kNV>(k, a, row_step, k_step, b, sum, add, fetched);
  if constexpr (kNV > 2) {
    if (cols > kW) return tile_of<2>(k, a, row_step, k_step, b, sum, add, fetched);
  }
  tile_of<1>(k, a, row_step, k_step, b, sum, add, fetched);
}

void gemm_tile(int64_t k, const float* a, const float* b, float* sum, bool add, int64_t cols,
               const TileOut* fetched) {
  tile_of_width(k, a, 1, kMR, b, sum, add, cols, fetched);
}

void gemm_tile_rows(int64_t k, const float* a, int64_t ld, const float* b, float* sum, bool add, int64_t cols,
                    const TileOut* fetched) {
  tile_of_width(k, a, ld, 1, b, sum, add, cols, fetched);
}

// Row-major x[count][k] into out[k][kPanel]: blocks of kLanes rows are transposed in registers.
template <int kPanel>
void pack_rows_of(const float* x, int64_t ld, int64_t count, int64_t k, float* out) {
  constexpr int kLanes = kPanel < kW ? kPanel : kW;
  static_assert(kPanel % kLanes == 0);
  for (int64_t first = 0; first < kPanel; first += kLanes) {
    const int64_t present = count - first < 0 ? 0 : (count - first < kLanes ? count - first : kLanes);
    for (int64_t p = 0; p < k; p += kW) {
      const int64_t depth = k - p < kW ? k - p : kW;
      const float* from = x + first * ld + p;
      float* to = out + p * kPanel + first;
      vf block[kW] = {};
      if (present == kLanes && depth == kW) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) block[i] = load(from + i * ld);
      } else {
        for (int64_t i = 0; i < present; ++i)
          block[i] = depth == kW ? load(from + i * ld) : load_part(from + i * ld, depth);
      }
      transpose(block);
      if (depth == kW) {
#pragma GCC unroll 16
        for (int i = 0; i < kW; ++i) __builtin_memcpy(to + i * kPanel, &block[i], kLanes * sizeof(float));
      } else {
        for (int64_t i = 0; i < depth; ++i)
          __builtin_memcpy(to + i * kPanel, &block[i], kLanes * sizeof(float));
      }
    }
  }
}

// Row-major x[k][columns, or count from the first] into panels [k][kPanel].
template <int kPanel>
void pack_columns_of(const float* x, int64_t ld, const int32_t* columns, int64_t count, int64_t k,
                     int64_t panel_step, float* out) {
  const int64_t whole = count / kPanel, rest = count % kPanel;
  for (int64_t p = 0; p < k; ++p, x += ld, out += kPanel) {
    float* to = out;
    for (int64_t panel = 0; panel < whole; ++panel, to += panel_step) {
      const int64_t first = panel * kPanel;
      if (!columns) {
        __builtin_memcpy(to, x + first, kPanel * sizeof(float));
      } else {
#pragma GCC unroll 8
        for (int i = 0; i < kPanel; ++i) to[i] = x[columns[first + i]];
      }
    }
    if (rest == 0) continue;
    for (int64_t i = 0; i < rest; ++i) to[i] = x[columns ? columns[whole * kPanel + i] : whole * kPanel + i];
    for (int64_t i = rest; i < kPanel; ++i) to[i] = 0;
  }
}

// The bits of the epilogue's.
void gelu_of(float* x, int64_t count) {
  each_vector(count, [&](int64_t i, auto lanes) { lanes.store(x + i, gelu(lanes.load(x + i))); });
}

// One vector of the epilogue.
template <class Lanes>
ADAPTUNE_INLINE void finish(const TileOut& o, vf v, int64_t row, int64_t col, Lanes lanes) {
  v *= o.scale;
  if (o.bias) v += lanes.load(o.bias + col);
  if (o.residual) v += lanes.load(o.residual + row * o.ld_residual + col);
  if (o.pre) lanes.store(o.pre + row * o.ld_pre + col, v);
  if (o.activation == Curve::kGelu) v = gelu(v);
  if (o.activation == Curve::kTanh) v = tanh(v);
  if (o.activation_grad != Curve::kNone) {
    const vf x = lanes.load(o.grad_pre + row * o.ld_grad_pre + col);
    v *= o.activation_grad == Curve::kGelu ? gelu_gradient(x) : 1 - x * x;
  }
  float* c = o.c + row * o.ld_c + col;
  lanes.store(c, o.accumulate ? lanes.load(c) + v : v);
}

void gemm_store(const TileOut& o, const float* sum) {
  for (int64_t row = 0; row < o.rows; ++row, sum += kNR)
    each_vector(o.cols, [&](int64_t col, auto lanes) { finish(o, load(sum + col), row, col, lanes); });
}

}  // namespace
}  // namespace adaptune

ADAPTUNE_EXPORT(gemm) {
  table->width = adaptune::kW, table->mr = adaptune::kMR, table->nr = adaptune::kNR,
  table->kc = adaptune::kKC;
  table->pack_a_rows = adaptune::pack_rows_of<adaptune::kMR>;
  table->pack_b_rows = adaptune::pack_rows_of<adaptune::kNR>;
  table->pack_a_columns = adaptune::pack_columns_of<adaptune::kMR>;
  table->pack_b_columns = adaptune::pack_columns_of<adaptune::kNR>;
  table->gelu = adaptune::gelu_of;
  table->gemm_tile = adaptune::gemm_tile;
  table->gemm_tile_rows = adaptune::gemm_tile_rows;
  table->gemm_store = adaptune::gemm_store;
}
