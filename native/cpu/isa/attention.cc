// Dense self-attention of one head within one sequence of length L, head width HD:
//   S = scale Q K^T,  P = softmax(S),  O = dropout(P) V,  lse = log sum e^S of each row
//   dV = dropout(P)^T dO,  dP = dropout(dO V^T),  D = rowsum(P dP) = rowsum(dO O)
//   dS = scale P (dP - D),  dQ = dS K,  dK = dS^T Q
// Saved for backward: O and lse.
// Backward recomputes P = e^(S - lse) (Dao et al. 2022). FLOPs: forward 4 L^2 HD, backward 10 L^2 HD, plus
// L^2 exponentials each; the L x L products are done by the register tile on packed K^T, V and on rows of S
// in cache, so bytes are those of q, k, v, o (and their gradients). Sums over keys and queries run in one
// order that L alone fixes.
// Share of the multiply-add peak (Zen 4 server, one thread, HD 32, AVX-512): forward L 48 55 %, L 128 63 % (a
// loop over 1,536 tokens beside nothing else); backward, AVX-512 / AVX2: L 48 37 / 28 %, L 128 53 / 46 %.
// Dropout (Philox) costs up to a fifth more.
#include "cpu/isa/math.h"
#include "cpu/isa/table.h"
#include "cpu/isa/tile.h"

namespace adaptune {
namespace {

constexpr int64_t kQueryBlock = 8 * kMR;  // rows of S that backward holds at a time

constexpr int64_t round_up(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

struct Sizes {
  int64_t length, width;  // L, HD
  int64_t padded_width;   // in whole vectors
  int64_t padded_rows;    // L in whole register tiles
  int64_t columns;        // of S, whole vectors that cover L and padded_rows
  int64_t ld;  // of S and K^T: an odd number of vectors, so that rows spread over the sets of the cache
};

Sizes sizes(int64_t length, int64_t width) {
  Sizes z = {length, width, round_up(width, kW), round_up(length, kMR), 0, 0};
  z.columns = round_up(z.padded_rows, kW);
  z.ld = z.columns + (z.columns / kW % 2 == 0 ? kW : 0);
  return z;
}

// c[kMR][vectors kW] = or += A b, in column strips that keep most registers busy.
void strip(int64_t k, const float* a, int64_t row_step, int64_t k_step, const float* b, int64_t ldb, float* c,
           int64_t ldc, int64_t vectors, Into into) {
  while (vectors > 0) {
    const int64_t take =
        vectors > kNV + 1 || vectors <= kNV ? (vectors < kNV ? vectors : kNV) : (vectors + 1) / 2;
    if (take == 1) tile<kMR, 1>(k, a, row_step, k_step, b, ldb, c, ldc, into);
    if (take == 2) tile<kMR, 2>(k, a, row_step, k_step, b, ldb, c, ldc, into);
    if constexpr (kNV > 2) {
      if (take == 3) tile<kMR, 3>(k, a, row_step, k_step, b, ldb, c, ldc, into);
    }
    b += take * kW, c += take * kW, vectors -= take;
  }
}

// x[L][HD] into out[HD][ld], zero columns behind L.
void transpose_rows(const Sizes& z, const float* x, int64_t ld, float* out) {
  for (int64_t j = 0; j < z.columns; j += kW) {
    const int64_t present = z.length - j < 0 ? 0 : (z.length - j < kW ? z.length - j : kW);
    each_vector(z.width, [&](int64_t c, auto lanes) {
      const float* from = x + j * ld + c;
      float* to = out + c * z.ld + j;
      vf block[kW];
      if (present == kW) {
#pragma GCC unroll 16
        for (int i = 0; i < kW; ++i) block[i] = lanes.load(from + i * ld);
      } else {
        for (int64_t i = 0; i < kW; ++i) block[i] = i < present ? lanes.load(from + i * ld) : vf{};
      }
      transpose(block);
      if (c + kW <= z.width) {
#pragma GCC unroll 16
        for (int i = 0; i < kW; ++i) store(to + i * z.ld, block[i]);
      } else {
        for (int64_t i = 0; c + i < z.width; ++i) store(to + i * z.ld, block[i]);
      }
    });
  }
}

// x[rows][HD] into out[padded][padded_width], zeros around it.
void copy_rows(const Sizes& z, const float* x, int64_t ld, int64_t rows, int64_t padded, float* out) {
  for (int64_t i = 0; i < padded; ++i)
    each_vector(z.width, [&](int64_t c, auto lanes) {
      store(out + i * z.padded_width + c, i < rows ? lanes.load(x + i * ld + c) : vf{});
    });
}

int64_t attention_fwd_scratch(int64_t length, int64_t head_width) {
  const Sizes z = sizes(length, head_width);
  return z.width * z.ld + z.length * z.padded_width + kMR * (z.ld + 2 * z.padded_width) +
         keep_words(z.columns);
}

// -inf in the columns of S behind L.
void cut_row(const Sizes& z, float* row) {
  vi lane = {};
  for (int i = 0; i < kW; ++i) lane[i] = i;
  for (int64_t j = z.length / kW * kW; j < z.columns; j += kW)
    store(row + j, lane < static_cast<int32_t>(z.length - j) ? load(row + j) : splat(-__builtin_inff()));
}

// The rows of the next head stand beside this one's, a whole row of the matrix apart: no hardware foresees
// that.
void fetch_next(const AttentionRows& a, int64_t first, int64_t rows) {
  constexpr int64_t kLine = 16;  // floats
  for (int64_t i = first; i < first + rows; ++i)
    for (int64_t c = a.head_width; c < 2 * a.head_width; c += kLine) {
      __builtin_prefetch(a.q + i * a.ld + c);
      __builtin_prefetch(a.k + i * a.ld + c);
      __builtin_prefetch(a.v + i * a.ld + c);
    }
}

void attention_fwd(const AttentionRows& a) {
  const Sizes z = sizes(a.length, a.head_width);
  float* kt = a.scratch;                     // [HD][ld]
  float* v = kt + z.width * z.ld;            // [L][padded_width]
  float* s = v + z.length * z.padded_width;  // [kMR][ld]
  float* o = s + kMR * z.ld;                 // [kMR][padded_width]
  float* last_q = o + kMR * z.padded_width;  // [kMR][padded_width]
  uint32_t* mask = reinterpret_cast<uint32_t*>(last_q + kMR * z.padded_width);
  transpose_rows(z, a.k, a.ld, kt);
  copy_rows(z, a.v, a.ld, z.length, z.length, v);

  for (int64_t first = a.first; first < a.first + a.count; first += kMR) {
    const int64_t left = a.first + a.count - first, rows = left < kMR ? left : kMR;
    if (a.next) fetch_next(a, first, rows);
    const float* q = a.q + first * a.ld;
    if (rows < kMR) copy_rows(z, q, a.ld, rows, kMR, last_q), q = last_q;
    strip(z.width, q, rows < kMR ? z.padded_width : a.ld, 1, kt, z.ld, s, z.ld, z.columns / kW, Into::kSet);

    float top[kMR], inverse[kMR];
    for (int64_t i = 0; i < rows; ++i) {
      float* row = s + i * z.ld;
      cut_row(z, row);
      vf most = load(row);
      for (int64_t j = kW; j < z.columns; j += kW) most = max(load(row + j), most);
      top[i] = max_lanes(most) * a.scale;
    }
    for (int64_t i = 0; i < rows; ++i) {
      float* row = s + i * z.ld;
      const uint32_t* kept_mask = nullptr;
      if (a.keep.threshold)
        kept_mask = keep_mask(a.keep, a.first_element + (first + i) * z.length, z.columns, mask);
      vf total = {};
      for (int64_t j = 0; j < z.columns; j += kW) {
        const vf p = exp(load(row + j) * a.scale - top[i]);
        total += p;
        store(row + j, kept_mask ? kept(p, a.keep.scale, kept_mask + j) : p);
      }
      const float sum = sum_lanes(total);
      inverse[i] = 1 / sum;
      if (a.lse) a.lse[first + i] = static_cast<float>(top[i] + __builtin_log(static_cast<double>(sum)));
    }

    strip(z.length, s, z.ld, 1, v, z.padded_width, o, z.padded_width, z.padded_width / kW, Into::kSet);
    for (int64_t i = 0; i < rows; ++i)
      each_vector(z.width, [&](int64_t c, auto lanes) {
        lanes.store(a.out + (first + i) * a.ld_out + c, load(o + i * z.padded_width + c) * inverse[i]);
      });
  }
}

int64_t attention_bwd_scratch(int64_t length, int64_t head_width) {
  const Sizes z = sizes(length, head_width);
  return 2 * z.width * z.ld + (z.length + 2 * z.padded_rows) * z.padded_width +
         kQueryBlock * 2 * (z.ld + z.padded_width) + kMR * z.padded_width + keep_words(z.columns);
}

// s holds S, dp holds dO V^T of one row: dropout(P) and dS take their places.
void gradient_row(const AttentionBwdHead& a, const Sizes& z, float* s, float* dp, float lse, float d,
                  const uint32_t* mask) {
  for (int64_t j = 0; j < z.columns; j += kW) {
    const vf p = exp(fma(load(s + j), splat(a.scale), splat(-lse)));
    const vf g = load(dp + j);
    store(s + j, mask ? kept(p, a.keep.scale, mask + j) : p);
    store(dp + j, p * ((mask ? kept(g, a.keep.scale, mask + j) : g) - d) * a.scale);
  }
}

void attention_bwd(const AttentionBwdHead& a) {
  const Sizes z = sizes(a.length, a.head_width);
  const int64_t wide = z.padded_width, vectors = wide / kW;
  float* kt = a.scratch;                  // [HD][ld]
  float* vt = kt + z.width * z.ld;        // [HD][ld]
  float* k = vt + z.width * z.ld;         // [L][wide]
  float* dk = k + z.length * wide;        // [padded_rows][wide]
  float* dv = dk + z.padded_rows * wide;  // [padded_rows][wide]
  float* q = dv + z.padded_rows * wide;   // [kQueryBlock][wide]
  float* dout = q + kQueryBlock * wide;   // [kQueryBlock][wide]
  float* s = dout + kQueryBlock * wide;   // [kQueryBlock][ld]
  float* dp = s + kQueryBlock * z.ld;     // [kQueryBlock][ld]
  float* dq = dp + kQueryBlock * z.ld;    // [kMR][wide]
  uint32_t* mask = reinterpret_cast<uint32_t*>(dq + kMR * wide);
  transpose_rows(z, a.k, a.ld, kt);
  transpose_rows(z, a.v, a.ld, vt);
  copy_rows(z, a.k, a.ld, z.length, z.length, k);

  Into into = Into::kSet;
  for (int64_t head = 0; head < a.group; ++head) {
    const int64_t column = head * z.width;
    for (int64_t first = 0; first < z.length; first += kQueryBlock) {
      const int64_t rows = z.length - first < kQueryBlock ? z.length - first : kQueryBlock;
      const int64_t padded = round_up(rows, kMR);
      copy_rows(z, a.q + first * a.ld + column, a.ld, rows, padded, q);
      copy_rows(z, a.dout + first * a.ld_dout + column, a.ld_dout, rows, padded, dout);
      for (int64_t i = 0; i < padded; i += kMR) {
        strip(z.width, q + i * wide, wide, 1, kt, z.ld, s + i * z.ld, z.ld, z.columns / kW, Into::kSet);
        strip(z.width, dout + i * wide, wide, 1, vt, z.ld, dp + i * z.ld, z.ld, z.columns / kW, Into::kSet);
      }
      for (int64_t i = 0; i < rows; ++i) {
        const float* out = a.out + (first + i) * a.ld_out + column;
        vf dot = {};
        each_vector(z.width, [&](int64_t c, auto lanes) {
          dot = fma(load(dout + i * wide + c), lanes.load(out + c), dot);
        });
        const uint32_t* kept_mask = nullptr;
        if (a.keep.threshold) {
          const uint64_t element = a.first_element + head * a.element_stride + (first + i) * z.length;
          kept_mask = keep_mask(a.keep, element, z.columns, mask);
        }
        gradient_row(a, z, s + i * z.ld, dp + i * z.ld, a.lse[head * a.lse_stride + first + i],
                     sum_lanes(dot), kept_mask);
      }
      for (int64_t j = 0; j < z.padded_rows; j += kMR) {
        strip(rows, s + j, 1, z.ld, dout, wide, dv + j * wide, wide, vectors, into);
        strip(rows, dp + j, 1, z.ld, q, wide, dk + j * wide, wide, vectors, into);
      }
      into = Into::kAdd;
      for (int64_t i = 0; i < padded; i += kMR) {
        strip(z.length, dp + i * z.ld, z.ld, 1, k, wide, dq, wide, vectors, Into::kSet);
        for (int64_t r = i; r < rows && r < i + kMR; ++r)
          each_vector(z.width, [&](int64_t c, auto lanes) {
            lanes.store(a.dq + (first + r) * a.ld_dqkv + column + c, load(dq + (r - i) * wide + c));
          });
      }
    }
  }
  for (int64_t j = 0; j < z.length; ++j)
    each_vector(z.width, [&](int64_t c, auto lanes) {
      lanes.store(a.dk + j * a.ld_dqkv + c, load(dk + j * wide + c));
      lanes.store(a.dv + j * a.ld_dqkv + c, load(dv + j * wide + c));
    });
}

}  // namespace
}  // namespace adaptune

ADAPTUNE_EXPORT(attention) {
  table->attention_fwd_scratch = adaptune::attention_fwd_scratch;
  table->attention_bwd_scratch = adaptune::attention_bwd_scratch;
  table->attention_fwd = adaptune::attention_fwd;
  table->attention_bwd = adaptune::attention_bwd;
}
