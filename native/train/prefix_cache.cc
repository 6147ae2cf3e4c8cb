#include "train/prefix_cache.h"

#include <cstring>

#include "base/error.h"

namespace adaptune {
namespace {

using Long = long long;  // what %lld prints

// The rows of pass.input() that belong to text b of the batch.
Matrix rows_of(const Pass& pass, int64_t b) {
  if (pass.range.first == pass.config().layers) return rows(pass.input(), b, 1);
  const int32_t* offsets = pass.batch.offsets;
  return rows(pass.input(), offsets[b], offsets[b + 1] - offsets[b]);
}

void copy(const float* from, int64_t count, float* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

// `count` texts of a batch as a batch of their own, in the arena.
Batch part_of(const Batch& batch, const int32_t* texts, int64_t count, Arena& arena) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < count; ++i) tokens += batch.offsets[texts[i] + 1] - batch.offsets[texts[i]];
  int32_t* offsets = arena.take<int32_t>(count + 1);
  int32_t* ids = arena.take<int32_t>(tokens);
  int32_t* types = batch.type_ids ? arena.take<int32_t>(tokens) : nullptr;
  offsets[0] = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t begin = batch.offsets[texts[i]], length = batch.offsets[texts[i] + 1] - begin;
    const size_t bytes = static_cast<size_t>(length) * sizeof(int32_t);
    std::memcpy(ids + offsets[i], batch.ids + begin, bytes);
    if (types) std::memcpy(types + offsets[i], batch.type_ids + begin, bytes);
    offsets[i + 1] = offsets[i] + length;
  }
  return {ids, offsets, types, tokens, count};
}

}  // namespace

PrefixCache::PrefixCache(int64_t texts, size_t bytes) : size_(texts) {
  const size_t table = static_cast<size_t>(texts) * sizeof(Rows);
  ADAPTUNE_CHECK(bytes >= table, E_ARGUMENT, "expected at least %zu bytes for %lld texts but received %zu",
                 table, Long{texts}, bytes);
  capacity_ = static_cast<int64_t>((bytes - table) / sizeof(float));
  buffer_ = Buffer(bytes);
  clear();
}

void PrefixCache::clear() {
  for (int64_t text = 0; text < size_; ++text) kept(static_cast<int32_t>(text)) = {-1, 0};
  used_ = 0;
}

int64_t PrefixCache::enter(const Pass& pass, const int32_t* texts) {
  if (revision_ != pass.model.revision) clear();
  revision_ = pass.model.revision;
  Arena& arena = *pass.engine.activations;
  const ArenaScope scope(arena);
  const int64_t sequences = pass.batch.sequences;
  int32_t* missing = arena.take<int32_t>(sequences);
  int64_t misses = 0;
  for (int64_t b = 0; b < sequences; ++b) {
    ADAPTUNE_CHECK(texts[b] >= 0 && texts[b] < size_, E_ARGUMENT,
                   "expected texts in [0, %lld) but received %d at %lld", Long{size_}, texts[b], Long{b});
    const Rows from = kept(texts[b]);
    if (from.begin < 0) {
      missing[misses++] = static_cast<int32_t>(b);
      continue;
    }
    const Matrix to = rows_of(pass, b);
    ADAPTUNE_CHECK(from.count == to.rows, E_ARGUMENT,
                   "expected the %lld tokens that text %d had before but received %lld", Long{from.count},
                   texts[b], Long{to.rows});
    copy(floats() + from.begin, to.rows * to.cols, to.f32());
  }
  if (misses == 0) return sequences;

  const Matrix states = prefix_forward(pass, part_of(pass.batch, missing, misses, arena));
  const float* from = states.f32();
  for (int64_t i = 0; i < misses; ++i) {
    const Matrix to = rows_of(pass, missing[i]);
    const int64_t count = to.rows * to.cols;
    Rows& place = kept(texts[missing[i]]);
    copy(from, count, to.f32());
    if (place.begin < 0 && count <= capacity_ - used_) {
      copy(from, count, floats() + used_);
      place = {used_, to.rows};
      used_ += count;
    }
    from += count;
  }
  return sequences - misses;
}

}  // namespace adaptune
