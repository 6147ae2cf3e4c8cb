// logits = dropout(tanh(cls Wp^T + b)) Wc^T + b
#include "model/pass.h"

namespace adaptune {

Head begin_head(const Engine& engine, const Model& model, const Matrix& cls, DropoutPlan plan) {
  const EncoderConfig& c = model.config;
  const Dropout dropout = plan.at(c.classifier_dropout, classifier_site(c), plan.texts_before, c.hidden);
  return {engine, model, cls, dropout,
          take_head_activations(*engine.activations, c, cls.rows, dropout.p > 0)};
}

void head_forward(const Head& head) {
  const Ops& ops = *head.engine.ops;
  const Context& context = head.engine.context;
  const Model& m = head.model;
  const HeadActivations& a = head.saved;
  ops.gemm(
      context,
      {.a = head.cls, .w = &m.pooler, .c = a.pooled, .bias = m.pooler_bias, .activation = Activation::kTanh});
  if (head.dropout.p > 0) ops.dropout(context, {a.pooled, a.dropped, head.dropout});
  ops.gemm(context, {.a = a.dropped, .w = &m.classifier, .c = a.logits, .bias = m.classifier_bias});
}

namespace {

void backward(const Head& head, const Matrix& dlogits, const Gradients& g, const Matrix& dcls) {
  const ArenaScope scope(*head.engine.activations);
  const Ops& ops = *head.engine.ops;
  const Context& context = head.engine.context;
  const Model& m = head.model;
  const HeadActivations& a = head.saved;
  linear_gradients(head.engine, dlogits, a.dropped, {g.classifier_bias, g.classifier}, g.accumulate);
  if (!dcls && !g.pooler && !g.pooler_bias) return;

  // The mask and the gradient of tanh are factors of one element: they commute.
  const Matrix dpre = scratch(head.engine, head.cls.rows, head.cls.cols);
  ops.gemm(context, {.kind = GemmKind::kInputGrad,
                     .a = dlogits,
                     .w = &m.classifier,
                     .c = dpre,
                     .activation_grad = Activation::kTanh,
                     .grad_pre = a.pooled});
  if (head.dropout.p > 0) ops.dropout(context, {dpre, dpre, head.dropout});
  linear_gradients(head.engine, dpre, head.cls, {g.pooler_bias, g.pooler}, g.accumulate);
  if (dcls) ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dpre, .w = &m.pooler, .c = dcls});
}

}  // namespace

double head_loss(const Head& head, const int32_t* labels, const float* weights, double scale,
                 const Gradients& gradients, const Matrix& dcls) {
  head_forward(head);
  const Matrix& logits = head.saved.logits;
  const Matrix dlogits = scratch(head.engine, logits.rows, logits.cols);
  double loss = 0;
  head.engine.ops->loss(head.engine.context, {.logits = logits,
                                              .labels = labels,
                                              .weights = weights,
                                              .scale = scale,
                                              .loss = &loss,
                                              .dlogits = dlogits});
  backward(head, dlogits, gradients, dcls);
  return loss;
}

}  // namespace adaptune
