#include "model/config.h"

#include <cmath>

#include "base/error.h"

namespace adaptune {
namespace {

constexpr int64_t kMaxDimension = int64_t{1} << 24;  // products of two stay far below 2^63

using Long = long long;  // what %lld prints

void check_dimension(const char* field, int64_t value, int64_t least, int64_t most) {
  ADAPTUNE_CHECK(value >= least && value <= most, E_MODEL_SHAPE,
                 "expected %s in [%lld, %lld] but received %lld", field, Long{least}, Long{most},
                 Long{value});
}

void check_probability(const char* field, float value) {
  ADAPTUNE_CHECK(value >= 0 && value < 1, E_ARGUMENT, "expected %s in [0, 1) but received %g", field,
                 double(value));
}

}  // namespace

void check(const EncoderConfig& c) {
  check_dimension("layers", c.layers, 1, 1024);
  check_dimension("hidden", c.hidden, 1, kMaxDimension);
  check_dimension("heads", c.heads, 1, 1024);
  check_dimension("kv_heads", c.kv_heads, 1, c.heads);
  ADAPTUNE_CHECK(c.heads % c.kv_heads == 0, E_MODEL_SHAPE,
                 "expected heads to be a multiple of kv_heads but received %lld and %lld", Long{c.heads},
                 Long{c.kv_heads});
  check_dimension("head_width", c.head_width, 1, 1024);
  check_dimension("feed_forward", c.feed_forward, 1, kMaxDimension);
  check_dimension("vocabulary", c.vocabulary, 1, kMaxDimension);
  check_dimension("positions", c.positions, 1, kMaxDimension);
  check_dimension("types", c.types, 1, kMaxDimension);
  check_dimension("classes", c.classes, 1, kMaxDimension);
  ADAPTUNE_CHECK(std::isfinite(c.norm_eps) && c.norm_eps > 0, E_ARGUMENT,
                 "expected norm_eps to be positive but received %g", double(c.norm_eps));
  check_probability("hidden_dropout", c.hidden_dropout);
  check_probability("attention_dropout", c.attention_dropout);
  check_probability("classifier_dropout", c.classifier_dropout);
  ADAPTUNE_CHECK(c.activation == Activation::kGelu, E_ARGUMENT,
                 "expected activation gelu but received number %d", int(c.activation));
}

void check(const EncoderConfig& config, const Batch& batch) {
  ADAPTUNE_CHECK(batch.sequences >= 1, E_ARGUMENT, "expected a batch of at least one text but received %lld",
                 Long{batch.sequences});
  ADAPTUNE_CHECK(batch.tokens <= INT32_MAX, E_ARGUMENT,
                 "expected at most %d tokens in a batch but received %lld", INT32_MAX, Long{batch.tokens});
  const int32_t* offsets = batch.offsets;
  ADAPTUNE_CHECK(offsets[0] == 0 && offsets[batch.sequences] == batch.tokens, E_ARGUMENT,
                 "expected offsets from 0 to %lld but received %d to %d", Long{batch.tokens}, offsets[0],
                 offsets[batch.sequences]);
  for (int64_t s = 0; s < batch.sequences; ++s) {
    const int64_t length = int64_t{offsets[s + 1]} - offsets[s];
    ADAPTUNE_CHECK(length >= 1 && length <= config.positions, E_ARGUMENT,
                   "expected 1 to %lld tokens in text %lld of the batch but received %lld",
                   Long{config.positions}, Long{s}, Long{length});
  }
  for (int64_t t = 0; t < batch.tokens; ++t) {
    ADAPTUNE_CHECK(batch.ids[t] >= 0 && batch.ids[t] < config.vocabulary, E_ARGUMENT,
                   "expected token ids in [0, %lld) but received %d at token %lld", Long{config.vocabulary},
                   batch.ids[t], Long{t});
    if (!batch.type_ids) continue;
    ADAPTUNE_CHECK(batch.type_ids[t] >= 0 && batch.type_ids[t] < config.types, E_ARGUMENT,
                   "expected type ids in [0, %lld) but received %d at token %lld", Long{config.types},
                   batch.type_ids[t], Long{t});
  }
}

void check_labels(const EncoderConfig& config, const int32_t* labels, int64_t count) {
  for (int64_t b = 0; b < count; ++b) {
    ADAPTUNE_CHECK(labels[b] >= 0 && labels[b] < config.classes, E_ARGUMENT,
                   "expected labels in [0, %lld) but received %d for text %lld", Long{config.classes},
                   labels[b], Long{b});
  }
}

}  // namespace adaptune
