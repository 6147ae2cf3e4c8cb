// y = norm(dropout(gelu(a Wup^T + b) Wdown^T + b) + a)
#include "model/pass.h"

namespace adaptune {
namespace {

AddNorm output_args(const Pass& pass, int64_t layer) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const Dropout dropout = pass.output_dropout(layer, LayerSite::kMlpOutput);
  return {w.down,    w.down_bias, w.mlp_norm_gamma, w.mlp_norm_beta, dropout,
          a.mlp_sum, a.mlp_mean,  a.mlp_rstd,       layer,           Target::kDown};
}

}  // namespace

void mlp_forward(const Pass& pass, int64_t layer, const Matrix& out) {
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const bool adapted = adapter_forward(pass, layer, Target::kUp, a.attention_output, a.neurons, false);
  const int64_t first = layer * pass.config().feed_forward;
  const UnitMoments& m = pass.moments;
  pass.ops().gemm(pass.context(), {.a = a.attention_output,
                                   .w = &w.up,
                                   .c = a.neurons,
                                   .bias = w.up_bias,
                                   .residual = adapted ? a.neurons : Matrix{},
                                   .pre = a.pre,
                                   .activation = pass.config().activation,
                                   .moments = m.neuron_sizes ? m.neuron_sizes + first : nullptr,
                                   .moment_form = MomentForm::kAbs});
  if (m.neurons) pass.ops().moments(pass.context(), {a.neurons, 1, MomentForm::kSigned, m.neurons + first});
  add_norm_forward(pass, output_args(pass, layer), a.neurons, a.attention_output, out);
}

void mlp_backward(const Pass& pass, int64_t layer, const Matrix& d, bool input_gradient) {
  const ArenaScope scope(*pass.engine.activations);
  const Ops& ops = pass.ops();
  const Context& context = pass.context();
  const LayerWeights& w = pass.weights(layer);
  const LayerActivations& a = pass.saved.layers[layer];
  const LayerGradients& g = pass.wanted(layer);
  const bool accumulate = pass.gradients->accumulate, adapts_up = g.adapts(Target::kUp, Target::kUp);
  const bool further = input_gradient || g.up || g.up_bias || adapts_up;

  // In place of the pre-activation, whose last reader writes it, unless an adapter writes before.
  const bool apart = further && pass.adapter(layer, Target::kDown);
  const Matrix dpre = apart ? pass.scratch(d.rows, pass.config().feed_forward) : further ? a.pre : Matrix{};
  {
    const ArenaScope above(*pass.engine.activations);
    const Matrix ddown =
        add_norm_backward(pass, output_args(pass, layer), d, g.mlp_norm_gamma, g.mlp_norm_beta);
    linear_gradients(pass.engine, ddown, a.pre,
                     {g.down_bias, g.down, nullptr, g.neurons, pass.config().activation}, accumulate);
    const bool adapted = adapter_backward(pass, layer, Target::kDown, ddown, a.neurons, dpre, false);
    if (!further) return;
    ops.gemm(context, {.kind = GemmKind::kInputGrad,
                       .a = ddown,
                       .w = &w.down,
                       .c = dpre,
                       .residual = adapted ? dpre : Matrix{},
                       .activation_grad = pass.config().activation,
                       .grad_pre = a.pre});
  }
  const Matrix input = g.up || adapts_up ? attention_output(pass, layer) : a.attention_output;
  linear_gradients(pass.engine, dpre, input, {g.up_bias, g.up, g.neurons, nullptr}, accumulate);
  if (input_gradient)
    ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dpre, .w = &w.up, .c = d, .residual = d});
  adapter_backward(pass, layer, Target::kUp, dpre, input, input_gradient ? d : Matrix{}, true);
}

Matrix mlp_output(const Pass& pass, int64_t layer) { return add_norm_output(pass, output_args(pass, layer)); }

}  // namespace adaptune
