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

// From the squares of the rows of the fused query, key and value, and of the columns of the output
// projection.
std::vector<double> group_gradients(const EncoderConfig& c, const std::vector<double>& qkv,
                                    const std::vector<double>& out) {
  const int64_t query_width = c.heads / c.kv_heads * c.head_width;
  const double weights = static_cast<double>((2 * query_width + 2 * c.head_width) * c.hidden);
  std::vector<double> gradients;
  for (int64_t g = 0; g < c.kv_heads; ++g) {
    const auto add = [](const std::vector<double>& squares, int64_t first, int64_t count) {
      return std::accumulate(squares.begin() + first, squares.begin() + first + count, 0.0);
    };
    const int64_t key = c.heads * c.head_width + g * c.head_width, value = key + c.kv_heads * c.head_width;
    const double squares = add(qkv, g * query_width, query_width) + add(qkv, key, c.head_width) +
                           add(qkv, value, c.head_width) + add(out, g * query_width, query_width);
    gradients.push_back(std::sqrt(squares / weights));
  }
  return gradients;
}

// From the squares of the rows of the first matrix and of the columns of the second.
std::vector<double> neuron_gradients(const EncoderConfig& c, const std::vector<double>& up,
                                     const std::vector<double>& down) {
  std::vector<double> gradients;
  for (size_t n = 0; n < up.size(); ++n)
    gradients.push_back(std::sqrt((up[n] + down[n]) / static_cast<double>(2 * c.hidden)));
  return gradients;
}

}  // namespace

// What one half of the sample adds up.
struct Calibration::Half {
  SlotList list;
  Buffer moments;  // four arrays over all layers, one behind the other
  Moments *group_norm, *context, *neuron_norm, *neuron;

  void init(Model& model) {
    const MomentCounts counts(model.config);
    const int64_t layers = model.config.layers;
    list = list_slots(model, unit_plan(model.config));
    list.gradients.accumulate = true;
    moments = Buffer(static_cast<size_t>(layers * counts.total()) * sizeof(Moments));
    group_norm = moments.as<Moments>();
    context = group_norm + layers * counts.group;
    neuron_norm = context + layers * counts.context;
    neuron = neuron_norm + layers * counts.neuron;
    std::fill_n(group_norm, layers * counts.total(), Moments{});
  }
};

Calibration::Calibration(const Engine& engine, Model& model)
    : engine_(engine), model_(model), halves_(new Half[2]) {
  halves_[0].init(model), halves_[1].init(model);
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
    const LayerGradients& g = first.list.gradients.layers[static_cast<size_t>(l)];
    const LayerGradients* other = second ? &second->list.gradients.layers[static_cast<size_t>(l)] : nullptr;
    const auto squares = [&](Matrix LayerGradients::*home, Axis axis) {
      return sum_squares(engine_, g.*home, other ? other->*home : Matrix{}, axis);
    };
    layer.group_gradient = group_gradients(c, squares(&LayerGradients::qkv, Axis::kRows),
                                           squares(&LayerGradients::out, Axis::kColumns));
    layer.neuron_gradient = neuron_gradients(c, squares(&LayerGradients::up, Axis::kRows),
                                             squares(&LayerGradients::down, Axis::kColumns));
  }
  return layers;
}

}  // namespace adaptune
