// h = scale dropout(x) A^T [R,r],  y += h B^T;  backward dB = dy^T h,  dh = scale dy B [R,r],
// dA = dh^T dropout(x),  dx += mask(dh A). h is saved; the mask is drawn again. Three of the products are r
// columns wide, fewer than a panel of the kernels has, and take the time of a whole panel: with r 8 about an
// eighth of a 384-wide product each, with AVX-512.
#include "model/adapters.h"

#include <cstring>

#include "model/pass.h"

namespace adaptune {
namespace {

struct Shape {
  int64_t out, in;
};

Shape shape_of(const EncoderConfig& c, Target target) {
  const int64_t queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  switch (target) {
    case Target::kQuery:
      return {queries, c.hidden};
    case Target::kKey:
    case Target::kValue:
      return {keys, c.hidden};
    case Target::kOutput:
      return {c.hidden, queries};
    case Target::kUp:
      return {c.feed_forward, c.hidden};
    case Target::kDown:
      return {c.hidden, c.feed_forward};
  }
  return {};
}

constexpr int64_t kFloats = kAlignment / sizeof(float);
int64_t aligned(int64_t floats) { return (floats + kFloats - 1) / kFloats * kFloats; }

}  // namespace

Adapters::Adapters(const EncoderConfig& config, const AdapterSettings& given,
                   const std::vector<PerTarget<bool>>& wanted)
    : settings(given), layers(wanted.size()) {
  // visit(matrix, rows, cols) for A and B of every adapter.
  const auto each = [&](auto&& visit) {
    for (size_t l = 0; l < wanted.size(); ++l)
      for (size_t t = 0; t < kTargets; ++t) {
        if (!wanted[l][t]) continue;
        const Shape shape = shape_of(config, static_cast<Target>(t));
        visit(layers[l][t].a, given.rank, shape.in);
        visit(layers[l][t].b, shape.out, given.rank);
      }
  };
  int64_t floats = 0;
  each([&](Weight&, int64_t rows, int64_t cols) { floats += aligned(rows * cols); });
  storage_ = Buffer(static_cast<size_t>(floats) * sizeof(float));
  if (floats > 0) std::memset(storage_.data(), 0, storage_.bytes());
  float* next = storage_.as<float>();
  each([&](Weight& weight, int64_t rows, int64_t cols) {
    weight.values = matrix(next, rows, cols);
    next += aligned(rows * cols);
  });
}

bool adapter_forward(const Pass& pass, int64_t layer, Target target, const Matrix& x, const Matrix& y,
                     bool add) {
  const Adapter* adapter = pass.adapter(layer, target);
  if (!adapter) return false;
  const ArenaScope scope(*pass.engine.activations);
  const Dropout dropout = pass.adapter_dropout(layer, target);
  Matrix dropped = x;
  if (dropout.p > 0) {
    dropped = pass.scratch(x.rows, x.cols);
    pass.ops().dropout(pass.context(), {x, dropped, dropout});
  }
  const Matrix& saved = pass.saved.layers[layer].adapted[static_cast<size_t>(target)];
  const Matrix h = saved ? saved : pass.scratch(x.rows, adapter->a.values.rows);
  pass.ops().gemm(pass.context(),
                  {.a = dropped, .w = &adapter->a, .c = h, .scale = pass.model.adapters->settings.scale});
  pass.ops().gemm(pass.context(), {.a = h, .w = &adapter->b, .c = y, .accumulate = add});
  return true;
}

bool adapter_backward(const Pass& pass, int64_t layer, Target target, const Matrix& dy, const Matrix& x,
                      const Matrix& dx, bool add) {
  const Adapter* adapter = pass.adapter(layer, target);
  const AdapterGradients& g = pass.wanted(layer).adapters[static_cast<size_t>(target)];
  if (!adapter || (!dx && !g.a)) return false;
  const ArenaScope scope(*pass.engine.activations);
  const Ops& ops = pass.ops();
  const Context& context = pass.context();
  const Dropout dropout = pass.adapter_dropout(layer, target);
  const bool accumulate = pass.gradients->accumulate;

  const Matrix dh = pass.scratch(dy.rows, adapter->a.values.rows);
  ops.gemm(context, {.kind = GemmKind::kInputGrad,
                     .a = dy,
                     .w = &adapter->b,
                     .c = dh,
                     .scale = pass.model.adapters->settings.scale});
  const Matrix masked = dropout.p > 0 ? pass.scratch(x.rows, x.cols) : Matrix{};
  if (g.a) {
    const Matrix& h = pass.saved.layers[layer].adapted[static_cast<size_t>(target)];
    if (masked) ops.dropout(context, {x, masked, dropout});
    linear_gradients(pass.engine, dy, h, {nullptr, g.b}, accumulate);
    linear_gradients(pass.engine, dh, masked ? masked : x, {nullptr, g.a}, accumulate);
  }
  if (!dx) return false;
  if (!masked) {
    ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dh, .w = &adapter->a, .c = dx, .accumulate = add});
  } else {
    ops.gemm(context, {.kind = GemmKind::kInputGrad, .a = dh, .w = &adapter->a, .c = masked});
    ops.dropout(context, {masked, dx, dropout, add});
  }
  return true;
}

void merge_adapters(const Engine& engine, Model& model) {
  if (!model.adapters) return;
  const EncoderConfig& c = model.config;
  for (size_t l = 0; l < model.layers.size(); ++l) {
    LayerWeights& layer = model.layers[l];
    for (size_t t = 0; t < kTargets; ++t) {
      const Adapter& adapter = model.adapters->layers[l][t];
      if (!adapter) continue;
      const Target target = static_cast<Target>(t);
      Weight& weight = target <= Target::kValue    ? layer.qkv
                       : target == Target::kOutput ? layer.out
                       : target == Target::kUp     ? layer.up
                                                   : layer.down;
      Matrix values = weight.values;
      if (target <= Target::kValue) {
        const QkvPart part = qkv_part(c, target);
        values = rows(values, part.first, part.count);
      }
      // W += scale B A
      engine.ops->gemm(engine.context, {.kind = GemmKind::kInputGrad,
                                        .a = adapter.b.values,
                                        .w = &adapter.a,
                                        .c = values,
                                        .accumulate = true,
                                        .scale = model.adapters->settings.scale});
      ++weight.version;
    }
  }
  model.adapters.reset();
  ++model.revision;
}

}  // namespace adaptune
