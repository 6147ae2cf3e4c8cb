// Parameters of an encoder with a classifier head, and its forward pass for inference.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "model/adapters.h"
#include "tensor/weight.h"

namespace adaptune {

// One row of the one parameter list (model/parameters.cc): every tensor a saved model holds, under the
// Hugging Face name without the `bert.` prefix ("embeddings.word_embeddings.weight",
// "encoder.layer.0.attention.self.query.weight", "pooler.dense.weight", "classifier.bias", ...). values views
// the model's storage (query, key and value are rows of one fused [3H,H] matrix). Vectors have rows == 1.
struct Parameter {
  std::string name;
  Matrix values;
  int rank;        // 1 or 2
  Weight* weight;  // whose version to bump after a write, or null
};

struct LayerWeights {
  Weight qkv, out, up, down;  // [(NH + 2 KVH) HD, H], [H, NH HD], [F, H], [H, F]
  float *qkv_bias, *out_bias, *up_bias, *down_bias;
  float *attention_norm_gamma, *attention_norm_beta, *mlp_norm_gamma, *mlp_norm_beta;
};

class Model {
 public:
  explicit Model(const EncoderConfig& config);  // values zero
  Model(const Model&) = delete;                 // parameters() points into it
  Model& operator=(const Model&) = delete;
  const EncoderConfig config;
  Matrix word, position, type;  // [V,H] [P,H] [types,H]
  float *embedding_norm_gamma, *embedding_norm_beta;
  std::vector<LayerWeights> layers;
  Weight pooler, classifier;  // [H,H] [C,H]
  float *pooler_bias, *classifier_bias;
  uint64_t revision = 0;  // counts writes that are no training step: what was computed before is stale
  // Of the trainer that holds them too, until they are merged; null: none. Every pass applies them.
  std::shared_ptr<Adapters> adapters;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  Parameter* find(const std::string& name);  // null when unknown
  void touch();                              // all values changed: drop packs
  int64_t bytes() const { return static_cast<int64_t>(storage_.bytes()); }

 private:
  Buffer storage_;
  std::vector<Parameter> parameters_;
};

enum class Output : uint8_t {
  kLogits,  // [B,C]
  kPooled,  // tanh(pooler) [B,H]
  kCls,     // last hidden state of [CLS] [B,H]
  kHidden   // last hidden states of all tokens [T,H]
};

// How a running call hears of cancellation and tells of progress: both are called after each layer of each
// pass, on the calling thread. A cancelled call throws E_ABORTED and leaves model and optimizer as they were.
struct Monitor {
  bool (*cancelled)(void* data);
  void (*layer_done)(void* data);
  void* data;
};

// Rows (of values, columns of results) of the fused query, key and value.
struct QkvPart {
  int64_t first, count;
};
QkvPart qkv_part(const EncoderConfig& config, Target target);

// What one step or one forward call needs besides the model.
struct Engine {
  const Ops* ops;
  Context context;
  Arena* activations;                // reset by every call
  const Monitor* monitor = nullptr;  // null: nobody listens
};

// Inference, dropout off. out: [B, C or H], [T,H] of kHidden. Bitwise the same for a text alone and in any
// batch.
void infer(const Engine& engine, const Model& model, const Batch& batch, Output output, Matrix out);

// Adds each adapter's product to its matrix and removes the adapters: up to rounding the same model.
void merge_adapters(const Engine& engine, Model& model);

}  // namespace adaptune
