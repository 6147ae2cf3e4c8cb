// C = epilogue(A B) after Goto and van de Geijn (2008): the driver (cpu/gemm.cc) cuts C into blocks and packs
// A and B into panels; here are the register tile over two panels, the packing, and the epilogue of one tile.
// Per tile and k: mr nr multiply-adds for mr + nr loaded floats, so k mr nr 2 FLOPs read 4 k (mr + nr) bytes.
#include "cpu/isa/math.h"
#include "cpu/isa/table.h"
#include "cpu/isa/tile.h"

namespace adaptune {
namespace {

constexpr int64_t kNR = kNV * kW;
constexpr int64_t kKC = 384;  // A's panel (mr kc floats) fits the first-level cache beside the stream of B

void gemm_tile(int64_t k, const float* a, const float* b, float* sum, bool add) {
  tile<kMR, kNV>(k, a, 1, kMR, b, kNR, sum, kNR, add ? Into::kAdd : Into::kSet);
}

// Row-major x[count][k] into out[k][panel]: kW x kW blocks are transposed in registers.
void pack_rows(const float* x, int64_t ld, int64_t count, int64_t k, int64_t panel, float* out) {
  for (int64_t first = 0; first < panel; first += kW) {
    const int64_t width = panel - first < kW ? panel - first : kW;
    const int64_t present = count - first < 0 ? 0 : (count - first < width ? count - first : width);
    for (int64_t p = 0; p < k; p += kW) {
      const int64_t depth = k - p < kW ? k - p : kW;
      vf block[kW];
      for (int64_t i = 0; i < kW; ++i) {
        if (i >= present) {
          block[i] = vf{};
        } else {
          const float* from = x + (first + i) * ld + p;
          block[i] = depth == kW ? load(from) : load_part(from, depth);
        }
      }
      transpose(block);
      float* to = out + p * panel + first;
      for (int64_t i = 0; i < depth; ++i) {
        if (width == kW) {
          store(to + i * panel, block[i]);
        } else {
          store_part(to + i * panel, block[i], width);
        }
      }
    }
  }
}

void pack_columns(const float* x, int64_t ld, const int32_t* columns, int64_t count, int64_t k, int64_t panel,
                  float* out) {
  for (int64_t p = 0; p < k; ++p, x += ld, out += panel) {
    int64_t i = 0;
    if (columns) {
      for (; i < count; ++i) out[i] = x[columns[i]];
    } else {
      for (; i + kW <= count; i += kW) store(out + i, load(x + i));
      for (; i < count; ++i) out[i] = x[i];
    }
    for (; i < panel; ++i) out[i] = 0;
  }
}

// One vector of the epilogue.
template <class Lanes>
ADAPTUNE_INLINE void finish(const TileOut& o, vf v, int64_t row, int64_t col, Lanes lanes) {
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

void gemm_store(const TileOut& o, const float* sum, int64_t rows, int64_t cols) {
  for (int64_t row = 0; row < rows; ++row, sum += kNR)
    each_vector(cols, [&](int64_t col, auto lanes) { finish(o, load(sum + col), row, col, lanes); });
}

}  // namespace
}  // namespace adaptune

ADAPTUNE_EXPORT(gemm) {
  table->width = adaptune::kW, table->mr = adaptune::kMR, table->nr = adaptune::kNR,
  table->kc = adaptune::kKC;
  table->pack_rows = adaptune::pack_rows;
  table->pack_columns = adaptune::pack_columns;
  table->gemm_tile = adaptune::gemm_tile;
  table->gemm_store = adaptune::gemm_store;
}
