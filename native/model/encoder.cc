#include <cstring>

#include "base/error.h"
#include "model/pass.h"

namespace adaptune {
namespace {

void layer_done(const Engine& engine) {
  if (!engine.monitor) return;
  engine.monitor->layer_done(engine.monitor->data);
  ADAPTUNE_CHECK(!engine.monitor->cancelled(engine.monitor->data), E_ABORTED, "cancelled between two layers");
}

bool any(const LayerGradients& g) {
  return g.qkv || g.out || g.up || g.down || g.qkv_bias || g.out_bias || g.up_bias || g.down_bias ||
         g.attention_norm_gamma || g.attention_norm_beta || g.mlp_norm_gamma || g.mlp_norm_beta ||
         g.adapts(Target::kQuery, Target::kDown);
}

}  // namespace

int64_t floor_of(const Gradients& g) {
  if (g.word || g.position || g.type || g.embedding_norm_gamma || g.embedding_norm_beta) return -1;
  int64_t layer = 0;
  for (const LayerGradients& wanted : g.layers) {
    if (any(wanted)) return layer;
    ++layer;
  }
  return layer;
}

Pass begin_pass(const Engine& engine, const Model& model, const Batch& batch, const Gradients* gradients,
                bool cls_only, DropoutPlan dropout, UnitMoments moments, int64_t first) {
  const BatchSize size = {batch.tokens, batch.sequences};
  const LayerRange range{first, model.config.layers};
  engine.activations->reset(pass_bytes(model.config, size, gradients, cls_only, first));
  const Activations saved =
      take_activations(*engine.activations, model.config, size, gradients, cls_only, range);
  const int64_t floor = gradients ? floor_of(*gradients) : model.config.layers;
  return {engine, model, batch, gradients, cls_only, dropout, moments, saved, floor, range};
}

void encoder_forward(const Pass& pass) {
  const auto [first, end] = pass.range;
  if (first == 0) embed_forward(pass, pass.saved.layers[0].input);
  for (int64_t layer = first; layer < end; ++layer) {
    block_forward(pass, layer, layer + 1 < end ? pass.saved.layers[layer + 1].input : pass.saved.output);
    layer_done(pass.engine);
  }
  if (pass.gradients) pass.engine.activations->rewind(pass.saved.forward_only);
}

Matrix prefix_forward(const Pass& pass, const Batch& texts) {
  const int64_t layers = pass.config().layers;
  const LayerRange below{0, pass.range.first};
  const Activations saved = take_activations(*pass.engine.activations, pass.config(),
                                             {texts.tokens, texts.sequences}, nullptr, pass.cls_only, below);
  const Pass prefix{pass.engine, pass.model, texts, nullptr, pass.cls_only, {}, {}, saved, layers, below};
  encoder_forward(prefix);
  return saved.output;
}

namespace {

// dlast: gradient of the last layer's rows, overwritten. d [T,H]: where the layers below find theirs; dlast
// itself when the last layer carries all rows.
void layers_backward(const Pass& pass, const Matrix& dlast, const Matrix& d) {
  for (int64_t layer = pass.config().layers - 1; layer >= 0 && layer >= pass.floor; --layer) {
    const bool further = layer > pass.floor;  // has somebody below use for the input's gradient?
    block_backward(pass, layer, pass.carries_all(layer) ? d : dlast, further ? d : Matrix{});
    layer_done(pass.engine);
  }
  if (pass.floor < 0) embed_backward(pass, d);
}

}  // namespace

void encoder_backward(const Pass& pass, const Matrix& dcls) {
  if (pass.floor >= pass.config().layers) return;
  const ArenaScope scope(*pass.engine.activations);
  const Matrix d = pass.scratch(pass.batch.tokens, pass.config().hidden);
  if (!pass.cls_only) {
    std::memset(d.ptr, 0, static_cast<size_t>(d.rows * d.cols) * sizeof(float));
    pass.ops().gather_rows(pass.context(),
                           {.x = d, .index = pass.batch.offsets, .y = dcls, .add_back = true});
  }
  layers_backward(pass, dcls, d);
}

void encoder_gradients(const Engine& engine, const Model& model, const Batch& batch, const Matrix& dhidden,
                       const Gradients& gradients) {
  check(model.config, batch);
  const Pass pass = begin_pass(engine, model, batch, &gradients, false, {}, {});
  encoder_forward(pass);
  layers_backward(pass, dhidden, dhidden);
}

void infer(const Engine& engine, const Model& model, const Batch& batch, Output output, Matrix out) {
  check(model.config, batch);
  const Pass pass = begin_pass(engine, model, batch, nullptr, output != Output::kHidden, {}, {});
  encoder_forward(pass);
  Matrix result = pass.saved.output;
  if (output == Output::kLogits || output == Output::kPooled) {
    const Head head = begin_head(engine, model, pass.saved.output, {});
    head_forward(head);
    result = output == Output::kPooled ? head.saved.pooled : head.saved.logits;
  }
  for (int64_t b = 0; b < result.rows; ++b)
    std::memcpy(out.f32() + b * out.ld, result.f32() + b * result.ld,
                static_cast<size_t>(result.cols) * sizeof(float));
}

}  // namespace adaptune
