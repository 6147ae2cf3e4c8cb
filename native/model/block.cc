#include "model/pass.h"

namespace adaptune {

void add_norm_forward(const Pass& pass, const AddNorm& a, const Matrix& x, const Matrix& residual,
                      const Matrix& y) {
  const Matrix product = a.sum ? a.sum : y;
  pass.ops().gemm(pass.context(), {.a = x, .w = &a.w, .c = product, .bias = a.bias});
  adapter_forward(pass, a.layer, a.target, x, product, true);
  pass.ops().norm_fwd(pass.context(), {.x = product,
                                       .residual = residual,
                                       .dropout = a.dropout,
                                       .gamma = a.gamma,
                                       .beta = a.beta,
                                       .eps = pass.config().norm_eps,
                                       .y = y,
                                       .sum = a.sum,
                                       .mean = a.mean.f32(),
                                       .rstd = a.rstd.f32()});
}

Matrix add_norm_backward(const Pass& pass, const AddNorm& a, const Matrix& d, float* dgamma, float* dbeta) {
  const Matrix masked = a.dropout.p > 0 ? pass.scratch(d.rows, d.cols) : Matrix{};
  pass.ops().norm_bwd(pass.context(), {.dy = d,
                                       .sum = a.sum,
                                       .mean = a.mean.f32(),
                                       .rstd = a.rstd.f32(),
                                       .gamma = a.gamma,
                                       .dropout = a.dropout,
                                       .dsum = d,
                                       .dx = masked,
                                       .dgamma = dgamma,
                                       .dbeta = dbeta});
  return masked ? masked : d;
}

Matrix add_norm_output(const Pass& pass, const AddNorm& a) {
  const Matrix y = pass.scratch(a.sum.rows, a.sum.cols);
  pass.ops().norm_fwd(pass.context(),
                      {.x = a.sum, .gamma = a.gamma, .beta = a.beta, .eps = pass.config().norm_eps, .y = y});
  return y;
}

void linear_gradients(const Engine& engine, const Matrix& dy, const Matrix& x, const LinearGradients& g,
                      bool accumulate) {
  if (g.dbias) engine.ops->column_sum(engine.context, {dy, nullptr, dy.cols, g.dbias});
  if (!g.dw) return;
  engine.ops->gemm(engine.context, {.kind = GemmKind::kWeightGrad,
                                    .a = dy,
                                    .b = x,
                                    .a_columns = g.outputs,
                                    .b_columns = g.inputs,
                                    .b_activation = g.activation,
                                    .c = g.dw,
                                    .accumulate = accumulate});
}

void block_forward(const Pass& pass, int64_t layer, const Matrix& out) {
  attention_forward(pass, layer);
  mlp_forward(pass, layer, out);
}

void block_backward(const Pass& pass, int64_t layer, const Matrix& d, const Matrix& dx) {
  const LayerGradients& g = pass.wanted(layer);
  const bool attention = dx || g.qkv || g.out || g.qkv_bias || g.out_bias || g.attention_norm_gamma ||
                         g.adapts(Target::kQuery, Target::kOutput);
  mlp_backward(pass, layer, d, attention);
  if (attention) attention_backward(pass, layer, d, dx);
}

}  // namespace adaptune
