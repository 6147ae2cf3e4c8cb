// One trip of a batch through the model, and its layers: forward and backward of each stand side by side in
// one file.
#pragma once
#include "model/activations.h"

namespace adaptune {

// Dropout sites (Dropout::site): every place that draws a mask has a number of its own.
constexpr uint32_t kEmbeddingSite = 0;
enum class LayerSite : uint32_t { kProbabilities = 1, kAttentionOutput = 2, kMlpOutput = 3 };
constexpr uint32_t layer_site(int64_t layer, LayerSite site) {
  return 3 * static_cast<uint32_t>(layer) + static_cast<uint32_t>(site);
}
constexpr uint32_t classifier_site(const EncoderConfig& c) { return 3 * static_cast<uint32_t>(c.layers) + 1; }
constexpr uint32_t adapter_site(const EncoderConfig& c, int64_t layer, Target target) {
  return classifier_site(c) + 1 + static_cast<uint32_t>(kTargets) * static_cast<uint32_t>(layer) +
         static_cast<uint32_t>(target);
}

// Masks of a training step; off in inference, in calibration, and in layers that backward does not enter.
struct DropoutPlan {
  bool on = false;
  uint64_t seed = 0;
  uint32_t step = 0;
  // Of a piece of a batch: what comes before it, and the pairs of tokens of one text in the whole batch (0:
  // this is the whole batch). Masks do not depend on the pieces.
  int64_t tokens_before = 0, texts_before = 0, pairs_before = 0, pairs = 0;

  // rows_before: of the matrix of that width.
  Dropout at(float p, uint32_t site, int64_t rows_before, int64_t width) const {
    return on ? Dropout{p, seed, step, site, rows_before * width} : Dropout{};
  }
  Dropout at_probabilities(float p, uint32_t site) const {
    return on ? Dropout{p, seed, step, site, pairs_before, pairs} : Dropout{};
  }
};

inline Matrix scratch(const Engine& engine, int64_t rows, int64_t cols) {
  return matrix(engine.activations->take<float>(rows * cols), rows, cols);
}

// Of what units put out in forward, merged into; absent where null.
struct UnitMoments {
  Moments* groups = nullptr;        // [layers, KVH] of the norms of the groups' parts of the context
  Moments* context = nullptr;       // [layers, NH HD] of the context
  Moments* neuron_sizes = nullptr;  // [layers, F] of |activation|
  Moments* neurons = nullptr;       // [layers, F] of the activation
};

struct Pass {
  const Engine& engine;
  const Model& model;
  const Batch& batch;
  const Gradients* gradients;  // null: inference
  bool cls_only;               // the last layer carries on the [CLS] rows alone
  DropoutPlan dropout;
  UnitMoments moments;
  Activations saved;
  int64_t floor;     // lowest layer that backward enters, floor_of(*gradients)
  LayerRange range;  // layers that forward runs; with first > 0 somebody else fills input()

  const Ops& ops() const { return *engine.ops; }
  const Context& context() const { return engine.context; }
  const EncoderConfig& config() const { return model.config; }
  const LayerWeights& weights(int64_t layer) const { return model.layers[static_cast<size_t>(layer)]; }
  const LayerGradients& wanted(int64_t layer) const { return gradients->layers[static_cast<size_t>(layer)]; }
  bool carries_all(int64_t layer) const { return !cls_only || layer + 1 < config().layers; }
  // Where rows carried on are masked.
  Dropout output_dropout(int64_t layer, LayerSite site) const {
    const int64_t before = carries_all(layer) ? dropout.tokens_before : dropout.texts_before;
    if (layer < floor) return {};
    return dropout.at(config().hidden_dropout, layer_site(layer, site), before, config().hidden);
  }
  Dropout probability_dropout(int64_t layer) const {
    if (layer < floor) return {};
    return dropout.at_probabilities(config().attention_dropout, layer_site(layer, LayerSite::kProbabilities));
  }
  Dropout embedding_dropout() const {
    return dropout.at(config().hidden_dropout, kEmbeddingSite, dropout.tokens_before, config().hidden);
  }
  const Adapter* adapter(int64_t layer, Target target) const {  // null: none
    if (!model.adapters) return nullptr;
    const Adapter& found = model.adapters->layers[static_cast<size_t>(layer)][static_cast<size_t>(target)];
    return found ? &found : nullptr;
  }
  Dropout adapter_dropout(int64_t layer, Target target) const {
    if (layer < floor) return {};
    const EncoderConfig& c = config();
    const bool all = target <= Target::kValue || carries_all(layer);
    const int64_t width = target == Target::kDown     ? c.feed_forward
                          : target == Target::kOutput ? c.heads * c.head_width
                                                      : c.hidden;
    return dropout.at(model.adapters->settings.dropout, adapter_site(c, layer, target),
                      all ? dropout.tokens_before : dropout.texts_before, width);
  }
  Matrix scratch(int64_t rows, int64_t cols) const { return adaptune::scratch(engine, rows, cols); }
  // What the lowest layer of the range reads: [T,H]; the [CLS] states [B,H] when the range is empty.
  const Matrix& input() const {
    return range.first < config().layers ? saved.layers[range.first].input : saved.output;
  }
};

// Resets the arena, reserves what the pass takes and takes the activations. first: lowest layer that forward
// runs; those below are left to prefix_forward.
Pass begin_pass(const Engine& engine, const Model& model, const Batch& batch, const Gradients* gradients,
                bool cls_only, DropoutPlan dropout, UnitMoments moments, int64_t first = 0);

// Embeddings, or input() where the range begins higher up, to saved.output. What is of no use to backward is
// freed, where there are gradients.
void encoder_forward(const Pass& pass);
// The rows of input() for a batch of texts, by the layers below pass.range without dropout. Lie in the arena,
// with all that the layers took: to be called in an ArenaScope.
Matrix prefix_forward(const Pass& pass, const Batch& texts);
// dcls [B,H]: gradient of the last hidden states of [CLS]. Enters no layer below the floor.
void encoder_backward(const Pass& pass, const Matrix& dcls);

// Forward and backward of a batch, dropout off. dhidden [T,H]: gradient of the last hidden states of all
// tokens, overwritten.
void encoder_gradients(const Engine& engine, const Model& model, const Batch& batch, const Matrix& dhidden,
                       const Gradients& gradients);

// out [T,H] = dropout(norm(word + position + type))
void embed_forward(const Pass& pass, const Matrix& out);
void embed_backward(const Pass& pass, const Matrix& d);  // d [T,H] is overwritten

// out [R,H] = norm(mlp(a) + a), a = norm(attention(input) + input)
void block_forward(const Pass& pass, int64_t layer, const Matrix& out);
// d [R,H], gradient of out, is overwritten; dx [T,H] is the gradient of the input, or absent; dx may be d
// when R = T.
void block_backward(const Pass& pass, int64_t layer, const Matrix& d, const Matrix& dx);

void attention_forward(const Pass& pass, int64_t layer);  // input to attention_output
void attention_backward(const Pass& pass, int64_t layer, const Matrix& d, const Matrix& dx);
void mlp_forward(const Pass& pass, int64_t layer, const Matrix& out);  // attention_output to out
void mlp_backward(const Pass& pass, int64_t layer, const Matrix& d, bool input_gradient);  // in place

// What the adapter of a matrix, if there is one, adds to y = x W^T, or sets it to; and to dx, which may be
// absent, from dy. Returns whether y, or dx, was written.
bool adapter_forward(const Pass& pass, int64_t layer, Target target, const Matrix& x, const Matrix& y,
                     bool add);
bool adapter_backward(const Pass& pass, int64_t layer, Target target, const Matrix& dy, const Matrix& x,
                      const Matrix& dx, bool add);

// What forward had there, computed again, for backward: the same bits.
Matrix attention_output(const Pass& pass, int64_t layer);
Matrix mlp_output(const Pass& pass, int64_t layer);

// y = norm(dropout(x W^T + bias) + residual), x W^T + bias + residual saved in sum unless absent
struct AddNorm {
  const Weight& w;
  const float *bias, *gamma, *beta;
  Dropout dropout;
  Matrix sum, mean, rstd;
  int64_t layer;
  Target target;  // W, with its adapter
};
void add_norm_forward(const Pass& pass, const AddNorm& a, const Matrix& x, const Matrix& residual,
                      const Matrix& y);
// d: gradient of y, becomes that of the residual. Returns the gradient of x W^T + bias: d, or a matrix of its
// own under dropout.
Matrix add_norm_backward(const Pass& pass, const AddNorm& a, const Matrix& d, float* dgamma, float* dbeta);
Matrix add_norm_output(const Pass& pass, const AddNorm& a);  // y again, from sum

// Of y = x W^T + bias, each unless absent: dbias [N] is added to; dw [N,K] is set, or added to with
// accumulate. Where a plan selects, outputs lists the N columns of dy, inputs the K columns of x.
struct LinearGradients {
  float* dbias;
  Matrix dw;
  const int32_t* outputs = nullptr;
  const int32_t* inputs = nullptr;
  Activation activation = Activation::kNone;  // x holds what stands before it
};
void linear_gradients(const Engine& engine, const Matrix& dy, const Matrix& x, const LinearGradients& g,
                      bool accumulate);

// The head stands outside a pass: it is also fitted alone, on stored [CLS] states.
struct Head {
  const Engine& engine;
  const Model& model;
  Matrix cls;  // [B,H]
  Dropout dropout;
  HeadActivations saved;
};
Head begin_head(const Engine& engine, const Model& model, const Matrix& cls, DropoutPlan dropout);
void head_forward(const Head& head);
// Forward, loss = scale * sum of the texts' losses (weights [B] or null), and backward. dcls [B,H], or
// absent: not computed.
double head_loss(const Head& head, const int32_t* labels, const float* weights, double scale,
                 const Gradients& gradients, const Matrix& dcls);

}  // namespace adaptune
