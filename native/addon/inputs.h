// The objects of lib/native/binding.ts as native structs: copied and checked.
#pragma once
#include <vector>

#include "addon/handle.h"
#include "addon/js.h"

namespace adaptune {

struct BatchCopy {
  Copy<int32_t> ids, offsets, type_ids;
  bool has_types = false;

  Batch view() const {
    return {ids.data(), offsets.data(), has_types ? type_ids.data() : nullptr, ids.count, offsets.count - 1};
  }
};

// Indices in [0, end), strictly ascending.
std::vector<int32_t> read_indices(const Value& value, int64_t end);
EncoderConfig read_config(const Value& value);
BatchCopy read_batch(const Value& value, const EncoderConfig& config);
// Which texts a batch holds; nothing where it does not say.
Copy<int32_t> read_texts(const Value& batch, int64_t sequences);
// One class per text, each below `classes`.
Copy<int32_t> read_labels(const Value& value, int64_t texts, int64_t classes);
Plan read_plan(const Value& value, const EncoderConfig& config);
StepOptions read_step(const Value& value);
std::shared_ptr<Token> read_token(const Value& value);  // null when undefined

}  // namespace adaptune
