#include "train/pieces.h"

#include <algorithm>

namespace adaptune {
namespace {

int64_t pairs_of(const Batch& batch, int64_t first, int64_t end) {
  int64_t pairs = 0;
  for (int64_t s = first; s < end; ++s) {
    const int64_t length = batch.offsets[s + 1] - batch.offsets[s];
    pairs += length * length;
  }
  return pairs;
}

}  // namespace

Pieces::Pieces(const Batch& batch, int64_t most)
    : batch_(batch),
      count_(most > 0 ? (batch.tokens + most - 1) / most : 1),
      pairs_(pairs_of(batch, 0, batch.sequences)) {
  for (int64_t first = 0, end = 0; first < batch.sequences; first = end) {
    end = end_of(first);
    const int64_t tokens = batch.offsets[end] - batch.offsets[first];
    largest_ = {std::max(largest_.tokens, tokens), std::max(largest_.sequences, end - first)};
  }
}

// The batch is cut at multiples of tokens / count, each time before the text that reaches beyond.
int64_t Pieces::end_of(int64_t first) const {
  const int64_t slice = batch_.offsets[first] * count_ / batch_.tokens;
  const int64_t last = batch_.tokens * (slice + 1) / count_;
  const int32_t* end = std::upper_bound(batch_.offsets + first + 1, batch_.offsets + batch_.sequences + 1,
                                        last, [](int64_t to, int32_t offset) { return to < offset; });
  return std::max(first + 1, static_cast<int64_t>(end - batch_.offsets) - 1);
}

bool Pieces::next(Piece& piece, Buffer& offsets) {
  if (next_ == batch_.sequences) return false;
  const int64_t first = next_, end = end_of(first), token = batch_.offsets[first];
  piece = {batch_, first, token, pairs_before_};
  if (end - first < batch_.sequences) {
    const size_t bytes = static_cast<size_t>(largest_.sequences + 1) * sizeof(int32_t);
    if (offsets.bytes() < bytes) offsets = Buffer(bytes);
    int32_t* own = offsets.as<int32_t>();
    for (int64_t s = first; s <= end; ++s) own[s - first] = batch_.offsets[s] - batch_.offsets[first];
    const int32_t* types = batch_.type_ids ? batch_.type_ids + token : nullptr;
    piece.batch = {batch_.ids + token, own, types, own[end - first], end - first};
  }
  pairs_before_ += pairs_of(batch_, first, end);
  next_ = end;
  return true;
}

}  // namespace adaptune
