// Architecture switches. One code path reads them; there is no class per architecture.
#pragma once
#include <cstdint>
#include "ops/ops.h"

namespace adaptune {

struct EncoderConfig {
  int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_width = 0, feed_forward = 0;
  int64_t vocabulary = 0, positions = 0, types = 0, classes = 0;
  float norm_eps = 1e-12f;
  float hidden_dropout = 0, attention_dropout = 0, classifier_dropout = 0;
  Activation activation = Activation::kGelu;
};

// Throws E_MODEL_SHAPE / E_ARGUMENT naming the field, what was expected and what came.
void check(const EncoderConfig& config);

// A packed batch: no padding. The caller keeps the arrays alive for the call.
struct Batch {
  const int32_t* ids = nullptr;       // [T]
  const int32_t* offsets = nullptr;   // [B + 1]
  const int32_t* type_ids = nullptr;  // [T] or null
  int64_t tokens = 0, sequences = 0;
};

// Throws E_ARGUMENT unless offsets ascend from 0 to tokens, no text is empty or longer than positions, and
// ids and type ids are within their tables.
void check(const EncoderConfig& config, const Batch& batch);
void check_labels(const EncoderConfig& config, const int32_t* labels, int64_t count);

}  // namespace adaptune
