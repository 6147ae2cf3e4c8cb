// The memory of a training run beside its model, known before anything of it is allocated.
#pragma once
#include "model/activations.h"
#include "train/trainer.h"

namespace adaptune {

struct Footprint {
  int64_t optimizer;    // gradients and two moments of everything that trains, and adapters themselves
  int64_t packs;        // of weights that do not change, while steps are taken
  int64_t activations;  // of a step
  int64_t scratch;      // of the largest op of a step
  int64_t inference;    // packs, activations and scratch of a forward pass
};

// piece: the largest piece of any batch; `batch`: the largest one in inference. cached: steps have a
// PrefixCache, whose own bytes are not counted. Exact but for scratch, which is bounded. The plan is that of
// the first phase.
Footprint footprint(Model& model, const Plan& plan, BatchSize piece, BatchSize batch, bool cached,
                    int threads);

}  // namespace adaptune
