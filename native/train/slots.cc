#include "train/slots.h"

#include <cstring>
#include <variant>

#include "base/error.h"

namespace adaptune {
namespace {

using Long = long long;  // what %lld prints

// What asks for a row, and its learning rate.
enum class Part : uint8_t { kHead, kGroups, kNeurons, kExtras, kAdapters, kEmbeddings, kNewRows };

// Which part of the tensor trains.
enum class Cut : uint8_t {
  kAll,
  kQueryRows,     // rows of the query heads of the selected groups
  kKeyRows,       // rows of the key (or value) heads of the selected groups
  kQueryColumns,  // columns of the query heads of the selected groups
  kNeuronRows,
  kNeuronColumns,
  kBaseTokens,  // rows of the word table below the first new one
  kNewTokens,   // and the rest
};

// One of the two matrices of an adapter.
struct AdapterHome {
  Target target;
  Matrix AdapterGradients::*gradient;
  Weight Adapter::*weight;
};
constexpr AdapterHome home_a(Target target) { return {target, &AdapterGradients::a, &Adapter::a}; }
constexpr AdapterHome home_b(Target target) { return {target, &AdapterGradients::b, &Adapter::b}; }
// Where backward looks for the gradient. Rows of the same home follow one another, and so do their gradients.
using Home = std::variant<Matrix Gradients::*, float * Gradients::*,  //
                          Matrix LayerGradients::*, float * LayerGradients::*, AdapterHome>;

struct Row {
  const char* name;  // of a layer's tensor: after "encoder.layer.N."
  Part part;
  Cut cut;
  Home home;
};

constexpr Row kRows[] = {
    {"pooler.dense.weight", Part::kHead, Cut::kAll, &Gradients::pooler},
    {"pooler.dense.bias", Part::kHead, Cut::kAll, &Gradients::pooler_bias},
    {"classifier.weight", Part::kHead, Cut::kAll, &Gradients::classifier},
    {"classifier.bias", Part::kHead, Cut::kAll, &Gradients::classifier_bias},
    {"attention.self.query.weight", Part::kGroups, Cut::kQueryRows, &LayerGradients::qkv},
    {"attention.self.key.weight", Part::kGroups, Cut::kKeyRows, &LayerGradients::qkv},
    {"attention.self.value.weight", Part::kGroups, Cut::kKeyRows, &LayerGradients::qkv},
    {"attention.output.dense.weight", Part::kGroups, Cut::kQueryColumns, &LayerGradients::out},
    {"intermediate.dense.weight", Part::kNeurons, Cut::kNeuronRows, &LayerGradients::up},
    {"output.dense.weight", Part::kNeurons, Cut::kNeuronColumns, &LayerGradients::down},
    {"attention.self.query.bias", Part::kExtras, Cut::kAll, &LayerGradients::qkv_bias},
    {"attention.self.key.bias", Part::kExtras, Cut::kAll, &LayerGradients::qkv_bias},
    {"attention.self.value.bias", Part::kExtras, Cut::kAll, &LayerGradients::qkv_bias},
    {"attention.output.dense.bias", Part::kExtras, Cut::kAll, &LayerGradients::out_bias},
    {"attention.output.LayerNorm.weight", Part::kExtras, Cut::kAll, &LayerGradients::attention_norm_gamma},
    {"attention.output.LayerNorm.bias", Part::kExtras, Cut::kAll, &LayerGradients::attention_norm_beta},
    {"intermediate.dense.bias", Part::kExtras, Cut::kAll, &LayerGradients::up_bias},
    {"output.dense.bias", Part::kExtras, Cut::kAll, &LayerGradients::down_bias},
    {"output.LayerNorm.weight", Part::kExtras, Cut::kAll, &LayerGradients::mlp_norm_gamma},
    {"output.LayerNorm.bias", Part::kExtras, Cut::kAll, &LayerGradients::mlp_norm_beta},
    {"attention.self.query.lora_A.weight", Part::kAdapters, Cut::kAll, home_a(Target::kQuery)},
    {"attention.self.query.lora_B.weight", Part::kAdapters, Cut::kAll, home_b(Target::kQuery)},
    {"attention.self.key.lora_A.weight", Part::kAdapters, Cut::kAll, home_a(Target::kKey)},
    {"attention.self.key.lora_B.weight", Part::kAdapters, Cut::kAll, home_b(Target::kKey)},
    {"attention.self.value.lora_A.weight", Part::kAdapters, Cut::kAll, home_a(Target::kValue)},
    {"attention.self.value.lora_B.weight", Part::kAdapters, Cut::kAll, home_b(Target::kValue)},
    {"attention.output.dense.lora_A.weight", Part::kAdapters, Cut::kAll, home_a(Target::kOutput)},
    {"attention.output.dense.lora_B.weight", Part::kAdapters, Cut::kAll, home_b(Target::kOutput)},
    {"intermediate.dense.lora_A.weight", Part::kAdapters, Cut::kAll, home_a(Target::kUp)},
    {"intermediate.dense.lora_B.weight", Part::kAdapters, Cut::kAll, home_b(Target::kUp)},
    {"output.dense.lora_A.weight", Part::kAdapters, Cut::kAll, home_a(Target::kDown)},
    {"output.dense.lora_B.weight", Part::kAdapters, Cut::kAll, home_b(Target::kDown)},
    {"embeddings.position_embeddings.weight", Part::kEmbeddings, Cut::kAll, &Gradients::position},
    {"embeddings.token_type_embeddings.weight", Part::kEmbeddings, Cut::kAll, &Gradients::type},
    {"embeddings.LayerNorm.weight", Part::kEmbeddings, Cut::kAll, &Gradients::embedding_norm_gamma},
    {"embeddings.LayerNorm.bias", Part::kEmbeddings, Cut::kAll, &Gradients::embedding_norm_beta},
    {"embeddings.word_embeddings.weight", Part::kEmbeddings, Cut::kBaseTokens, &Gradients::word},
    {"embeddings.word_embeddings.weight", Part::kNewRows, Cut::kNewTokens, &Gradients::word},
};

bool per_layer(const Row& row) {
  return std::holds_alternative<Matrix LayerGradients::*>(row.home) ||
         std::holds_alternative<float * LayerGradients::*>(row.home) ||
         std::holds_alternative<AdapterHome>(row.home);
}

bool asked_for(const Row& row, const Plan& plan, const LayerPlan* layer) {
  switch (row.part) {
    case Part::kHead:
      return plan.head;
    case Part::kGroups:
      return !layer->groups.empty();
    case Part::kNeurons:
      return !layer->neurons.empty();
    case Part::kExtras:
      return layer->extras;
    case Part::kAdapters:
      return layer->adapters[static_cast<size_t>(std::get<AdapterHome>(row.home).target)];
    case Part::kEmbeddings:
      return plan.embeddings;
    case Part::kNewRows:
      return plan.new_rows_first >= 0;
  }
  return false;
}

Group group_of(Part part) {
  return part == Part::kHead ? Group::kHead : part == Part::kNewRows ? Group::kRows : Group::kUnits;
}

void check_units(const char* what, int64_t layer, const std::vector<int32_t>& units, int64_t count) {
  int64_t previous = -1;
  for (const int32_t unit : units) {
    ADAPTUNE_CHECK(unit > previous && unit < count, E_ARGUMENT,
                   "expected %s of layer %lld ascending in [0, %lld) but received %d after %lld", what,
                   Long{layer}, Long{count}, unit, Long{previous});
    previous = unit;
  }
}

void check(const Plan& plan, const EncoderConfig& c) {
  const int64_t layers = static_cast<int64_t>(plan.layers.size());
  ADAPTUNE_CHECK(layers == c.layers, E_ARGUMENT, "expected a plan of %lld layers but received %lld",
                 Long{c.layers}, Long{layers});
  for (int64_t l = 0; l < layers; ++l) {
    check_units("attention groups", l, plan.layers[static_cast<size_t>(l)].groups, c.kv_heads);
    check_units("neurons", l, plan.layers[static_cast<size_t>(l)].neurons, c.feed_forward);
  }
  ADAPTUNE_CHECK(plan.new_rows_first >= -1 && plan.new_rows_first < c.vocabulary, E_ARGUMENT,
                 "expected the first new row in [-1, %lld) but received %lld", Long{c.vocabulary},
                 Long{plan.new_rows_first});
}

// Units of `width` neighbouring indices each, as indices from `first` on; empty when that is all of them.
std::vector<int32_t> spread(const std::vector<int32_t>& units, int64_t width, int64_t count,
                            int64_t first = 0) {
  std::vector<int32_t> indices;
  if (static_cast<int64_t>(units.size()) == count) return indices;
  for (const int32_t unit : units)
    for (int64_t i = 0; i < width; ++i) indices.push_back(static_cast<int32_t>(first + unit * width + i));
  return indices;
}

UnitIndices indices_of(const EncoderConfig& c, const LayerPlan& plan) {
  const int64_t width = c.head_width, query_width = c.heads / c.kv_heads * width, keys = c.kv_heads * width;
  UnitIndices units;
  units.query = spread(plan.groups, query_width, c.kv_heads);
  units.key = spread(plan.groups, width, c.kv_heads);
  units.neurons = spread(plan.neurons, 1, c.feed_forward);
  units.qkv = units.query;
  for (const int64_t first : {c.heads * width, c.heads * width + keys}) {
    const std::vector<int32_t> part = spread(plan.groups, width, c.kv_heads, first);
    units.qkv.insert(units.qkv.end(), part.begin(), part.end());
  }
  return units;
}

Slot make_slot(const Row& row, const Parameter& parameter, const Plan& plan, const UnitIndices* units) {
  Slot slot{};
  slot.name = parameter.name;
  slot.group = group_of(row.part);
  slot.w = parameter.values;
  slot.weight = parameter.weight;
  slot.decays = slot.group == Group::kUnits && parameter.rank == 2;
  slot.adapter = row.part == Part::kAdapters;
  switch (row.cut) {
    case Cut::kAll:
      break;
    case Cut::kQueryRows:
      slot.rows = units->query;
      break;
    case Cut::kKeyRows:
      slot.rows = units->key;
      break;
    case Cut::kQueryColumns:
      slot.columns = units->query;
      break;
    case Cut::kNeuronRows:
      slot.rows = units->neurons;
      break;
    case Cut::kNeuronColumns:
      slot.columns = units->neurons;
      break;
    case Cut::kBaseTokens:
      if (plan.new_rows_first >= 0) slot.w = rows(slot.w, 0, plan.new_rows_first);
      break;
    case Cut::kNewTokens:
      slot.w = rows(slot.w, plan.new_rows_first, slot.w.rows - plan.new_rows_first);
      break;
  }
  slot.compact_rows = slot.rows.empty() ? slot.w.rows : static_cast<int64_t>(slot.rows.size());
  slot.compact_cols = slot.columns.empty() ? slot.w.cols : static_cast<int64_t>(slot.columns.size());
  return slot;
}

// Gives a gradient to its home, or lets the home grow by it.
struct Bind {
  Gradients& gradients;
  LayerGradients* layer;
  Matrix grad;

  void bind(Matrix& home) const {
    if (home)
      home.rows += grad.rows;
    else
      home = grad;
  }
  void bind(float*& home) const {
    if (!home) home = grad.f32();
  }
  template <class T>
  void operator()(T Gradients::*home) const {
    bind(gradients.*home);
  }
  template <class T>
  void operator()(T LayerGradients::*home) const {
    bind(layer->*home);
  }
  void operator()(const AdapterHome& home) const {
    bind(layer->adapters[static_cast<size_t>(home.target)].*home.gradient);
  }
};

const int32_t* index_or_null(const std::vector<int32_t>& indices) {
  return indices.empty() ? nullptr : indices.data();
}

// visit(row, layer or -1) for every row that the plan asks for, layer by layer.
template <class F>
void for_each_row(const Plan& plan, F&& visit) {
  const Row* row = kRows;
  while (row != std::end(kRows)) {
    if (!per_layer(*row)) {
      if (asked_for(*row, plan, nullptr)) visit(*row, -1);
      ++row;
      continue;
    }
    const Row* first = row;
    for (int64_t l = 0; l < static_cast<int64_t>(plan.layers.size()); ++l)
      for (row = first; row != std::end(kRows) && per_layer(*row); ++row)
        if (asked_for(*row, plan, &plan.layers[static_cast<size_t>(l)])) visit(*row, l);
  }
}

// The tensor of a row: of the model, or of its adapters.
Parameter tensor_of(Model& model, const Row& row, int64_t layer) {
  const std::string prefix = layer < 0 ? "" : "encoder.layer." + std::to_string(layer) + ".";
  const AdapterHome* home = std::get_if<AdapterHome>(&row.home);
  if (home) {
    ADAPTUNE_CHECK(model.adapters, E_ARGUMENT, "expected a model with the adapters of the plan");
    Adapter& adapter = model.adapters->layers[static_cast<size_t>(layer)][static_cast<size_t>(home->target)];
    Weight& weight = adapter.*home->weight;
    return {prefix + row.name, weight.values, 2, &weight};
  }
  const Parameter* parameter = model.find(prefix + row.name);
  ADAPTUNE_CHECK(parameter, E_INTERNAL, "expected a parameter %s%s", prefix.c_str(), row.name);
  return *parameter;
}

}  // namespace

std::shared_ptr<Adapters> attach_adapters(Model& model, const Plan& plan) {
  ADAPTUNE_CHECK(model.adapters.use_count() <= 1, E_ARGUMENT,
                 "expected a model without another trainer's adapters: close that trainer, or merge them");
  model.adapters.reset();
  std::vector<PerTarget<bool>> wanted;
  bool any = false;
  for (const LayerPlan& layer : plan.layers) {
    wanted.push_back(layer.adapters);
    for (const bool adapter : layer.adapters) any = any || adapter;
  }
  if (!any) return nullptr;
  const AdapterSettings& settings = plan.adapters;
  ADAPTUNE_CHECK(settings.rank >= 1, E_ARGUMENT, "expected a rank of at least 1 but received %lld",
                 Long{settings.rank});
  ADAPTUNE_CHECK(settings.dropout >= 0 && settings.dropout < 1, E_ARGUMENT,
                 "expected a dropout of adapters in [0, 1) but received %g", double(settings.dropout));
  ADAPTUNE_CHECK(Long{model.config.layers} == static_cast<Long>(wanted.size()), E_ARGUMENT,
                 "expected a plan of %lld layers but received %zu", Long{model.config.layers}, wanted.size());
  return model.adapters = std::make_shared<Adapters>(model.config, settings, wanted);
}

SlotList list_slots(Model& model, const Plan& plan, bool measure) {
  check(plan, model.config);
  SlotList list;
  for (const LayerPlan& layer : plan.layers) list.units.push_back(indices_of(model.config, layer));

  int64_t floats = 0;
  for_each_row(plan, [&](const Row& row, int64_t layer) {
    const UnitIndices* units = layer < 0 ? nullptr : &list.units[static_cast<size_t>(layer)];
    list.slots.push_back(make_slot(row, tensor_of(model, row, layer), plan, units));
    floats += list.slots.back().compact_rows * list.slots.back().compact_cols;
  });

  if (!measure) list.flat = Buffer(static_cast<size_t>(floats) * sizeof(float));
  if (list.flat.data()) std::memset(list.flat.data(), 0, list.flat.bytes());
  list.gradients.layers.resize(plan.layers.size());
  list.gradients.word_first_row = plan.embeddings || plan.new_rows_first < 0 ? 0 : plan.new_rows_first;
  float* next = measure ? reinterpret_cast<float*>(kAlignment) : list.flat.as<float>();
  Slot* slot = list.slots.data();
  for_each_row(plan, [&](const Row& row, int64_t layer) {
    slot->grad = matrix(next, slot->compact_rows, slot->compact_cols);
    next += slot->compact_rows * slot->compact_cols;
    LayerGradients* home = layer < 0 ? nullptr : &list.gradients.layers[static_cast<size_t>(layer)];
    std::visit(Bind{list.gradients, home, slot->grad}, row.home);
    ++slot;
  });
  for (size_t l = 0; l < plan.layers.size(); ++l) {
    LayerGradients& layer = list.gradients.layers[l];
    layer.qkv_rows = index_or_null(list.units[l].qkv);
    layer.out_columns = index_or_null(list.units[l].query);
    layer.neurons = index_or_null(list.units[l].neurons);
  }
  return list;
}

}  // namespace adaptune
