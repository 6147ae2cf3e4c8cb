// Sensitivity of units (METHOD 3). Forward with saved activations in every layer and all positions carried to
// the top, moments of the context vectors and of the activations, backward with the gradients of all units
// added up.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "model/pass.h"
#include "ops/moments.h"
#include "train/slots.h"
#include "train/trainer.h"

namespace adaptune {
namespace {

// All units and nothing else.
Plan unit_plan(const EncoderConfig& c) {
  LayerPlan layer;
  layer.groups.resize(static_cast<size_t>(c.kv_heads));
  layer.neurons.resize(static_cast<size_t>(c.feed_forward));
  std::iota(layer.groups.begin(), layer.groups.end(), 0);
  std::iota(layer.neurons.begin(), layer.neurons.end(), 0);
  Plan plan;
  plan.layers.assign(static_cast<size_t>(c.layers), layer);
  plan.head = false;
  return plan;
}

struct MomentCounts {
  int64_t group, context, neuron;  // a layer
  explicit MomentCounts(const EncoderConfig& c)
      : group(c.kv_heads), context(c.heads * c.head_width), neuron(c.feed_forward) {}
  int64_t total() const { return group + context + 2 * neuron; }
};

// Var(r) / E(r) of magnitudes.
double norm_dispersion(const Moments& magnitude) {
  const double var = variance(magnitude);
  return var == 0 ? 0 : var / magnitude.mean;
}

struct Dispersion {
  double ratio, feature;
};

// Of a unit with `count` signed features.
Dispersion signed_dispersion(const Moments* features, int64_t count) {
  double vars = 0, means = 0, rms = 0, feature = 0;
  for (int64_t j = 0; j < count; ++j) {
    const double var = variance(features[j]), mean = std::fabs(features[j].mean),
                 root = std::sqrt(var + mean * mean);
    vars += var, means += mean, rms += root;
    // The floor keeps a feature of mean 0 finite.
    if (var > 0) feature += var / std::fmax(mean, 1e-6 * root);
  }
  return {vars == 0 ? 0 : vars / (means + 1e-6 * rms), feature / static_cast<double>(count)};
}

// Of a, or of a + b, per row or column.
std::vector<double> sum_squares(const Engine& engine, const Matrix& a, const Matrix& b, Axis axis) {
  engine.activations->reset();
  Matrix sum = a;
  if (b) {
    sum = scratch(engine, a.rows, a.cols);
    for (int64_t i = 0; i < a.rows * a.cols; ++i) sum.f32()[i] = a.f32()[i] + b.f32()[i];
  }
  std::vector<double> squares(static_cast<size_t>(axis == Axis::kRows ? a.rows : a.cols), 0.0);
  engine.ops->sum_squares(engine.context, {sum, axis, squares.data()});
  return squares;
}

// Sums of squared gradients, by unit of a layer.
struct UnitSquares {
  std::vector<double> groups, neurons;

  void add(const UnitSquares& other) {
    for (size_t i = 0; i < groups.size(); ++i) groups[i] += other.groups[i];
    for (size_t i = 0; i < neurons.size(); ++i) neurons[i] += other.neurons[i];
  }
};

// Of a layer's gradients a, or of a + b.
UnitSquares unit_squares(const Engine& engine, const EncoderConfig& c, const LayerGradients& a,
                         const LayerGradients* b) {
  const auto squares = [&](Matrix LayerGradients::*home, Axis axis) {
    return sum_squares(engine, a.*home, b ? b->*home : Matrix{}, axis);
  };
  const auto add = [](const std::vector<double>& values, int64_t first, int64_t count) {
    return std::accumulate(values.begin() + first, values.begin() + first + count, 0.0);
  };
  UnitSquares units;
  // Rows of the fused query, key and value, columns of the output projection.
  const std::vector<double> qkv = squares(&LayerGradients::qkv, Axis::kRows),
                            out = squares(&LayerGradients::out, Axis::kColumns);
  const int64_t query_width = c.heads / c.kv_heads * c.head_width;
  for (int64_t g = 0; g < c.kv_heads; ++g) {
    const int64_t key = c.heads * c.head_width + g * c.head_width, value = key + c.kv_heads * c.head_width;
    units.groups.push_back(add(qkv, g * query_width, query_width) + add(qkv, key, c.head_width) +
                           add(qkv, value, c.head_width) + add(out, g * query_width, query_width));
  }
  // Rows of the first matrix, columns of the second.
  units.neurons = squares(&LayerGradients::up, Axis::kRows);
  const std::vector<double> down = squares(&LayerGradients::down, Axis::kColumns);
  for (size_t n = 0; n < down.size(); ++n) units.neurons[n] += down[n];
  return units;
}

// Per weight of a unit.
std::vector<double> roots(std::vector<double> squares, int64_t weights) {
  for (double& value : squares) value = std::sqrt(value / static_cast<double>(weights));
  return squares;
}

}  // namespace

// What one half of the sample adds up.
struct Calibration::Half {
  SlotList list;
  std::vector<UnitSquares> squares;  // of the batches so far, by layer; empty where gradients are added up
  Buffer moments;                    // four arrays over all layers, one behind the other
  Moments *group_norm, *context, *neuron_norm, *neuron;

  void init(Model& model, Importance importance) {
    const MomentCounts counts(model.config);
    const int64_t layers = model.config.layers;
    list = list_slots(model, unit_plan(model.config));
    list.gradients.accumulate = importance == Importance::kGradient;
    if (importance == Importance::kFisher) {
      const UnitSquares none = {std::vector<double>(static_cast<size_t>(counts.group)),
                                std::vector<double>(static_cast<size_t>(counts.neuron))};
      squares.assign(static_cast<size_t>(layers), none);
    }
    moments = Buffer(static_cast<size_t>(layers * counts.total()) * sizeof(Moments));
    group_norm = moments.as<Moments>();
    context = group_norm + layers * counts.group;
    neuron_norm = context + layers * counts.context;
    neuron = neuron_norm + layers * counts.neuron;
    std::fill_n(group_norm, layers * counts.total(), Moments{});
  }
};

Calibration::Calibration(const Engine& engine, Model& model, Importance importance)
    : engine_(engine), model_(model), importance_(importance), halves_(new Half[2]) {
  halves_[0].init(model, importance), halves_[1].init(model, importance);
}

Calibration::~Calibration() = default;

void Calibration::add(const Batch& batch, const int32_t* labels, double scale, int half) {
  const EncoderConfig& c = model_.config;
  ADAPTUNE_CHECK(half == 0 || half == 1, E_ARGUMENT, "expected half 0 or 1 but received %d", half);
  check(c, batch);
  check_labels(c, labels, batch.sequences);
  Half& sums = halves_[static_cast<size_t>(half)];
  const Ops& ops = *engine_.ops;

  const UnitMoments moments = {sums.group_norm, sums.context, sums.neuron_norm, sums.neuron};
  const Pass pass = begin_pass(engine_, model_, batch, &sums.list.gradients, false, {}, moments);
  encoder_forward(pass);
  const Matrix cls = pass.scratch(batch.sequences, c.hidden), dcls = pass.scratch(batch.sequences, c.hidden);
  ops.gather_rows(engine_.context, {.x = pass.saved.output, .index = batch.offsets, .y = cls});
  const Head head = begin_head(engine_, model_, cls, {});
  head_loss(head, labels, nullptr, scale, sums.list.gradients, dcls);
  encoder_backward(pass, dcls);
  if (importance_ == Importance::kGradient) return;
  for (size_t l = 0; l < sums.squares.size(); ++l)
    sums.squares[l].add(unit_squares(engine_, c, sums.list.gradients.layers[l], nullptr));
}

std::vector<Calibration::Layer> Calibration::result(int half) const {
  ADAPTUNE_CHECK(half >= -1 && half <= 1, E_ARGUMENT, "expected half 0, 1 or -1 (both) but received %d",
                 half);
  const EncoderConfig& c = model_.config;
  const MomentCounts counts(c);
  const Half& first = halves_[half < 0 ? 0 : static_cast<size_t>(half)];
  const Half* second = half < 0 ? &halves_[1] : nullptr;
  const auto merged = [&](Moments* Half::*array, int64_t begin, int64_t count) {
    std::vector<Moments> moments(first.*array + begin, first.*array + begin + count);
    for (int64_t i = 0; second && i < count; ++i)
      merge(moments[static_cast<size_t>(i)], (second->*array)[begin + i]);
    return moments;
  };

  std::vector<Layer> layers(static_cast<size_t>(c.layers));
  for (int64_t l = 0; l < c.layers; ++l) {
    Layer& layer = layers[static_cast<size_t>(l)];
    for (const Moments& m : merged(&Half::group_norm, l * counts.group, counts.group))
      layer.group_norm.push_back(norm_dispersion(m));
    for (const Moments& m : merged(&Half::neuron_norm, l * counts.neuron, counts.neuron))
      layer.neuron_norm.push_back(norm_dispersion(m));
    const int64_t width = counts.context / counts.group;
    const std::vector<Moments> context = merged(&Half::context, l * counts.context, counts.context);
    for (int64_t g = 0; g < counts.group; ++g) {
      const Dispersion d = signed_dispersion(context.data() + g * width, width);
      layer.group_ratio.push_back(d.ratio), layer.group_feature.push_back(d.feature);
    }
    for (const Moments& m : merged(&Half::neuron, l * counts.neuron, counts.neuron)) {
      const Dispersion d = signed_dispersion(&m, 1);
      layer.neuron_ratio.push_back(d.ratio), layer.neuron_feature.push_back(d.feature);
    }
    const size_t index = static_cast<size_t>(l);
    UnitSquares squares;
    if (importance_ == Importance::kFisher) {
      squares = first.squares[index];
      if (second) squares.add(second->squares[index]);
    } else {
      squares = unit_squares(engine_, c, first.list.gradients.layers[index],
                             second ? &second->list.gradients.layers[index] : nullptr);
    }
    layer.group_gradient =
        roots(std::move(squares.groups), (2 * c.heads / c.kv_heads + 2) * c.head_width * c.hidden);
    layer.neuron_gradient = roots(std::move(squares.neurons), 2 * c.hidden);
  }
  return layers;
}

}  // namespace adaptune
