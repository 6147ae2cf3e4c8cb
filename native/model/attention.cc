// a = norm(dropout(attention(x Wqkv^T + b) Wout^T + b) + x). Where the layer carries on the [CLS] rows alone,
// all rows are attended to, and the rows of [CLS] alone go through the output projection.
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
          .dropout = pass.layer_dropout(c.attention_dropout, layer, LayerSite::kProbabilities),
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
  const Dropout dropout =
      pass.layer_dropout(pass.config().hidden_dropout, layer, LayerSite::kAttentionOutput);
  return {w.out,   w.out_bias,      w.attention_norm_gamma, w.attention_norm_beta,
          dropout, a.attention_sum, a.attention_mean,       a.attention_rstd,
          layer,   Target::kOutput};
}

}  // namespace

void attention_forward(const Pass& pass, int64_t layer) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  pass.ops().gemm(pass.context(), {.a = a.input, .w = &w.qkv, .c = a.qkv, .bias = w.qkv_bias});
  for (const Target target : kQkv)
    adapter_forward(pass, layer, target, a.input, part_of(pass, a.qkv, target), true);
  pass.ops().attention_fwd(pass.context(), attention_args(pass, layer));
  if (!pass.carries_all(layer)) {
    // The first token of each text is its [CLS], so the offsets are the rows' index.
    pass.ops().gather_rows(pass.context(), {.x = a.input, .index = pass.batch.offsets, .y = a.carried_input});
    pass.ops().gather_rows(pass.context(),
                           {.x = a.context, .index = pass.batch.offsets, .y = a.carried_context});
  }
  add_norm_forward(pass, output_args(pass, layer), a.carried_context, a.carried_input, a.attention_output);
}

void attention_backward(const Pass& pass, int64_t layer, const Matrix& d, const Matrix& dx) {
  const ArenaScope scope(*pass.engine.activations);
  const Ops& ops = pass.ops();
  const Context& context = pass.context();
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const LayerGradients& g = pass.wanted(layer);
  const bool accumulate = pass.gradients->accumulate, carries_all = pass.carries_all(layer);

  const Matrix dout = add_norm_backward(pass, output_args(pass, layer), d, pass.scratch(d.rows, d.cols),
                                        g.attention_norm_gamma, g.attention_norm_beta);
  linear_gradients(pass.engine, dout, a.carried_context, {g.out_bias, g.out, nullptr, g.out_columns},
                   accumulate);
  const bool further = dx || g.qkv || g.qkv_bias || g.adapts(Target::kQuery, Target::kValue);
  const Matrix dcarried = further ? pass.scratch(d.rows, a.context.cols) : Matrix{};
  if (further) ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dout, .w = &w.out, .c = dcarried});
  adapter_backward(pass, layer, Target::kOutput, dout, a.carried_context, dcarried, true);
  if (!further) return;

  Matrix dcontext = dcarried;
  if (!carries_all) {
    dcontext = pass.scratch(a.context.rows, a.context.cols);
    std::memset(dcontext.ptr, 0, static_cast<size_t>(dcontext.rows * dcontext.cols) * sizeof(float));
    ops.gather_rows(context, {.x = dcontext, .index = pass.batch.offsets, .y = dcarried, .add_back = true});
  }
  const Matrix dqkv = pass.scratch(a.qkv.rows, a.qkv.cols);
  ops.attention_bwd(context, {attention_args(pass, layer), dcontext, dqkv});
  linear_gradients(pass.engine, dqkv, a.input, {g.qkv_bias, g.qkv, g.qkv_rows, nullptr}, accumulate);
  if (dx)
    ops.gemm(context, {.kind = GemmKind::kInputGrad,
                       .a = dqkv,
                       .w = &w.qkv,
                       .c = dx,
                       .residual = carries_all ? d : Matrix{}});
  if (dx && !carries_all)
    ops.gather_rows(context, {.x = dx, .index = pass.batch.offsets, .y = d, .add_back = true});
  for (const Target target : kQkv)
    adapter_backward(pass, layer, target, part_of(pass, dqkv, target), a.input, dx, true);
}

}  // namespace adaptune
