// The op list. One plain struct of arguments per op, one struct of function pointers per backend.
// Sizes: T tokens, B sequences, H hidden, NH heads, HD head width, F feed-forward, V vocabulary, C classes.
// Ops never allocate but from context.scratch, never keep pointers, and give the same bits for any number of
// threads and for a row whatever rows stand beside it: every sum over k, tokens or columns runs in one order
// fixed by the data alone.
#pragma once
#include "base/memory.h"
#include "base/pool.h"
#include "tensor/matrix.h"
#include "tensor/weight.h"

namespace adaptune {

struct Context {
  ThreadPool* pool;
  Arena* scratch;       // ops take scratch from here and rewind it before they return
  const void* backend;  // cpu: the instruction set's kernel table
};

// Counter-based dropout: element e of a site is kept iff uniform(e) >= p, uniform(e) = (word >> 8) * 2^-24,
// word = philox4x32(seed, e / 4, site, step, Stream::kDropout).x[e % 4]; kept values are multiplied by
// 1 / (1 - p). The element index is row * cols + col of the matrix unless the op says otherwise. p == 0: off.
struct Dropout {
  float p = 0;
  uint64_t seed = 0;
  uint32_t step = 0, site = 0;
  // Of a piece of a batch: elements of the batch before it (of the first head), which count on; and in
  // attention the elements of one head in the whole batch, 0 when the sequences are all of it.
  int64_t first = 0, head_elements = 0;
};

// Running moments, all fp64: one pass over a fixed block of rows (Welford, or sums of deviations from a
// row of the block), Chan merge across blocks and calls.
struct Moments {
  double count = 0, mean = 0, m2 = 0;
};
// The fixed block of every reduction over tokens; independent of threads and machine.
constexpr int64_t kRowBlock = 64;

enum class MomentForm : uint8_t { kSigned, kAbs };

enum class Activation : uint8_t { kNone, kGelu /* erf */, kTanh };

enum class GemmKind : uint8_t {
  kForward,     // C[M,N] = A[M,K] * W[N,K]^T         a = x,  w = W
  kInputGrad,   // C[M,N] = A[M,K] * W[K,N]           a = dy, w = W
  kWeightGrad,  // C[M,N] = A[T,M]^T * B[T,N]         a = dy, b = x (either may be gathered by columns)
};

// Epilogue, in this order, on v = scale * the finished sum:
//   v += bias[n]; v += residual[m,n];  pre[m,n] = v;  v = activation(v);
//   v *= gradient of `activation_grad` at grad_pre[m,n];  C = accumulate ? C + v : v;  then moments(C).
// For kTanh the gradient is taken from the *output*: grad_pre holds y, factor 1 - y^2.
struct GemmArgs {
  GemmKind kind = GemmKind::kForward;
  Matrix a;
  const Weight* w = nullptr;                    // kForward, kInputGrad
  Matrix b = {};                                // kWeightGrad
  const int32_t* a_columns = nullptr;           // kWeightGrad: M columns of a, ascending; null = all
  const int32_t* b_columns = nullptr;           // kWeightGrad: N columns of b, ascending; null = all
  Activation b_activation = Activation::kNone;  // kWeightGrad: of b's elements, before the product
  Matrix c;
  bool accumulate = false;
  float scale = 1;
  const float* bias = nullptr;  // [N]
  Matrix residual = {};         // [M,N] or absent; may alias c
  Matrix pre = {};              // [M,N] or absent: pre-activation, saved for backward
  Activation activation = Activation::kNone;
  Activation activation_grad = Activation::kNone;
  Matrix grad_pre = {};        // [M,N], with activation_grad; may alias c
  Moments* moments = nullptr;  // [N], merged into; columns of the final C
  MomentForm moment_form = MomentForm::kAbs;
};

// out[t] = word[ids[t]] + position[t - start of its sequence] + type[type_ids ? type_ids[t] : 0]
struct EmbedArgs {
  const int32_t* ids;      // [T], checked by the caller: 0 <= id < V
  const int32_t* offsets;  // [B + 1], offsets[0] = 0, offsets[B] = T
  int64_t sequences;
  const int32_t* type_ids;  // [T] or null
  Matrix word, position, type;
  Matrix out;  // [T,H]
};

// Table gradients; each table's is added to what is there. Rows of `word` are first_row + r.
struct EmbedBwdArgs {
  const int32_t* ids;
  const int32_t* offsets;
  int64_t sequences;
  const int32_t* type_ids;
  Matrix dx;                // [T,H]
  int64_t first_row;        // gradients of ids >= first_row only (0: all; V_base: new rows)
  Matrix dword;             // [V - first_row, H] or absent
  Matrix dposition, dtype;  // [P,H], [types,H], or absent
};

// sum = dropout(x) + residual;  y = (sum - mean) * rstd * gamma + beta, over each row of H.
struct NormFwdArgs {
  Matrix x;              // [T,H]
  Matrix residual = {};  // [T,H] or absent
  Dropout dropout = {};
  const float* gamma;
  const float* beta;
  float eps;
  Matrix y;               // [T,H]; may alias x
  Matrix sum = {};        // [T,H] or absent: saved for backward; may alias x (not y)
  float* mean = nullptr;  // [T] or null
  float* rstd = nullptr;
};

struct NormBwdArgs {
  Matrix dy, sum;  // [T,H]
  const float* mean;
  const float* rstd;
  const float* gamma;
  Dropout dropout = {};
  Matrix dsum;     // [T,H] gradient of the residual branch; may alias dy
  Matrix dx = {};  // [T,H] = dropout mask of dsum, or absent when dropout.p == 0 (then it equals dsum)
  float* dgamma = nullptr;  // [H] or null, added to
  float* dbeta = nullptr;
};

// Dense self-attention within each sequence, no padding: S = scale Q K^T, P = softmax(S), O = dropout(P) V.
// qkv[T, (NH + 2 KVH) HD] = [q heads | k heads | v heads]; query head h reads key/value head h / (NH / KVH).
// Dropout element of (h, i, j) in sequence s: h * sum_s L_s^2 + sum_{r<s} L_r^2 + i * L_s + j.
struct AttentionArgs {
  Matrix qkv;
  const int32_t* offsets;  // [B + 1]
  int64_t sequences;
  int64_t heads, kv_heads, head_width;
  float scale;
  Dropout dropout;
  Matrix out;  // [T, NH HD]
  float* lse;  // [NH, T] log-sum-exp of each row of S, or null
};

struct AttentionBwdArgs {
  AttentionArgs fwd;  // qkv, out and lse as forward left them
  Matrix dout;        // [T, NH HD]
  Matrix dqkv;        // [T, (NH + 2 KVH) HD], overwritten
};

// y = mask(x), its own backward; x and y may be the same. add: y += mask(x), and they are not.
struct DropoutArgs {
  Matrix x, y;
  Dropout dropout;
  bool add = false;
};

// loss += scale * sum_b weight[b] * CE(logits[b], label[b]);  dlogits = scale * weight * (softmax - onehot)
struct LossArgs {
  Matrix logits;          // [B,C]
  const int32_t* labels;  // [B]
  const float* weights;   // [B] or null = 1
  double scale;           // 1 / global number of texts
  double* loss;
  Matrix dlogits;  // [B,C] or absent
};

// out[j] += sum over rows of x[:, columns ? columns[j] : j]
struct ColumnSumArgs {
  Matrix x;
  const int32_t* columns;
  int64_t count;
  float* out;
};

enum class Axis : uint8_t { kAll, kRows /* one result per row */, kColumns /* one per column */ };
struct SumSquaresArgs {
  Matrix x;
  Axis axis;
  double* out;  // added to
};

// Moments of |x| or x per column; with group > 1, of the L2 norm of each run of `group` columns.
struct MomentsArgs {
  Matrix x;
  int64_t group;
  MomentForm form;
  Moments* moments;
};

// Decoupled AdamW on the selected part of w. grad, m, v are compact [R,C]: element (r,c) belongs to
// w[rows ? rows[r] : r, columns ? columns[c] : c].  g = grad * grad_scale; m,v as in PyTorch;
// w -= lr * weight_decay * w;  w -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
struct AdamwArgs {
  Matrix w;
  const int32_t* rows;
  const int32_t* columns;
  Matrix grad, m, v;
  float lr, beta1, beta2, eps, weight_decay, grad_scale;
  int64_t t;  // 1-based step of this slot
};

// y[r] = x[index[r]] (the [CLS] rows of a batch), or its transpose, x[index[r]] += y[r]. index ascends.
struct GatherRowsArgs {
  Matrix x;
  const int32_t* index;
  Matrix y;
  bool add_back = false;
};

// The most multiply-adds that a processor gives: on each of kMultiplyAddChains independent numbers, which
// start at 0, 1, 2, ..., `steps` times x = x * 0.999f + 0.001f, in every lane of a vector, on every thread
// some times over. For measuring: flops / time is the limit of all products of matrices.
constexpr int64_t kMultiplyAddChains = 12;  // latency times ports, and no more registers than AVX2 has
struct MultiplyAddArgs {
  int64_t steps;
  double* flops;  // 2 for each multiply-add that was done
  double* mean;   // of the chains' last numbers
};

// The one list: the table below, the declarations of every backend and their tables follow from it.
#define ADAPTUNE_OPS(X)              \
  X(gemm, GemmArgs)                  \
  X(embed_fwd, EmbedArgs)            \
  X(embed_bwd, EmbedBwdArgs)         \
  X(norm_fwd, NormFwdArgs)           \
  X(norm_bwd, NormBwdArgs)           \
  X(attention_fwd, AttentionArgs)    \
  X(attention_bwd, AttentionBwdArgs) \
  X(dropout, DropoutArgs)            \
  X(loss, LossArgs)                  \
  X(column_sum, ColumnSumArgs)       \
  X(sum_squares, SumSquaresArgs)     \
  X(moments, MomentsArgs)            \
  X(adamw, AdamwArgs)                \
  X(gather_rows, GatherRowsArgs)     \
  X(multiply_add, MultiplyAddArgs)

#define ADAPTUNE_OP_POINTER(op, Args) void (*op)(const Context&, const Args&);
#define ADAPTUNE_OP_FUNCTION(op, Args) void op(const Context&, const Args&);

struct Ops {
  const char* name;  // "ref", "scalar", "avx2", "avx512"
  ADAPTUNE_OPS(ADAPTUNE_OP_POINTER)
};

extern const Ops kRefOps;  // ops/ref/: slow, obvious, sums in double; keeps float storage between ops

}  // namespace adaptune
