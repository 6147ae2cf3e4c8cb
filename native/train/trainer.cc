#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "model/pass.h"
#include "train/pieces.h"
#include "train/slots.h"

namespace adaptune {
namespace {

using Long = long long;  // what %lld prints

// While a weight changes every step, its packs are made in scratch; between steps they are worth keeping.
class ChangingWeights {
 public:
  explicit ChangingWeights(std::vector<Slot>& slots) : slots_(slots) {
    for (Slot& slot : slots_)
      if (slot.weight) slot.weight->keep_packs = false, drop_packs(*slot.weight);
  }
  ~ChangingWeights() {
    for (Slot& slot : slots_)
      if (slot.weight) slot.weight->keep_packs = true;
  }
  ChangingWeights(const ChangingWeights&) = delete;
  ChangingWeights& operator=(const ChangingWeights&) = delete;

 private:
  std::vector<Slot>& slots_;
};

bool trains(const Slot& slot, bool head_only) { return !head_only || slot.group == Group::kHead; }

// A slot with a Weight is the result of one gemm, which overwrites it; all others are added to.
void clear_gradients(std::vector<Slot>& slots, bool head_only) {
  for (Slot& slot : slots) {
    if (slot.weight || !trains(slot, head_only)) continue;
    std::memset(slot.grad.ptr, 0, static_cast<size_t>(slot.grad.rows * slot.grad.cols) * sizeof(float));
  }
}

// Gives m and v of the slots [begin, end) their places in one zeroed buffer.
Buffer place_state(Slot* begin, Slot* end) {
  int64_t floats = 0;
  for (const Slot* slot = begin; slot != end; ++slot) floats += 2 * slot->compact_rows * slot->compact_cols;
  Buffer buffer(static_cast<size_t>(floats) * sizeof(float));
  if (floats > 0) std::memset(buffer.data(), 0, buffer.bytes());
  float* next = buffer.as<float>();
  for (Slot* slot = begin; slot != end; ++slot) {
    for (Matrix* moment : {&slot->m, &slot->v}) {
      *moment = matrix(next, slot->compact_rows, slot->compact_cols);
      next += slot->compact_rows * slot->compact_cols;
    }
  }
  return buffer;
}

}  // namespace

Trainer::Trainer(const Engine& engine, Model& model, const Plan& plan)
    : engine_(engine),
      model_(model),
      adapters_(attach_adapters(model, plan)),
      list_(list_slots(model, plan)),
      head_(plan.head),
      rows_active_(plan.new_rows_first >= 0) {
  Slot* begin = list_.slots.data();
  Slot* end = begin + list_.slots.size();
  Slot* first_row = rows_active_ ? end - 1 : end;
  state_ = place_state(begin, first_row);
  row_state_ = place_state(first_row, end);
  drop_unused_packs();
}

// Layers below the floor have no input gradient: packs for it (of an earlier phase, or of calibration) go.
void Trainer::drop_unused_packs() {
  for (int64_t l = 0; l < floor(); ++l) {
    LayerWeights& layer = model_.layers[static_cast<size_t>(l)];
    for (Weight* weight : {&layer.qkv, &layer.out, &layer.up, &layer.down}) weight->input_grad_pack = {};
  }
}

bool Trainer::rows_active() const { return rows_active_; }
int64_t Trainer::floor() const { return floor_of(list_.gradients); }

void Trainer::freeze_rows() {
  if (!rows_active_) return;
  rows_active_ = false;
  list_.slots.pop_back();
  row_state_ = Buffer();
  // With the whole table in training, backward still writes the rows' gradients, which nobody reads.
  Gradients& g = list_.gradients;
  if (!g.position) g.word = {}, g.word_first_row = 0;
  drop_unused_packs();
}

void Trainer::keep_prefix(int64_t texts, size_t bytes) {
  prefix_ = PrefixCache();  // frees before it allocates
  if (texts > 0) prefix_ = PrefixCache(texts, bytes);
}

void Trainer::merge_adapters() {
  if (!adapters_) return;
  adaptune::merge_adapters(engine_, model_);
  std::erase_if(list_.slots, [&](const Slot& slot) { return slot.adapter; });
  for (LayerGradients& layer : list_.gradients.layers) layer.adapters = {};
  adapters_.reset();
}

StepResult Trainer::step(const Batch& batch, const int32_t* labels, const float* weights,
                         const StepOptions& options, const int32_t* texts) {
  check(model_.config, batch);
  check_labels(model_.config, labels, batch.sequences);
  const ChangingWeights changing(list_.slots);
  clear_gradients(list_.slots, false);
  int64_t cached = 0;
  const double loss = add_gradients(batch, labels, weights, options, texts, cached);
  StepResult result = finish(loss, false, options);
  result.cached = cached;
  return result;
}

// Forward and backward of all pieces; returns the loss, and adds the texts whose prefix was kept to `cached`.
double Trainer::add_gradients(const Batch& batch, const int32_t* labels, const float* weights,
                              const StepOptions& options, const int32_t* texts, int64_t& cached) {
  const EncoderConfig& config = model_.config;
  Gradients& gradients = list_.gradients;
  const int64_t first = texts && prefix_.size() > 0 ? std::max<int64_t>(0, floor()) : 0;
  Pieces pieces(batch, options.piece_tokens);
  engine_.activations->reset(pass_bytes(config, pieces.largest(), &gradients, true, first));
  const double scale = 1 / static_cast<double>(batch.sequences);
  double loss = 0;
  for (Piece piece; pieces.next(piece, piece_offsets_);) {
    gradients.accumulate = piece.first_text > 0;
    const DropoutPlan dropout{options.dropout,  options.seed,     options.step,  piece.first_token,
                              piece.first_text, piece.first_pair, pieces.pairs()};
    const Pass pass = begin_pass(engine_, model_, piece.batch, &gradients, true, dropout, {}, first);
    if (first > 0) cached += prefix_.enter(pass, texts + piece.first_text);
    encoder_forward(pass);
    const Matrix& cls = pass.saved.output;
    const Matrix dcls = pass.floor < config.layers ? pass.scratch(cls.rows, cls.cols) : Matrix{};
    const Head head = begin_head(engine_, model_, cls, dropout);
    loss += head_loss(head, labels + piece.first_text, weights ? weights + piece.first_text : nullptr, scale,
                      gradients, dcls);
    if (dcls) encoder_backward(pass, dcls);
  }
  return loss;
}

StepResult Trainer::head_step(const Matrix& features, const int32_t* labels, const StepOptions& options) {
  ADAPTUNE_CHECK(head_, E_ARGUMENT, "expected a plan that trains the head");
  ADAPTUNE_CHECK(features.rows >= 1 && features.cols == model_.config.hidden, E_ARGUMENT,
                 "expected features [n, %lld] but received [%lld, %lld]", Long{model_.config.hidden},
                 Long{features.rows}, Long{features.cols});
  check_labels(model_.config, labels, features.rows);
  const ChangingWeights changing(list_.slots);
  clear_gradients(list_.slots, true);
  list_.gradients.accumulate = false;
  engine_.activations->reset();
  const DropoutPlan dropout{options.dropout, options.seed, options.step};
  const Head head = begin_head(engine_, model_, features, dropout);
  const double loss =
      head_loss(head, labels, nullptr, 1 / static_cast<double>(features.rows), list_.gradients, {});
  return finish(loss, true, options);
}

StepResult Trainer::finish(double loss, bool head_only, const StepOptions& options) {
  double squares = 0;
  for (const Slot& slot : list_.slots)
    if (trains(slot, head_only)) engine_.ops->sum_squares(engine_.context, {slot.grad, Axis::kAll, &squares});
  const double norm = std::sqrt(squares);
  const bool finite = std::isfinite(loss) && std::isfinite(norm);
  if (!finite || !options.update) return {loss, norm, finite};

  // As torch.nn.utils.clip_grad_norm_ scales.
  const double scale = options.clip > 0 ? std::fmin(1, options.clip / (norm + 1e-6)) : 1;
  for (Slot& slot : list_.slots) {
    if (!trains(slot, head_only)) continue;
    engine_.ops->adamw(engine_.context, {.w = slot.w,
                                         .rows = slot.rows.empty() ? nullptr : slot.rows.data(),
                                         .columns = slot.columns.empty() ? nullptr : slot.columns.data(),
                                         .grad = slot.grad,
                                         .m = slot.m,
                                         .v = slot.v,
                                         .lr = options.lr[static_cast<int>(slot.group)],
                                         .beta1 = options.beta1,
                                         .beta2 = options.beta2,
                                         .eps = options.eps,
                                         .weight_decay = slot.decays ? options.weight_decay : 0,
                                         .grad_scale = static_cast<float>(scale),
                                         .t = ++slot.t});
    if (slot.weight) ++slot.weight->version;
  }
  return {loss, norm, true};
}

}  // namespace adaptune
