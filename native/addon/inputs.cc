#include "addon/inputs.h"

#include <cfloat>

#include "base/error.h"

namespace adaptune {
namespace {

constexpr int64_t kSafe = (int64_t{1} << 53) - 1;  // Number.MAX_SAFE_INTEGER
constexpr int64_t kMaxRank = 1024;

float read_float(const Value& value, double low, double high) {
  return static_cast<float>(value.number(low, high));
}

float read_optional(const Value& value, float otherwise, double low, double high) {
  return value.absent() ? otherwise : read_float(value, low, high);
}

}  // namespace

std::vector<int32_t> read_indices(const Value& value, int64_t end) {
  const Copy<int32_t> copy = value.int32_array();
  for (int64_t i = 0; i < copy.count; ++i) {
    const int32_t index = copy.data()[i], last = i ? copy.data()[i - 1] : -1;
    ADAPTUNE_CHECK(index > last && index < end, E_ARGUMENT,
                   "expected ascending indices in [0, %lld) for %s but received %d after %d",
                   static_cast<long long>(end), value.name().c_str(), index, last);
  }
  return {copy.data(), copy.data() + copy.count};
}

EncoderConfig read_config(const Value& value) {
  EncoderConfig config;
  const auto size = [&](const char* key) { return value[key].integer(0, kSafe); };
  config.layers = size("layers");
  config.hidden = size("hidden");
  config.heads = size("heads");
  config.kv_heads = size("kvHeads");
  config.head_width = size("headWidth");
  config.feed_forward = size("feedForward");
  config.vocabulary = size("vocabulary");
  config.positions = size("positions");
  config.types = size("types");
  config.classes = size("classes");
  config.norm_eps = read_float(value["normEps"], 0, 1);
  config.hidden_dropout = read_float(value["hiddenDropout"], 0, 1);
  config.attention_dropout = read_float(value["attentionDropout"], 0, 1);
  config.classifier_dropout = read_float(value["classifierDropout"], 0, 1);
  value["activation"].choice({"gelu"});
  config.activation = Activation::kGelu;
  check(config);
  return config;
}

BatchCopy read_batch(const Value& value, const EncoderConfig& config) {
  BatchCopy batch;
  batch.ids = value["ids"].int32_array();
  batch.offsets = value["offsets"].int32_array();
  const Value types = value["typeIds"];
  batch.has_types = !types.absent();
  if (batch.has_types) batch.type_ids = types.int32_array();
  ADAPTUNE_CHECK(batch.offsets.count >= 2, E_ARGUMENT, "expected at least 2 offsets for %s but received %lld",
                 value.name().c_str(), static_cast<long long>(batch.offsets.count));
  ADAPTUNE_CHECK(!batch.has_types || batch.type_ids.count == batch.ids.count, E_ARGUMENT,
                 "expected as many type ids as ids for %s but received %lld and %lld", value.name().c_str(),
                 static_cast<long long>(batch.type_ids.count), static_cast<long long>(batch.ids.count));
  check(config, batch.view());
  return batch;
}

Copy<int32_t> read_texts(const Value& batch, int64_t sequences) {
  const Value value = batch["texts"];
  if (value.absent()) return {};
  Copy<int32_t> texts = value.int32_array();
  ADAPTUNE_CHECK(texts.count == sequences, E_ARGUMENT, "expected %lld numbers for %s but received %lld",
                 static_cast<long long>(sequences), value.name().c_str(),
                 static_cast<long long>(texts.count));
  return texts;
}

Copy<int32_t> read_labels(const Value& value, int64_t texts, int64_t classes) {
  Copy<int32_t> labels = value.int32_array();
  ADAPTUNE_CHECK(labels.count == texts, E_ARGUMENT, "expected %lld labels for %s but received %lld",
                 static_cast<long long>(texts), value.name().c_str(), static_cast<long long>(labels.count));
  for (int64_t i = 0; i < labels.count; ++i) {
    ADAPTUNE_CHECK(labels.data()[i] >= 0 && labels.data()[i] < classes, E_ARGUMENT,
                   "expected labels in [0, %lld) for %s but received %d at %lld",
                   static_cast<long long>(classes), value.name().c_str(), labels.data()[i],
                   static_cast<long long>(i));
  }
  return labels;
}

Plan read_plan(const Value& value, const EncoderConfig& config) {
  Plan plan;
  // In the order of Target.
  const std::vector<const char*> targets = {"query", "key", "value", "output", "up", "down"};
  const Value layers = value["layers"];
  const uint32_t count = layers.length(UINT32_MAX);
  ADAPTUNE_CHECK(count == config.layers, E_ARGUMENT, "expected %lld layers for %s but received %u",
                 static_cast<long long>(config.layers), layers.name().c_str(), count);
  for (uint32_t i = 0; i < count; ++i) {
    const Value layer = layers.at(i);
    LayerPlan& planned = plan.layers.emplace_back();
    planned.groups = read_indices(layer["groups"], config.kv_heads);
    planned.neurons = read_indices(layer["neurons"], config.feed_forward);
    planned.extras = layer["extras"].boolean();
    const Value adapters = layer["adapters"];
    for (uint32_t t = 0; !adapters.absent() && t < adapters.length(kTargets); ++t)
      planned.adapters[static_cast<size_t>(adapters.at(t).choice(targets))] = true;
  }
  const Value lora = value["lora"];
  if (!lora.absent()) {
    plan.adapters.rank = lora["rank"].integer(1, kMaxRank);
    plan.adapters.scale = read_float(lora["alpha"], 0, FLT_MAX) / static_cast<float>(plan.adapters.rank);
    plan.adapters.dropout = read_float(lora["dropout"], 0, 1);
  }
  plan.embeddings = value["embeddings"].boolean();
  plan.new_rows_first = value["newRowsFirst"].integer(-1, config.vocabulary - 1);
  plan.head = value["head"].boolean();
  return plan;
}

StepOptions read_step(const Value& value) {
  StepOptions options;
  options.seed = static_cast<uint64_t>(value["seed"].integer(0, kSafe));
  options.step = static_cast<uint32_t>(value["step"].integer(0, UINT32_MAX));
  const Value rates = value["lr"];
  options.lr[static_cast<int>(Group::kUnits)] = read_float(rates["units"], 0, FLT_MAX);
  options.lr[static_cast<int>(Group::kHead)] = read_float(rates["head"], 0, FLT_MAX);
  options.lr[static_cast<int>(Group::kRows)] = read_float(rates["rows"], 0, FLT_MAX);
  options.beta1 = read_optional(value["beta1"], options.beta1, 0, 1);
  options.beta2 = read_optional(value["beta2"], options.beta2, 0, 1);
  options.eps = read_optional(value["eps"], options.eps, 0, 1);
  options.weight_decay = read_optional(value["weightDecay"], options.weight_decay, 0, FLT_MAX);
  options.clip = read_optional(value["clip"], options.clip, 0, FLT_MAX);
  const Value dropout = value["dropout"], update = value["update"], piece = value["pieceTokens"];
  if (!piece.absent()) options.piece_tokens = piece.integer(0, INT32_MAX);
  if (!dropout.absent()) options.dropout = dropout.boolean();
  if (!update.absent()) options.update = update.boolean();
  return options;
}

std::shared_ptr<Token> read_token(const Value& value) {
  return value.absent() ? nullptr : open_handle<Token>(value);
}

}  // namespace adaptune
