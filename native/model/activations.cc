#include "model/activations.h"

#include <algorithm>
#include <optional>

namespace adaptune {
namespace {

struct Shape {
  int64_t rows, cols;
};

// Who needs a row in backward; it is saved in layers where that happens.
enum class Reader : uint8_t {
  kBackward,  // every layer that backward enters
  kEntry,     // the weight gradients of attention groups in the lowest of them
  kGroups,    // the weight gradients of attention groups
  kDown,      // the gradients of the adapter behind the activation
  kNobody,
};

// What forward gets where the row is not saved.
enum class Otherwise : uint8_t { kShared /* one buffer for all layers */, kAbsent };

struct Row {
  Matrix LayerActivations::*home;
  Shape (*shape)(const EncoderConfig&, int64_t tokens, int64_t carried);
  Reader reader;
  Otherwise otherwise;
  bool cut_only = false;  // only in a layer that carries on fewer rows than it has tokens
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
    {&LayerActivations::input, token_hidden, Reader::kEntry, Otherwise::kShared},
    {&LayerActivations::qkv, token_qkv, Reader::kBackward, Otherwise::kShared},
    {&LayerActivations::lse, token_head, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::context, token_context, Reader::kBackward, Otherwise::kShared},
    {&LayerActivations::attention_sum, hidden, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::attention_mean, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::attention_rstd, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::attention_output, hidden, Reader::kNobody, Otherwise::kShared},
    {&LayerActivations::pre, neurons, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::neurons, neurons, Reader::kDown, Otherwise::kShared},
    {&LayerActivations::mlp_sum, hidden, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::mlp_mean, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::mlp_rstd, scalar, Reader::kBackward, Otherwise::kAbsent},
    {&LayerActivations::carried_input, hidden, Reader::kNobody, Otherwise::kShared, true},
    {&LayerActivations::carried_context, context, Reader::kGroups, Otherwise::kShared, true},
};

// Adds up what an arena would give.
struct Meter {
  size_t bytes = 0, marked = 0;

  template <class T>
  T* take(int64_t count) {
    bytes += Arena::footprint(static_cast<size_t>(count) * sizeof(T));
    return nullptr;
  }
  Arena::Mark mark() {
    marked = bytes;
    return {};
  }
};

template <class Source>
Matrix take(Source& source, Shape shape) {
  return matrix(source.template take<float>(shape.rows * shape.cols), shape.rows, shape.cols);
}

// The activations of all layers, by the table.
template <class Source>
class Layout {
 public:
  Layout(Source& source, const EncoderConfig& config, BatchSize size, const Gradients* gradients,
         bool cls_only, LayerRange range)
      : source_(source),
        config_(config),
        size_(size),
        gradients_(gradients),
        cls_only_(cls_only),
        range_(range),
        floor_(gradients ? floor_of(*gradients) : config.layers) {}

  Activations take_all() {
    Activations a{};
    a.layers = source_.template take<LayerActivations>(config_.layers);
    LayerActivations measured{};
    const auto layer = [&](int64_t l) -> LayerActivations& { return a.layers ? a.layers[l] : measured; };
    for (int64_t l = 0; l < config_.layers; ++l) {
      layer(l) = {};
      for (const Row& row : kRows)
        if (present(row, l) && saved(row, l)) layer(l).*row.home = take(source_, shape(row, l));
      if (l >= floor_ && l >= range_.first && l < range_.end) take_adapted(l, layer(l));
    }
    if (floor_ < 0) {
      a.embedding_sum = take(source_, {size_.tokens, config_.hidden});
      a.embedding_mean = take(source_, {size_.tokens, 1});
      a.embedding_rstd = take(source_, {size_.tokens, 1});
    }
    const bool cls = cls_only_ && range_.end == config_.layers;
    a.output = take(source_, {cls ? size_.sequences : size_.tokens, config_.hidden});

    a.forward_only = source_.mark();
    for (const Row& row : kRows) {
      std::optional<Matrix> shared;  // large enough for every layer
      for (int64_t l = 0; l < config_.layers && row.otherwise == Otherwise::kShared; ++l) {
        if (!present(row, l) || saved(row, l)) continue;
        if (!shared) shared = take(source_, row.shape(config_, size_.tokens, size_.tokens));
        layer(l).*row.home = matrix(shared->f32(), shape(row, l).rows, shape(row, l).cols);
      }
    }
    for (int64_t l = 0; l < config_.layers; ++l)
      if (!cut(l)) layer(l).carried_input = layer(l).input, layer(l).carried_context = layer(l).context;
    // The sum is written where the first layer reads its input, unless backward needs it.
    if (floor_ >= 0) a.embedding_sum = layer(0).input;
    return a;
  }

 private:
  bool cut(int64_t layer) const { return cls_only_ && layer == config_.layers - 1; }
  bool present(const Row& row, int64_t layer) const {
    return layer >= range_.first && layer < range_.end && (!row.cut_only || cut(layer));
  }
  Shape shape(const Row& row, int64_t layer) const {
    return row.shape(config_, size_.tokens, cut(layer) ? size_.sequences : size_.tokens);
  }
  // Where the gradient of an adapter is wanted.
  void take_adapted(int64_t l, LayerActivations& layer) {
    const LayerGradients& wanted = gradients_->layers[static_cast<size_t>(l)];
    for (size_t t = 0; t < kTargets; ++t) {
      const bool all = static_cast<Target>(t) <= Target::kValue || !cut(l);
      if (const Matrix& a = wanted.adapters[t].a)
        layer.adapted[t] = take(source_, {all ? size_.tokens : size_.sequences, a.rows});
    }
  }
  bool saved(const Row& row, int64_t layer) const {
    if (layer < floor_ || row.reader == Reader::kNobody) return false;
    if (row.reader == Reader::kBackward) return true;
    const LayerGradients& wanted = gradients_->layers[static_cast<size_t>(layer)];
    if (row.reader == Reader::kDown) return wanted.adapts(Target::kDown, Target::kDown);
    const bool groups = wanted.qkv || wanted.out || wanted.adapts(Target::kQuery, Target::kOutput);
    return groups && (row.reader == Reader::kGroups || layer == std::max<int64_t>(floor_, 0));
  }

  Source& source_;
  const EncoderConfig& config_;
  BatchSize size_;
  const Gradients* gradients_;
  bool cls_only_;
  LayerRange range_;
  int64_t floor_;
};

template <class Source>
HeadActivations take_head(Source& source, const EncoderConfig& config, int64_t sequences, bool dropout) {
  HeadActivations a;
  a.pooled = take(source, {sequences, config.hidden});
  a.dropped = dropout ? take(source, {sequences, config.hidden}) : a.pooled;
  a.logits = take(source, {sequences, config.classes});
  return a;
}

// Backward's own: d of layers_backward beside the larger of what attention_backward and mlp_backward take.
size_t backward_bytes(const EncoderConfig& c, BatchSize size, bool cut) {
  const int64_t tokens = size.tokens, carried = cut ? size.sequences : tokens;
  Meter d, gradients, above, below;
  take(d, {tokens, c.hidden});
  take(gradients, token_qkv(c, tokens, carried));
  take(above, {carried, c.hidden});
  take(above, context(c, tokens, carried));
  if (cut) take(above, token_context(c, tokens, carried));
  take(below, {tokens, c.hidden});
  return d.bytes + gradients.bytes + std::max(above.bytes, below.bytes);
}

// The most that an adapter takes for itself, and the gradient of the pre-activation where one needs that
// apart.
size_t adapter_bytes(const EncoderConfig& c, int64_t tokens, const Gradients& gradients) {
  size_t most = 0;
  for (const LayerGradients& layer : gradients.layers)
    for (size_t t = 0; t < kTargets; ++t) {
      const Matrix& a = layer.adapters[t].a;
      if (!a) continue;
      Meter own;
      take(own, {tokens, a.cols});
      take(own, {tokens, a.rows});
      if (static_cast<Target>(t) == Target::kDown) take(own, {tokens, c.feed_forward});
      most = std::max(most, own.bytes);
    }
  return most;
}

}  // namespace

Activations take_activations(Arena& arena, const EncoderConfig& config, BatchSize size,
                             const Gradients* gradients, bool cls_only, LayerRange range) {
  return Layout<Arena>(arena, config, size, gradients, cls_only, range).take_all();
}

HeadActivations take_head_activations(Arena& arena, const EncoderConfig& config, int64_t sequences,
                                      bool dropout) {
  return take_head(arena, config, sequences, dropout);
}

size_t pass_bytes(const EncoderConfig& config, BatchSize size, const Gradients* gradients, bool cls_only,
                  int64_t first) {
  Meter layers, head, prefix;
  Layout<Meter>(layers, config, size, gradients, cls_only, {first, config.layers}).take_all();
  take_head(head, config, size.sequences, true);
  if (!gradients) return layers.bytes + head.bytes;
  if (first > 0) {
    Layout<Meter>(prefix, config, size, nullptr, cls_only, {0, first}).take_all();
    prefix.take<int32_t>(2 *
                         (size.tokens + size.sequences + 1));  // the texts' ids and types, and which they are
  }

  // The [CLS] states, their gradient, and those of the head.
  for (int i = 0; i < 3; ++i) take(head, {size.sequences, config.hidden});
  take(head, {size.sequences, config.classes});
  const int64_t entered = config.layers - std::max<int64_t>(floor_of(*gradients), 0);
  size_t backward = 0;
  if (entered > 0 && cls_only) backward = backward_bytes(config, size, true);
  if (entered > (cls_only ? 1 : 0)) backward = std::max(backward, backward_bytes(config, size, false));
  return layers.marked + head.bytes + adapter_bytes(config, size.tokens, *gradients) +
         std::max(layers.bytes - layers.marked + prefix.bytes, backward);
}

}  // namespace adaptune
