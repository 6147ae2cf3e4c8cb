#include "model/activations.h"

namespace adaptune {
namespace {

struct Shape {
  int64_t rows, cols;
};

// Who needs a row in backward; it is saved in layers where that happens.
enum class Reader : uint8_t {
  kBackward,  // every layer that backward enters
  kGroups,    // the weight gradients of attention groups
  kNeurons,   // the weight gradients of neurons
  kNobody,
};

// What forward gets where the row is not saved.
enum class Otherwise : uint8_t { kShared /* one buffer for all layers */, kAbsent };

struct Row {
  Matrix LayerActivations::*home;
  Shape (*shape)(const EncoderConfig&, int64_t tokens, int64_t carried);
  Reader reader;
  Otherwise otherwise;
};

Shape token_hidden(const EncoderConfig& c, int64_t t, int64_t) { return {t, c.hidden}; }
Shape token_qkv(const EncoderConfig& c, int64_t t, int64_t) {
  return {t, (c.heads + 2 * c.kv_heads) * c.head_width};
}
Shape token_head(const EncoderConfig& c, int64_t t, int64_t) { return {c.heads, t}; }
Shape token_context(const EncoderConfig& c, int64_t t, int64_t) { return {t, c.heads * c.head_width}; }
Shape hidden(const EncoderConfig& c, int64_t, int64_t r) { return {r, c.hidden}; }
Shape context(const EncoderConfig& c, int64_t, int64_t r) { return {r, c.heads * c.head_width}; }
Shape neurons(const EncoderConfig& c, int64_t, int64_t r) { return {r, c.feed_forward}; }
Shape scalar(const EncoderConfig&, int64_t, int64_t r) { return {r, 1}; }

// The activation memory of a layer.
constexpr Row kRows[] = {
    {&LayerActivations::input, token_hidden, Reader::kGroups, Otherwise::kShared},
    {&LayerActivations::qkv, token_qkv, Reader::kBackward, Otherwise::kShared},
    {&LayerActivations::lse, token_head, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::context, token_context, Reader::kBackward, Otherwise::kShared},
    {&LayerActivations::attention_sum, hidden, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::attention_mean, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::attention_rstd, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::attention_output, hidden, Reader::kNeurons, Otherwise::kShared},
    {&LayerActivations::pre, neurons, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::neurons, neurons, Reader::kNeurons, Otherwise::kShared},
    {&LayerActivations::mlp_sum, hidden, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::mlp_mean, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::mlp_rstd, scalar, Reader::kBackward, Otherwise::kAbsent},
};

// Besides, in a layer that carries on fewer rows than it has tokens.
constexpr Row kCarriedRows[] = {
    {&LayerActivations::carried_input, hidden, Reader::kNobody, Otherwise::kShared},
    {&LayerActivations::carried_context, context, Reader::kGroups, Otherwise::kShared},
};

struct Readers {
  bool backward = false, groups = false, neurons = false;

  bool need(Reader reader) const {
    switch (reader) {
      case Reader::kBackward:
        return backward;
      case Reader::kGroups:
        return groups;
      case Reader::kNeurons:
        return neurons;
      case Reader::kNobody:
        return false;
    }
    return false;
  }
};

Matrix take(Arena& arena, Shape shape) {
  return matrix(arena.take<float>(shape.rows * shape.cols), shape.rows, shape.cols);
}

// Where the gradient of an adapter is wanted.
void take_adapted(Arena& arena, const LayerGradients& wanted, int64_t tokens, int64_t carried,
                  LayerActivations& layer) {
  for (size_t t = 0; t < kTargets; ++t) {
    const int64_t rows = static_cast<Target>(t) <= Target::kValue ? tokens : carried;
    const Matrix& a = wanted.adapters[t].a;
    if (a) layer.adapted[t] = take(arena, {rows, a.rows});
  }
}

// The rows of one table in all layers; `shared` holds one buffer a row, large enough for every layer.
class Taker {
 public:
  Taker(Arena& arena, const EncoderConfig& config, int64_t tokens)
      : arena_(arena), config_(config), tokens_(tokens) {}

  template <size_t kCount>
  void take_rows(const Row (&table)[kCount], float* (&shared)[kCount], LayerActivations& layer,
                 Readers readers, int64_t carried) {
    for (size_t i = 0; i < kCount; ++i) {
      const Shape shape = table[i].shape(config_, tokens_, carried);
      if (readers.need(table[i].reader)) {
        layer.*table[i].home = take(arena_, shape);
      } else if (table[i].otherwise == Otherwise::kShared) {
        if (!shared[i]) shared[i] = take(arena_, table[i].shape(config_, tokens_, tokens_)).f32();
        layer.*table[i].home = matrix(shared[i], shape.rows, shape.cols);
      }
    }
  }

 private:
  Arena& arena_;
  const EncoderConfig& config_;
  int64_t tokens_;
};

}  // namespace

Activations take_activations(Arena& arena, const EncoderConfig& config, const Batch& batch,
                             const Gradients* gradients, bool cls_only, LayerRange range) {
  const int64_t floor = gradients ? floor_of(*gradients) : config.layers;
  const int64_t tokens = batch.tokens, sequences = batch.sequences, width = config.hidden;
  Activations a{};
  Taker taker(arena, config, tokens);
  float *shared[std::size(kRows)] = {}, *shared_carried[std::size(kCarriedRows)] = {};
  a.layers = arena.take<LayerActivations>(config.layers);
  for (int64_t l = 0; l < config.layers; ++l) {
    LayerActivations& layer = a.layers[l] = {};
    if (l < range.first || l >= range.end) continue;
    Readers readers;
    if (l >= floor) {
      const LayerGradients& wanted = gradients->layers[static_cast<size_t>(l)];
      readers = {true, wanted.qkv || wanted.adapts(Target::kQuery, Target::kOutput),
                 wanted.up || wanted.adapts(Target::kUp, Target::kDown)};
    }
    const bool cut = cls_only && l == config.layers - 1;
    const int64_t carried = cut ? sequences : tokens;
    if (l >= floor) take_adapted(arena, gradients->layers[static_cast<size_t>(l)], tokens, carried, layer);
    taker.take_rows(kRows, shared, layer, readers, carried);
    layer.carried_input = layer.input, layer.carried_context = layer.context;
    if (cut) taker.take_rows(kCarriedRows, shared_carried, layer, readers, carried);
  }
  // The sum is written where the first layer reads its input, unless backward needs it.
  a.embedding_sum = floor < 0 ? take(arena, {tokens, width}) : a.layers[0].input;
  if (floor < 0) a.embedding_mean = take(arena, {tokens, 1}), a.embedding_rstd = take(arena, {tokens, 1});
  a.output = take(arena, {cls_only && range.end == config.layers ? sequences : tokens, width});
  return a;
}

HeadActivations take_head_activations(Arena& arena, const EncoderConfig& config, int64_t sequences,
                                      bool dropout) {
  HeadActivations a;
  a.pooled = take(arena, {sequences, config.hidden});
  a.dropped = dropout ? take(arena, {sequences, config.hidden}) : a.pooled;
  a.logits = take(arena, {sequences, config.classes});
  return a;
}

}  // namespace adaptune
