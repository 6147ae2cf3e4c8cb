#include "train/footprint.h"

#include <algorithm>

#include "train/slots.h"

namespace adaptune {
namespace {

// What ops take besides packs, a thread: blocks of A and of unfinished sums, heads of attention, masks.
constexpr int64_t kThreadScratch = int64_t{1} << 20;
constexpr int64_t kPanel = 64;  // no backend's panels are wider

int64_t floats(int64_t count) { return count * static_cast<int64_t>(sizeof(float)); }
int64_t pack_bytes(int64_t columns, int64_t depth) {
  return floats((columns + kPanel - 1) / kPanel * kPanel * depth);
}

struct Product {
  const Weight& weight;
  Matrix gradient;        // absent: the weight does not change
  int64_t input_columns;  // that the weight gradient reads
};

std::vector<Product> products(const LayerWeights& w, const LayerGradients& g) {
  return {{w.qkv, g.qkv, w.qkv.values.cols},
          {w.out, g.out, g.out.cols},
          {w.up, g.up, w.up.values.cols},
          {w.down, g.down, g.down.cols}};
}

}  // namespace

Footprint footprint(Model& model, const Plan& plan, BatchSize piece, BatchSize batch, bool cached,
                    int threads) {
  const EncoderConfig& c = model.config;
  const std::shared_ptr<Adapters> adapters = attach_adapters(model, plan);
  const SlotList list = list_slots(model, plan, true);
  model.adapters.reset();
  Footprint f = {};
  for (const Slot& slot : list.slots)
    f.optimizer += (slot.adapter ? 4 : 3) * floats(slot.compact_rows * slot.compact_cols);

  const int64_t floor = floor_of(list.gradients);
  int64_t all_packs = 0, largest = 0;
  for (int64_t l = 0; l < c.layers; ++l) {
    const size_t layer = static_cast<size_t>(l);
    for (const Product& p : products(model.layers[layer], list.gradients.layers[layer])) {
      const Matrix& w = p.weight.values;
      const int64_t forward = pack_bytes(w.rows, w.cols), input_gradient = pack_bytes(w.cols, w.rows);
      all_packs += forward;
      if (p.gradient)
        largest = std::max({largest, forward, input_gradient, pack_bytes(p.input_columns, piece.tokens)});
      else
        f.packs += forward + (l >= floor ? input_gradient : 0);
    }
  }
  const int64_t fixed = kThreadScratch * threads;
  f.scratch = largest + fixed;
  f.activations = static_cast<int64_t>(
      pass_bytes(c, piece, &list.gradients, true, cached ? std::max<int64_t>(floor, 0) : 0));
  f.inference = all_packs + static_cast<int64_t>(pass_bytes(c, batch, nullptr, true, 0)) + fixed;
  return f;
}

}  // namespace adaptune
