// Low-rank adapters of frozen matrices: Hu et al. 2021 (https://arxiv.org/abs/2106.09685). Where a pass
// computes y = x W^T + b, an adapter adds h B^T with h = scale dropout(x) A^T.
#pragma once
#include <array>
#include <vector>

#include "model/config.h"
#include "tensor/weight.h"

namespace adaptune {

// The matrices of a layer, in the order of a pass.
enum class Target : uint8_t { kQuery, kKey, kValue, kOutput, kUp, kDown };
constexpr size_t kTargets = 6;
template <class T>
using PerTarget = std::array<T, kTargets>;

struct Adapter {
  Weight a, b;  // [r, in], [out, r]; without values where a matrix has no adapter
  explicit operator bool() const { return bool(a.values); }
};

struct AdapterSettings {
  int64_t rank = 0;
  float scale = 0;    // alpha / rank
  float dropout = 0;  // of the adapters' input, each with a mask of its own
};

// Of all layers; values zero.
class Adapters {
 public:
  Adapters(const EncoderConfig& config, const AdapterSettings& settings,
           const std::vector<PerTarget<bool>>& wanted);
  const AdapterSettings settings;
  std::vector<PerTarget<Adapter>> layers;

 private:
  Buffer storage_;
};

}  // namespace adaptune
