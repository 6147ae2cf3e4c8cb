// The states of the training texts at the floor. Nothing that trains lies below it and no dropout is drawn
// there, so every epoch would compute the same ones, and a text's are the same bits in whatever batch. They
// are kept the first time that the text passes, as long as there is room. 16 bytes a text and 4 H a token;
// where nothing but the head trains, the [CLS] state alone: 4 H a text.
#pragma once
#include "base/memory.h"
#include "model/pass.h"

namespace adaptune {

class PrefixCache {
 public:
  PrefixCache() = default;                   // of no texts
  PrefixCache(int64_t texts, size_t bytes);  // bytes in all. E_ARGUMENT, E_MEMORY
  int64_t size() const { return size_; }     // texts

  // Fills pass.input(): rows that are kept are copied, the others computed, and kept. texts [B], each below
  // size(): which ones the batch holds. Returns how many were kept before. A text must have the same tokens
  // each time; their number is checked (E_ARGUMENT).
  int64_t enter(const Pass& pass, const int32_t* texts);

 private:
  struct Rows {
    int64_t begin;  // in floats, -1: not kept
    int64_t count;
  };

  Rows& kept(int32_t text) { return buffer_.as<Rows>()[text]; }
  float* floats() { return reinterpret_cast<float*>(buffer_.as<Rows>() + size_); }
  void clear();

  int64_t size_ = 0, capacity_ = 0, used_ = 0;  // texts, floats, floats
  Buffer buffer_;                               // Rows [size_], floats [capacity_]
  uint64_t revision_ = 0;                       // Model::revision of what is kept
};

}  // namespace adaptune
