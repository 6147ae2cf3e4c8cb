// a = norm(dropout(attention(x Wqkv^T + b) Wout^T + b) + x). Where the layer carries on the [CLS] rows alone,
// all rows are attended to, and the rows of [CLS] alone go through the output projection.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/pass.h"

namespace adaptune {
namespace {

AttentionArgs attention_args(const Pass& pass, int64_t layer) {
  const EncoderConfig& c = pass.config();
  const LayerActivations& a = pass.saved.layers[layer];
  return {.qkv = a.qkv,
          .offsets = pass.batch.offsets,
          .sequences = pass.batch.sequences,
          .heads = c.heads,
          .kv_heads = c.kv_heads,
          .head_width = c.head_width,
          .scale = static_cast<float>(1 / std::sqrt(double(c.head_width))),
          .dropout = pass.probability_dropout(layer),
          .out = a.context,
          .lse = a.lse.f32()};
}

constexpr Target kQkv[] = {Target::kQuery, Target::kKey, Target::kValue};

// The columns of the fused query, key and value that a target gives.
Matrix part_of(const Pass& pass, const Matrix& qkv, Target target) {
  const QkvPart part = qkv_part(pass.config(), target);
  return columns(qkv, part.first, part.count);
}

AddNorm output_args(const Pass& pass, int64_t layer) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  return {w.out,
          w.out_bias,
          w.attention_norm_gamma,
          w.attention_norm_beta,
          pass.output_dropout(layer, LayerSite::kAttentionOutput),
          a.attention_sum,
          a.attention_mean,
          a.attention_rstd,
          layer,
          Target::kOutput};
}

// Saved in the lowest layer of backward, or the output of the layer below.
Matrix layer_input(const Pass& pass, int64_t layer) {
  return layer <= std::max<int64_t>(pass.floor, 0) ? pass.saved.layers[layer].input
                                                   : mlp_output(pass, layer - 1);
}

void context_moments(const Pass& pass, int64_t layer) {
  const Matrix& context = pass.saved.layers[layer].context;
  const int64_t groups = pass.config().kv_heads;
  const UnitMoments& m = pass.moments;
  if (m.groups)
    pass.ops().moments(pass.context(),
                       {context, context.cols / groups, MomentForm::kAbs, m.groups + layer * groups});
  if (m.context)
    pass.ops().moments(pass.context(), {context, 1, MomentForm::kSigned, m.context + layer * context.cols});
}

}  // namespace

void attention_forward(const Pass& pass, int64_t layer) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  pass.ops().gemm(pass.context(), {.a = a.input, .w = &w.qkv, .c = a.qkv, .bias = w.qkv_bias});
  for (const Target target : kQkv)
    adapter_forward(pass, layer, target, a.input, part_of(pass, a.qkv, target), true);
  pass.ops().attention_fwd(pass.context(), attention_args(pass, layer));
  context_moments(pass, layer);
  if (!pass.carries_all(layer)) {
    // The first token of each text is its [CLS], so the offsets are the rows' index.
    pass.ops().gather_rows(pass.context(), {.x = a.input, .index = pass.batch.offsets, .y = a.carried_input});
    pass.ops().gather_rows(pass.context(),
                           {.x = a.context, .index = pass.batch.offsets, .y = a.carried_context});
  }
  add_norm_forward(pass, output_args(pass, layer), a.carried_context, a.carried_input, a.attention_output);
}

Matrix attention_output(const Pass& pass, int64_t layer) {
  return add_norm_output(pass, output_args(pass, layer));
}

void attention_backward(const Pass& pass, int64_t layer, const Matrix& d, const Matrix& dx) {
  const ArenaScope scope(*pass.engine.activations);
  const Ops& ops = pass.ops();
  const Context& context = pass.context();
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const LayerGradients& g = pass.wanted(layer);
  const bool accumulate = pass.gradients->accumulate, carries_all = pass.carries_all(layer);
  const bool adapted = g.adapts(Target::kQuery, Target::kValue);
  const bool enters = dx || g.qkv || g.qkv_bias || adapted;

  const Matrix dqkv = enters ? pass.scratch(a.qkv.rows, a.qkv.cols) : Matrix{};
  {
    const ArenaScope above(*pass.engine.activations);
    const Matrix dout =
        add_norm_backward(pass, output_args(pass, layer), d, g.attention_norm_gamma, g.attention_norm_beta);
    linear_gradients(pass.engine, dout, a.carried_context, {g.out_bias, g.out, nullptr, g.out_columns},
                     accumulate);
    const Matrix dcarried = enters ? pass.scratch(d.rows, a.context.cols) : Matrix{};
    if (enters) ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dout, .w = &w.out, .c = dcarried});
    adapter_backward(pass, layer, Target::kOutput, dout, a.carried_context, dcarried, true);
    if (!enters) return;

    Matrix dcontext = dcarried;
    if (!carries_all) {
      dcontext = pass.scratch(a.context.rows, a.context.cols);
      std::memset(dcontext.ptr, 0, static_cast<size_t>(dcontext.rows * dcontext.cols) * sizeof(float));
      ops.gather_rows(context, {.x = dcontext, .index = pass.batch.offsets, .y = dcarried, .add_back = true});
    }
    ops.attention_bwd(context, {attention_args(pass, layer), dcontext, dqkv});
  }
  const Matrix input = g.qkv || adapted ? layer_input(pass, layer) : a.input;
  linear_gradients(pass.engine, dqkv, input, {g.qkv_bias, g.qkv, g.qkv_rows, nullptr}, accumulate);
  if (dx)
    ops.gemm(context, {.kind = GemmKind::kInputGrad,
                       .a = dqkv,
                       .w = &w.qkv,
                       .c = dx,
                       .residual = carries_all ? d : Matrix{}});
  if (dx && !carries_all)
    ops.gather_rows(context, {.x = dx, .index = pass.batch.offsets, .y = d, .add_back = true});
  for (const Target target : kQkv)
    adapter_backward(pass, layer, target, part_of(pass, dqkv, target), input, dx, true);
}

}  // namespace adaptune
