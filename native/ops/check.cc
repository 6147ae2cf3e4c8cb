#include "ops/check.h"

#include "base/error.h"

namespace adaptune {
namespace {

using Long = long long;  // what %lld prints

struct Shape {
  int64_t rows, cols;
};

Shape shape(const Matrix& m) { return {m.rows, m.cols}; }

// Checks of one op's arguments; the name is for the message.
struct Checker {
  const char* op;

  void require(bool condition, const char* what) const {
    ADAPTUNE_CHECK(condition, E_INTERNAL, "%s: expected %s", op, what);
  }
  void matrix(const char* name, const Matrix& m, Shape expected) const {
    ADAPTUNE_CHECK(m.ptr != nullptr, E_INTERNAL, "%s: expected %s but received none", op, name);
    ADAPTUNE_CHECK(m.dtype == DType::kF32, E_INTERNAL, "%s: expected %s in F32 but received dtype %d", op,
                   name, int(m.dtype));
    ADAPTUNE_CHECK(m.rows == expected.rows && m.cols == expected.cols && m.ld >= m.cols, E_INTERNAL,
                   "%s: expected %s [%lld, %lld] but received [%lld, %lld] with %lld elements a row", op,
                   name, Long{expected.rows}, Long{expected.cols}, Long{m.rows}, Long{m.cols}, Long{m.ld});
  }
  void optional(const char* name, const Matrix& m, Shape expected) const {
    if (m) matrix(name, m, expected);
  }
  // Ascending without repetition in [0, bound); null = all.
  void indices(const char* name, const int32_t* index, int64_t count, int64_t bound) const {
    if (!index) {
      ADAPTUNE_CHECK(count == bound, E_INTERNAL, "%s: expected %lld %s but received %lld", op, Long{bound},
                     name, Long{count});
      return;
    }
    int64_t previous = -1;
    for (int64_t i = 0; i < count; previous = index[i++]) {
      ADAPTUNE_CHECK(index[i] > previous && index[i] < bound, E_INTERNAL,
                     "%s: expected %s ascending in [0, %lld) but received %d after %lld", op, name,
                     Long{bound}, index[i], Long{previous});
    }
  }
  void offsets(const int32_t* offsets, int64_t sequences, int64_t tokens) const {
    indices("offsets", offsets, sequences + 1, tokens + 1);
    ADAPTUNE_CHECK(offsets[0] == 0 && offsets[sequences] == tokens, E_INTERNAL,
                   "%s: expected offsets from 0 to %lld but received %d to %d", op, Long{tokens}, offsets[0],
                   offsets[sequences]);
  }
  // b may be absent. same: may the two be the very same matrix?
  void apart(const char* names, const Matrix& a, const Matrix& b, bool same = false) const {
    if (!b || (same && a.ptr == b.ptr && a.ld == b.ld)) return;
    const float *a_end = a.f32() + (a.rows - 1) * a.ld + a.cols,
                *b_end = b.f32() + (b.rows - 1) * b.ld + b.cols;
    ADAPTUNE_CHECK(a_end <= b.f32() || b_end <= a.f32(), E_INTERNAL, "%s: expected %s apart in memory", op,
                   names);
  }
};

Context inner_context(const Context& context) {
  return {context.pool, context.scratch, static_cast<const Checked*>(context.backend)->backend};
}
const Ops& inner(const Context& context) { return *static_cast<const Checked*>(context.backend)->inner; }

void gemm(const Context& context, const GemmArgs& g) {
  const Checker check{"gemm"};
  const bool weight_grad = g.kind == GemmKind::kWeightGrad;
  const Shape c = shape(g.c);
  check.matrix("c", g.c, c);
  if (weight_grad) {
    check.matrix("a", g.a, shape(g.a));
    check.matrix("b", g.b, {g.a.rows, g.b.cols});
    check.indices("columns of a", g.a_columns, c.rows, g.a.cols);
    check.indices("columns of b", g.b_columns, c.cols, g.b.cols);
    check.apart("b and c", g.b, g.c);
  } else {
    check.require(g.w != nullptr, "a weight");
    const bool forward = g.kind == GemmKind::kForward;
    check.matrix("a", g.a, {c.rows, forward ? g.w->values.cols : g.w->values.rows});
    check.matrix("w", g.w->values, forward ? Shape{c.cols, g.a.cols} : Shape{g.a.cols, c.cols});
    check.apart("w and c", g.w->values, g.c);
  }
  check.apart("a and c", g.a, g.c);
  check.optional("residual", g.residual, c);
  check.optional("pre", g.pre, c);
  check.apart("residual and c", g.c, g.residual, true);
  check.apart("pre and c", g.c, g.pre);
  if (g.activation_grad != Activation::kNone) check.matrix("grad_pre", g.grad_pre, c);
  inner(context).gemm(inner_context(context), g);
}

void embed_fwd(const Context& context, const EmbedArgs& a) {
  const Checker check{"embed_fwd"};
  check.matrix("out", a.out, shape(a.out));
  check.offsets(a.offsets, a.sequences, a.out.rows);
  check.matrix("word", a.word, {a.word.rows, a.out.cols});
  check.matrix("position", a.position, {a.position.rows, a.out.cols});
  check.matrix("type", a.type, {a.type.rows, a.out.cols});
  inner(context).embed_fwd(inner_context(context), a);
}

void embed_bwd(const Context& context, const EmbedBwdArgs& a) {
  const Checker check{"embed_bwd"};
  check.matrix("dx", a.dx, shape(a.dx));
  check.offsets(a.offsets, a.sequences, a.dx.rows);
  check.require(a.first_row >= 0, "first_row >= 0");
  check.optional("dword", a.dword, {a.dword.rows, a.dx.cols});
  check.optional("dposition", a.dposition, {a.dposition.rows, a.dx.cols});
  check.optional("dtype", a.dtype, {a.dtype.rows, a.dx.cols});
  inner(context).embed_bwd(inner_context(context), a);
}

void norm_fwd(const Context& context, const NormFwdArgs& a) {
  const Checker check{"norm_fwd"};
  check.matrix("x", a.x, shape(a.x));
  check.matrix("y", a.y, shape(a.x));
  check.optional("residual", a.residual, shape(a.x));
  check.optional("sum", a.sum, shape(a.x));
  check.require(a.gamma && a.beta, "gamma and beta");
  check.require((a.mean != nullptr) == (a.rstd != nullptr), "mean and rstd together");
  check.apart("x and y", a.x, a.y, true);
  check.apart("x and sum", a.x, a.sum, true);
  check.apart("y and sum", a.y, a.sum);
  check.apart("y and residual", a.y, a.residual);
  inner(context).norm_fwd(inner_context(context), a);
}

void norm_bwd(const Context& context, const NormBwdArgs& a) {
  const Checker check{"norm_bwd"};
  check.matrix("dy", a.dy, shape(a.dy));
  check.matrix("sum", a.sum, shape(a.dy));
  check.matrix("dsum", a.dsum, shape(a.dy));
  check.optional("dx", a.dx, shape(a.dy));
  check.require(a.mean && a.rstd && a.gamma, "mean, rstd and gamma");
  check.require(a.dx || a.dropout.p == 0, "dx under dropout");
  check.apart("dy and dsum", a.dy, a.dsum, true);
  check.apart("dsum and dx", a.dsum, a.dx);
  check.apart("dy and dx", a.dy, a.dx);
  check.apart("sum and dsum", a.sum, a.dsum);
  inner(context).norm_bwd(inner_context(context), a);
}

void check_attention(const Checker& check, const AttentionArgs& a) {
  check.require(a.kv_heads > 0 && a.heads % a.kv_heads == 0, "heads in equal groups");
  check.matrix("qkv", a.qkv, {a.qkv.rows, (a.heads + 2 * a.kv_heads) * a.head_width});
  check.matrix("out", a.out, {a.qkv.rows, a.heads * a.head_width});
  check.offsets(a.offsets, a.sequences, a.qkv.rows);
  check.apart("qkv and out", a.qkv, a.out);
}

void attention_fwd(const Context& context, const AttentionArgs& a) {
  check_attention({"attention_fwd"}, a);
  inner(context).attention_fwd(inner_context(context), a);
}

void attention_bwd(const Context& context, const AttentionBwdArgs& a) {
  const Checker check{"attention_bwd"};
  check_attention(check, a.fwd);
  check.require(a.fwd.lse != nullptr, "lse as forward left it");
  check.matrix("dout", a.dout, shape(a.fwd.out));
  check.matrix("dqkv", a.dqkv, shape(a.fwd.qkv));
  check.apart("qkv and dqkv", a.fwd.qkv, a.dqkv);
  check.apart("dout and dqkv", a.dout, a.dqkv);
  inner(context).attention_bwd(inner_context(context), a);
}

void dropout(const Context& context, const DropoutArgs& a) {
  const Checker check{"dropout"};
  check.matrix("x", a.x, shape(a.x));
  check.matrix("y", a.y, shape(a.x));
  check.require(a.dropout.p >= 0 && a.dropout.p < 1, "p in [0, 1)");
  check.apart("x and y", a.x, a.y, !a.add);
  inner(context).dropout(inner_context(context), a);
}

void loss(const Context& context, const LossArgs& a) {
  const Checker check{"loss"};
  check.matrix("logits", a.logits, shape(a.logits));
  check.optional("dlogits", a.dlogits, shape(a.logits));
  for (int64_t b = 0; b < a.logits.rows; ++b)
    check.require(a.labels[b] >= 0 && a.labels[b] < a.logits.cols, "labels below the number of classes");
  inner(context).loss(inner_context(context), a);
}

void column_sum(const Context& context, const ColumnSumArgs& a) {
  const Checker check{"column_sum"};
  check.matrix("x", a.x, shape(a.x));
  check.indices("columns", a.columns, a.count, a.x.cols);
  inner(context).column_sum(inner_context(context), a);
}

void sum_squares(const Context& context, const SumSquaresArgs& a) {
  Checker{"sum_squares"}.matrix("x", a.x, shape(a.x));
  inner(context).sum_squares(inner_context(context), a);
}

void moments(const Context& context, const MomentsArgs& a) {
  const Checker check{"moments"};
  check.matrix("x", a.x, shape(a.x));
  check.require(a.group >= 1 && a.x.cols % a.group == 0, "columns in equal groups");
  inner(context).moments(inner_context(context), a);
}

void adamw(const Context& context, const AdamwArgs& a) {
  const Checker check{"adamw"};
  check.matrix("w", a.w, shape(a.w));
  check.matrix("grad", a.grad, shape(a.grad));
  check.matrix("m", a.m, shape(a.grad));
  check.matrix("v", a.v, shape(a.grad));
  check.indices("rows", a.rows, a.grad.rows, a.w.rows);
  check.indices("columns", a.columns, a.grad.cols, a.w.cols);
  check.require(a.t >= 1, "t counted from 1");
  inner(context).adamw(inner_context(context), a);
}

void gather_rows(const Context& context, const GatherRowsArgs& a) {
  const Checker check{"gather_rows"};
  check.matrix("x", a.x, shape(a.x));
  check.matrix("y", a.y, {a.y.rows, a.x.cols});
  check.require(a.index != nullptr, "an index");
  check.indices("index", a.index, a.y.rows, a.x.rows);
  check.apart("x and y", a.x, a.y);
  inner(context).gather_rows(inner_context(context), a);
}

void multiply_add(const Context& context, const MultiplyAddArgs& a) {
  Checker{"multiply_add"}.require(a.steps >= 1 && a.flops && a.mean, "steps, and places for flops and mean");
  inner(context).multiply_add(inner_context(context), a);
}

}  // namespace

#define ADAPTUNE_ENTRY(op, Args) .op = op,
const Ops kCheckedOps = {.name = "checked", ADAPTUNE_OPS(ADAPTUNE_ENTRY)};
#undef ADAPTUNE_ENTRY

}  // namespace adaptune
