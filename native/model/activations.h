// What a pass keeps of its forward half, and the memory of all of it. One table (activations.cc) decides.
// A norm's output and what stands behind the activation are computed again where backward needs them, from
// what it needs anyway: the norm's sum and the pre-activation.
#pragma once
#include "model/gradients.h"
#include "model/model.h"

namespace adaptune {

// R = rows behind the attention: T, or B where only the [CLS] rows are carried on.
struct LayerActivations {
  Matrix input;               // [T,H] forward only but in the lowest layer that backward enters
  Matrix qkv;                 // [T, (NH + 2 KVH) HD]
  Matrix lse;                 // [NH,T]
  Matrix context;             // [T, NH HD]
  Matrix carried_input;       // [R,H]      rows of input; input itself when R = T
  Matrix carried_context;     // [R, NH HD] likewise
  Matrix attention_sum;       // [R,H] what the norm behind the attention sees
  Matrix attention_mean;      // [R,1]
  Matrix attention_rstd;      // [R,1]
  Matrix attention_output;    // [R,H] forward only
  Matrix pre;                 // [R,F] before the activation; its gradient, once backward was there
  Matrix neurons;             // [R,F] behind it, forward only but for an adapter that reads it
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
  Arena::Mark forward_only;               // what was taken from here on is of no use once forward is through
};

// The layers [first, end) that a pass runs.
struct LayerRange {
  int64_t first, end;
};

struct BatchSize {
  int64_t tokens, sequences;
};

// Takes everything from the arena. gradients == null: inference, nothing is saved. cls_only: the last layer
// carries on the [CLS] rows alone behind its attention (the head sees no others, and rows do not mix there).
Activations take_activations(Arena& arena, const EncoderConfig& config, BatchSize size,
                             const Gradients* gradients, bool cls_only, LayerRange range);
HeadActivations take_head_activations(Arena& arena, const EncoderConfig& config, int64_t sequences,
                                      bool dropout);

// All that a pass takes from the arena, through forward, head and backward. first > 0: the layers from there
// on, and what prefix_forward takes for those below.
size_t pass_bytes(const EncoderConfig& config, BatchSize size, const Gradients* gradients, bool cls_only,
                  int64_t first);

}  // namespace adaptune
