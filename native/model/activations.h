// What a pass keeps of its forward half. One table (activations.cc) decides the memory.
#pragma once
#include "model/gradients.h"
#include "model/model.h"

namespace adaptune {

// R = rows behind the attention: T, or B where only the [CLS] rows are carried on.
struct LayerActivations {
  Matrix input;               // [T,H]
  Matrix qkv;                 // [T, (NH + 2 KVH) HD]
  Matrix lse;                 // [NH,T]
  Matrix context;             // [T, NH HD]
  Matrix carried_input;       // [R,H]      rows of input; input itself when R = T
  Matrix carried_context;     // [R, NH HD] likewise
  Matrix attention_sum;       // [R,H] what the norm behind the attention sees
  Matrix attention_mean;      // [R,1]
  Matrix attention_rstd;      // [R,1]
  Matrix attention_output;    // [R,H]
  Matrix pre;                 // [R,F] before the activation
  Matrix neurons;             // [R,F] behind it
  Matrix mlp_sum;             // [R,H]
  Matrix mlp_mean;            // [R,1]
  Matrix mlp_rstd;            // [R,1]
  PerTarget<Matrix> adapted;  // [T or R, r] what an adapter's second matrix reads
};

struct HeadActivations {
  Matrix pooled;   // [B,H] tanh(pooler)
  Matrix dropped;  // [B,H] the same behind dropout; pooled itself without
  Matrix logits;   // [B,C]
};

struct Activations {
  Matrix embedding_sum;                   // [T,H]
  Matrix embedding_mean, embedding_rstd;  // [T,1], absent when not saved
  LayerActivations* layers;               // [layers], empty outside the range
  Matrix output;                          // [R,H] of the range's last layer
};

// The layers [first, end) that a pass runs.
struct LayerRange {
  int64_t first, end;
};

// Takes everything from the arena. gradients == null: inference, nothing is saved. cls_only: the last layer
// carries on the [CLS] rows alone behind its attention (the head sees no others, and rows do not mix there).
Activations take_activations(Arena& arena, const EncoderConfig& config, const Batch& batch,
                             const Gradients* gradients, bool cls_only, LayerRange range);
HeadActivations take_head_activations(Arena& arena, const EncoderConfig& config, int64_t sequences,
                                      bool dropout);

}  // namespace adaptune
