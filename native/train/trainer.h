// Finetuning of what a plan selects: compact gradients and sparse AdamW; and calibration, which measures
// units.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include "model/gradients.h"
#include "model/model.h"
#include "train/prefix_cache.h"

namespace adaptune {

// What trains, per layer. A layer below the floor trains nothing.
struct LayerPlan {
  std::vector<int32_t> groups;    // attention groups (kv head with its query heads), ascending
  std::vector<int32_t> neurons;   // feed-forward neurons, ascending
  bool extras = false;            // all biases and both LayerNorms
  PerTarget<bool> adapters = {};  // low-rank ones, with the settings of the plan
};

// A new slot is a new field here and a new row of the slot list, nothing else.
struct Plan {
  std::vector<LayerPlan> layers;
  bool embeddings = false;      // word, position, type tables and the embedding LayerNorm (`full`)
  int64_t new_rows_first = -1;  // rows [first, V) of the word table train while rows_active; -1: none
  bool head = true;             // pooler and classifier
  AdapterSettings adapters;     // where layers have any
};

enum class Group : uint8_t { kUnits, kHead, kRows };  // learning-rate groups; `full`'s embeddings are kUnits

// One trained slice of one tensor with its compact optimizer state.
struct Slot {
  std::string name;  // tensor name, e.g. "encoder.layer.0.intermediate.dense.weight"
  Group group;
  Matrix w;                            // the tensor's values (view)
  Weight* weight;                      // or null
  std::vector<int32_t> rows, columns;  // selected indices of w; empty = all
  int64_t compact_rows, compact_cols;
  bool decays;        // subject to weight decay
  bool adapter;       // of a low-rank adapter, not of the model
  Matrix grad, m, v;  // [compact_rows, compact_cols]; views of one flat buffer each
  int64_t t = 0;      // AdamW steps done
};

struct StepOptions {
  uint64_t seed = 1;
  uint32_t step = 0;        // global step, for dropout counters
  float lr[3] = {0, 0, 0};  // by Group
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f, weight_decay = 0.01f, clip = 1.0f;  // clip 0: off
  bool dropout = true;
  bool update = true;        // false: gradients only (tests)
  int64_t piece_tokens = 0;  // batches with more go through the model in pieces of about so many; 0: never
};

struct StepResult {
  double loss;
  double grad_norm;    // fp64, over everything that trains in this phase, before clipping
  bool finite;         // false: nothing was updated
  int64_t cached = 0;  // texts whose states at the floor were kept
};

// The selected units of a layer as rows and columns of its tensors; empty = all.
struct UnitIndices {
  std::vector<int32_t> query, key;  // out of NH HD and KVH HD
  std::vector<int32_t> qkv;         // the same as rows of the fused tensor
  std::vector<int32_t> neurons;     // out of F
};

// Everything that a plan trains, and where backward puts the gradients of it (train/slots.cc).
struct SlotList {
  std::vector<Slot> slots;         // new rows last
  std::vector<UnitIndices> units;  // [layers]
  Buffer flat;                     // [trained parameters], the slots' gradients one behind the other
  Gradients gradients;             // views of flat and of units
};

// One trainer at a time may change a model. What does not fit the plan or the model is E_ARGUMENT. Adapters
// are 0 until their slots are set; what a trainer did not merge stays with the model until the next trainer.
class Trainer {
 public:
  Trainer(const Engine& engine, Model& model, const Plan& plan);

  // One step on one batch: forward, backward down to the floor, clip, AdamW. labels [B]; weights [B] or null;
  // texts [B]: which of the training texts these are, for keep_prefix, or null.
  StepResult step(const Batch& batch, const int32_t* labels, const float* weights, const StepOptions& options,
                  const int32_t* texts = nullptr);
  // The same for the head alone on given [CLS] states features [B,H] (head fit).
  StepResult head_step(const Matrix& features, const int32_t* labels, const StepOptions& options);

  // Ends the token phase: new rows freeze, their state is freed, the floor applies from now on.
  void freeze_rows();
  // From now on steps keep the states of `texts` texts at the floor in so many bytes, and forward begins
  // there for texts that it met before; what they train stays the same to the bit. While new rows or layer 0
  // train there is nothing to keep. 0 texts: frees all.
  void keep_prefix(int64_t texts, size_t bytes);
  // Ends the training of adapters: they become part of their matrices.
  void merge_adapters();
  bool rows_active() const;
  int64_t floor() const;  // lowest layer that backward enters now; layers.size() when none, -1 = embeddings
  const std::vector<Slot>& slots() const { return list_.slots; }
  std::vector<Slot>& slots() { return list_.slots; }  // for restoring m, v, t and values

 private:
  void drop_unused_packs();
  double add_gradients(const Batch& batch, const int32_t* labels, const float* weights,
                       const StepOptions& options, const int32_t* texts, int64_t& cached);
  StepResult finish(double loss, bool head_only, const StepOptions& options);

  Engine engine_;
  Model& model_;
  std::shared_ptr<Adapters> adapters_;  // that slots view; null: none
  SlotList list_;
  Buffer state_, row_state_;  // m and v of everything but the new rows, and of the new rows
  PrefixCache prefix_;
  Buffer piece_offsets_;
  bool head_, rows_active_;
};

// What calibration adds up: gradients, so that batches count as one, or the squares of each batch's. Of
// batches of one text at scale 1 / sqrt(texts) these are the diagonal of the empirical Fisher information.
enum class Importance : uint8_t { kGradient, kFisher };

// Sensitivity of every unit over a calibration sample, dropout off, nothing updated.
// Units: per layer, kv_heads attention groups and feed_forward neurons.
class Calibration {
 public:
  Calibration(const Engine& engine, Model& model, Importance importance);
  ~Calibration();
  // Adds a batch to half 0 or 1; gradients are of `scale` * sum of losses (to be 1 / texts of the whole
  // sample where they are added up). After an error (cancelled, out of memory) the half holds a part of the
  // batch: start anew.
  void add(const Batch& batch, const int32_t* labels, double scale, int half);

  struct Layer {
    // norm: Var(r)/E(r) of magnitudes; ratio and feature: METHOD 3. [kv_heads] and [feed_forward].
    std::vector<double> group_norm, group_ratio, group_feature, neuron_norm, neuron_ratio, neuron_feature;
    // L2 norm of the gradient in the unit's weights, divided by the root of their number; or the root of the
    // sum of the squares of such norms
    std::vector<double> group_gradient, neuron_gradient;
  };
  // half 0, 1, or -1 for both together (moments merged, gradients added).
  std::vector<Layer> result(int half) const;

 private:
  struct Half;
  Engine engine_;
  Model& model_;
  Importance importance_;
  std::unique_ptr<Half[]> halves_;  // 2
};

}  // namespace adaptune
