#include "model/parameters.h"

#include <variant>

namespace adaptune {
namespace {

using Size = int64_t (*)(const EncoderConfig&);

int64_t one(const EncoderConfig&) { return 1; }
int64_t hidden(const EncoderConfig& c) { return c.hidden; }
int64_t vocabulary(const EncoderConfig& c) { return c.vocabulary; }
int64_t positions(const EncoderConfig& c) { return c.positions; }
int64_t types(const EncoderConfig& c) { return c.types; }
int64_t classes(const EncoderConfig& c) { return c.classes; }
int64_t queries(const EncoderConfig& c) { return c.heads * c.head_width; }
int64_t keys(const EncoderConfig& c) { return c.kv_heads * c.head_width; }
int64_t neurons(const EncoderConfig& c) { return c.feed_forward; }

// Where a row's values are found from Model; the alternative tells whether there is one per layer.
using Home = std::variant<Matrix Model::*, Weight Model::*, float * Model::*,  //
                          Weight LayerWeights::*, float * LayerWeights::*>;

struct Row {
  const char* name;  // of a layer's tensor: after "encoder.layer.N."
  Size rows, cols;   // rows == one: a vector
  Home home;
  bool fused = false;  // lies right behind the row above, as further rows (or elements) of the same home
};

// Layer rows stand together: they repeat for every layer.
constexpr Row kRows[] = {
    {"embeddings.word_embeddings.weight", vocabulary, hidden, &Model::word},
    {"embeddings.position_embeddings.weight", positions, hidden, &Model::position},
    {"embeddings.token_type_embeddings.weight", types, hidden, &Model::type},
    {"embeddings.LayerNorm.weight", one, hidden, &Model::embedding_norm_gamma},
    {"embeddings.LayerNorm.bias", one, hidden, &Model::embedding_norm_beta},
    {"attention.self.query.weight", queries, hidden, &LayerWeights::qkv},
    {"attention.self.key.weight", keys, hidden, &LayerWeights::qkv, true},
    {"attention.self.value.weight", keys, hidden, &LayerWeights::qkv, true},
    {"attention.self.query.bias", one, queries, &LayerWeights::qkv_bias},
    {"attention.self.key.bias", one, keys, &LayerWeights::qkv_bias, true},
    {"attention.self.value.bias", one, keys, &LayerWeights::qkv_bias, true},
    {"attention.output.dense.weight", hidden, queries, &LayerWeights::out},
    {"attention.output.dense.bias", one, hidden, &LayerWeights::out_bias},
    {"attention.output.LayerNorm.weight", one, hidden, &LayerWeights::attention_norm_gamma},
    {"attention.output.LayerNorm.bias", one, hidden, &LayerWeights::attention_norm_beta},
    {"intermediate.dense.weight", neurons, hidden, &LayerWeights::up},
    {"intermediate.dense.bias", one, neurons, &LayerWeights::up_bias},
    {"output.dense.weight", hidden, neurons, &LayerWeights::down},
    {"output.dense.bias", one, hidden, &LayerWeights::down_bias},
    {"output.LayerNorm.weight", one, hidden, &LayerWeights::mlp_norm_gamma},
    {"output.LayerNorm.bias", one, hidden, &LayerWeights::mlp_norm_beta},
    {"pooler.dense.weight", hidden, hidden, &Model::pooler},
    {"pooler.dense.bias", one, hidden, &Model::pooler_bias},
    {"classifier.weight", classes, hidden, &Model::classifier},
    {"classifier.bias", one, classes, &Model::classifier_bias},
};

bool per_layer(const Row& row) {
  return std::holds_alternative<Weight LayerWeights::*>(row.home) ||
         std::holds_alternative<float * LayerWeights::*>(row.home);
}

// visit(row, layer or -1, offset in floats) in storage order; returns the end of the storage.
template <class F>
int64_t for_each_row(const EncoderConfig& config, F&& visit) {
  constexpr int64_t kFloats = kAlignment / sizeof(float);
  int64_t end = 0;
  const auto place = [&](const Row& row, int64_t layer) {
    if (!row.fused) end = (end + kFloats - 1) / kFloats * kFloats;
    visit(row, layer, end);
    end += row.rows(config) * row.cols(config);
  };
  const Row* row = kRows;
  while (row != std::end(kRows)) {
    if (!per_layer(*row)) {
      place(*row++, -1);
      continue;
    }
    const Row* first = row;
    for (int64_t layer = 0; layer < config.layers; ++layer)
      for (row = first; row != std::end(kRows) && per_layer(*row); ++row) place(*row, layer);
  }
  return end;
}

// Gives the values to their home and returns the Weight that they are part of, if any.
struct Bind {
  Model& model;
  LayerWeights* layer;
  Matrix values;
  bool fused;

  Weight* bind(Weight& weight) const {
    if (fused)
      weight.values.rows += values.rows;
    else
      weight.values = values;
    return &weight;
  }
  Weight* bind(float*& vector) const {
    if (!fused) vector = values.f32();
    return nullptr;
  }
  Weight* bind(Matrix& table) const {
    table = values;
    return nullptr;
  }
  template <class T>
  Weight* operator()(T Model::*home) const {
    return bind(model.*home);
  }
  template <class T>
  Weight* operator()(T LayerWeights::*home) const {
    return bind(layer->*home);
  }
};

}  // namespace

int64_t parameter_floats(const EncoderConfig& config) {
  return for_each_row(config, [](const Row&, int64_t, int64_t) {});
}

std::vector<Parameter> bind_parameters(Model& model, float* storage) {
  std::vector<Parameter> parameters;
  for_each_row(model.config, [&](const Row& row, int64_t layer, int64_t offset) {
    const Matrix values = matrix(storage + offset, row.rows(model.config), row.cols(model.config));
    LayerWeights* weights = layer < 0 ? nullptr : &model.layers[static_cast<size_t>(layer)];
    const std::string prefix = layer < 0 ? "" : "encoder.layer." + std::to_string(layer) + ".";
    Weight* weight = std::visit(Bind{model, weights, values, row.fused}, row.home);
    parameters.push_back({prefix + row.name, values, row.rows == one ? 1 : 2, weight});
  });
  return parameters;
}

}  // namespace adaptune
