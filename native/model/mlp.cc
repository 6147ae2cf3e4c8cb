// y = norm(dropout(gelu(a Wup^T + b) Wdown^T + b) + a)
#include "model/pass.h"

namespace adaptune {
namespace {

AddNorm output_args(const Pass& pass, int64_t layer) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const Dropout dropout = pass.layer_dropout(pass.config().hidden_dropout, layer, LayerSite::kMlpOutput);
  return {w.down,    w.down_bias, w.mlp_norm_gamma, w.mlp_norm_beta, dropout,
          a.mlp_sum, a.mlp_mean,  a.mlp_rstd,       layer,           Target::kDown};
}

}  // namespace

void mlp_forward(const Pass& pass, int64_t layer, const Matrix& out) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const bool adapted = adapter_forward(pass, layer, Target::kUp, a.attention_output, a.neurons, false);
  Moments* moments = pass.neuron_moments ? pass.neuron_moments + layer * pass.config().feed_forward : nullptr;
  pass.ops().gemm(pass.context(), {.a = a.attention_output,
                                   .w = &w.up,
                                   .c = a.neurons,
                                   .bias = w.up_bias,
                                   .residual = adapted ? a.neurons : Matrix{},
                                   .pre = a.pre,
                                   .activation = pass.config().activation,
                                   .moments = moments,
                                   .moment_form = MomentForm::kAbs});
  add_norm_forward(pass, output_args(pass, layer), a.neurons, a.attention_output, out);
}

void mlp_backward(const Pass& pass, int64_t layer, const Matrix& d, bool input_gradient) {
  const ArenaScope scope(*pass.engine.activations);
  const Ops& ops = pass.ops();
  const Context& context = pass.context();
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const LayerGradients& g = pass.wanted(layer);
  const bool accumulate = pass.gradients->accumulate;

  const Matrix ddown = add_norm_backward(pass, output_args(pass, layer), d, pass.scratch(d.rows, d.cols),
                                         g.mlp_norm_gamma, g.mlp_norm_beta);
  linear_gradients(pass.engine, ddown, a.neurons, {g.down_bias, g.down, nullptr, g.neurons}, accumulate);
  const bool further = input_gradient || g.up || g.up_bias || g.adapts(Target::kUp, Target::kUp);
  const Matrix dpre = further ? pass.scratch(d.rows, pass.config().feed_forward) : Matrix{};
  const bool adapted = adapter_backward(pass, layer, Target::kDown, ddown, a.neurons, dpre, false);
  if (!further) return;

  ops.gemm(context, {.kind = GemmKind::kInputGrad,
                     .a = ddown,
                     .w = &w.down,
                     .c = dpre,
                     .residual = adapted ? dpre : Matrix{},
                     .activation_grad = pass.config().activation,
                     .grad_pre = a.pre});
  linear_gradients(pass.engine, dpre, a.attention_output, {g.up_bias, g.up, g.neurons, nullptr}, accumulate);
  if (input_gradient)
    ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dpre, .w = &w.up, .c = d, .residual = d});
  adapter_backward(pass, layer, Target::kUp, dpre, a.attention_output, input_gradient ? d : Matrix{}, true);
}

}  // namespace adaptune
