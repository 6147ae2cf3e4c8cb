// What one instruction set offers: plain functions over raw pointers, written once (isa/*.cc) and compiled
// per set. Nothing here may pull in a header with inline code: an inline function that AVX-512 flags compiled
// must never be the copy that the linker keeps for everyone. So the argument structs are plain and repeat the
// few enums of ops.h that they need (cpu/*.cc asserts that they agree).
#pragma once
#include <stdint.h>

namespace adaptune {

enum class Curve : uint8_t { kNone, kGelu, kTanh };

// Epilogue of one tile (ops.h, GemmArgs): every pointer stands at the tile's first element, absent ones are
// null.
struct TileOut {
  float* c;
  const float* bias;
  const float* residual;
  float* pre;
  const float* grad_pre;
  int64_t ld_c, ld_residual, ld_pre, ld_grad_pre;
  int64_t rows, cols;
  float scale;
  bool accumulate;
  Curve activation, activation_grad;
};

// Dropout of a site (ops.h): an element stays iff its word >> 8 >= threshold. threshold == 0: off.
struct Keep {
  uint64_t seed;
  uint32_t step, site;
  uint32_t threshold;
  float scale;  // 1 / (1 - p)
};

struct NormFwdRows {
  const float* x;
  const float* residual;
  const float* gamma;
  const float* beta;
  float *y, *sum, *mean, *rstd;
  int64_t ld_x, ld_residual, ld_y, ld_sum;
  int64_t rows, width;
  uint64_t first_element;  // dropout index of x[0]
  float eps;
  Keep keep;
  uint32_t* mask;  // scratch, keep_words(width)
};

struct NormBwdRows {
  const float* dy;
  const float* sum;
  const float* mean;
  const float* rstd;
  const float* gamma;
  float *dsum, *dx;
  float *dgamma, *dbeta;  // [width] of these rows alone, overwritten; or null
  int64_t ld_dy, ld_sum, ld_dsum, ld_dx;
  int64_t rows, width;
  uint64_t first_element;
  Keep keep;
  uint32_t* mask;
};

// Query rows [first, first + count) of one head in one sequence; pointers stand at the sequence's first row.
struct AttentionRows {
  const float* q;
  const float* k;
  const float* v;
  float* out;
  float* lse;  // of this head and sequence, or null
  int64_t ld, ld_out;
  int64_t length, head_width;
  int64_t first, count;
  float scale;  // > 0
  bool next;    // the head beside this one comes next: its rows are fetched
  Keep keep;
  uint64_t first_element;  // dropout index of (0, 0)
  float* scratch;          // attention_fwd_scratch floats
};

// All rows of one sequence under one key/value head; the query heads that read it stand side by side.
struct AttentionBwdHead {
  const float* q;
  const float* k;
  const float* v;
  const float* out;
  const float* dout;
  const float* lse;
  float *dq, *dk, *dv;
  int64_t ld, ld_out, ld_dout, ld_dqkv;
  int64_t lse_stride;       // between query heads
  uint64_t element_stride;  // between query heads
  int64_t length, head_width, group;
  float scale;
  Keep keep;
  uint64_t first_element;
  float* scratch;  // attention_bwd_scratch floats
};

struct AdamwRow {
  float* w;
  const float* grad;
  float *m, *v;
  const int32_t* columns;  // or null
  int64_t count;
  float beta1, beta2, one_minus_beta1, one_minus_beta2, grad_scale;
  float decay;      // 1 - lr * weight_decay
  float step;       // lr / (1 - beta1^t)
  float root_bias;  // 1 / sqrt(1 - beta2^t)
  float eps;
};

struct IsaTable {
  const char* name;
  int64_t width;       // floats in a vector
  int64_t mr, nr, kc;  // register tile; length of one chain of multiply-adds before it is added to C

  // Panels of A, [k][mr], or of B, [k][nr], zero beyond count. _rows: x[count][k] into one panel. _columns:
  // x[k][columns, or count from the first] into panels that stand panel_step floats apart, row by row of x:
  // columns of one row stand near each other in memory, those of one panel do not.
  void (*pack_a_rows)(const float* x, int64_t ld, int64_t count, int64_t k, float* out);
  void (*pack_b_rows)(const float* x, int64_t ld, int64_t count, int64_t k, float* out);
  void (*pack_a_columns)(const float* x, int64_t ld, const int32_t* columns, int64_t count, int64_t k,
                         int64_t panel_step, float* out);
  void (*pack_b_columns)(const float* x, int64_t ld, const int32_t* columns, int64_t count, int64_t k,
                         int64_t panel_step, float* out);
  void (*gelu)(float* x, int64_t count);  // in place
  // sum[mr][cols of nr] = or += a[k][mr]^T b[k][nr], k <= kc. What gemm_store(*fetched, ...) will read and
  // write is brought into the cache meanwhile; null: nothing.
  void (*gemm_tile)(int64_t k, const float* a, const float* b, float* sum, bool add, int64_t cols,
                    const TileOut* fetched);
  // The same with mr rows of A as they stand in a matrix, ld floats apart.
  void (*gemm_tile_rows)(int64_t k, const float* a, int64_t ld, const float* b, float* sum, bool add,
                         int64_t cols, const TileOut* fetched);
  void (*gemm_store)(const TileOut& out, const float* sum);

  int64_t (*attention_fwd_scratch)(int64_t length, int64_t head_width);
  int64_t (*attention_bwd_scratch)(int64_t length, int64_t head_width);
  void (*attention_fwd)(const AttentionRows&);
  void (*attention_bwd)(const AttentionBwdHead&);

  int64_t (*keep_words)(int64_t count);
  // y = or += mask(x)
  void (*dropout)(const Keep&, uint64_t first_element, int64_t count, const float* x, float* y,
                  uint32_t* mask, bool add);
  void (*norm_fwd)(const NormFwdRows&);
  void (*norm_bwd)(const NormBwdRows&);

  // out[c] = sum over rows of x[row][columns or c], one fp32 chain per column
  void (*column_sum)(const float* x, int64_t ld, const int32_t* columns, int64_t rows, int64_t count,
                     float* out);
  double (*sum_squares)(const float* x, int64_t count);
  void (*column_sum_squares)(const float* x, int64_t ld, int64_t rows, int64_t count, double* out);  // out +=
  // Mean and sum of squared deviations of x or |x| per column over rows >= 1.
  void (*column_moments)(const float* x, int64_t ld, int64_t rows, int64_t count, bool magnitude,
                         double* mean, double* m2);

  void (*add_rows)(const float* a, const float* b, const float* c, int64_t count,
                   float* out);  // out = a + b (+ c)
  void (*adamw)(const AdamwRow&);
  float (*multiply_add)(int64_t steps);  // ops.h: the mean of one lane
};

}  // namespace adaptune
