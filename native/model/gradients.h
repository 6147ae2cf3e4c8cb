// Where backward puts gradients, and by that what it computes: an absent gradient is not computed.
#pragma once
#include <vector>

#include "model/adapters.h"

namespace adaptune {

struct AdapterGradients {
  Matrix a, b;  // [r, in], [out, r]
};

// Matrices hold the selected units only; a null index means all of them. Vectors are never cut.
struct LayerGradients {
  Matrix qkv;                            // [selected, H], rows of the fused query, key and value
  Matrix out;                            // [H, selected]
  const int32_t* qkv_rows = nullptr;     // ascending, out of (NH + 2 KVH) HD
  const int32_t* out_columns = nullptr;  // ascending, out of NH HD
  Matrix up, down;                       // [selected, H], [H, selected]
  const int32_t* neurons = nullptr;      // ascending, out of F
  float *qkv_bias = nullptr, *out_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
  float *attention_norm_gamma = nullptr, *attention_norm_beta = nullptr;
  float *mlp_norm_gamma = nullptr, *mlp_norm_beta = nullptr;
  PerTarget<AdapterGradients> adapters;

  // Is the gradient of an adapter wanted, from the first target to the last?
  bool adapts(Target first, Target last) const {
    for (size_t t = static_cast<size_t>(first); t <= static_cast<size_t>(last); ++t)
      if (adapters[t].a) return true;
    return false;
  }
};

struct Gradients {
  Matrix pooler, classifier;  // [H,H], [C,H]
  float *pooler_bias = nullptr, *classifier_bias = nullptr;
  Matrix word;  // [V - word_first_row, H]
  int64_t word_first_row = 0;
  Matrix position, type;  // [P,H], [types,H]
  float *embedding_norm_gamma = nullptr, *embedding_norm_beta = nullptr;
  std::vector<LayerGradients> layers;
  // Weight matrices (the results of a gemm): add to what is there instead of overwriting it. Vectors and
  // tables are always added to.
  bool accumulate = false;
};

// The lowest layer that backward has to enter: -1 = through all of them into the embeddings, layers.size() =
// none.
int64_t floor_of(const Gradients& gradients);

}  // namespace adaptune
