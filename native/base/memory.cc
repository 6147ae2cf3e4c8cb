#include "base/memory.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/os.h"

// In a sanitized build, what nobody asked for cannot be touched: padding, the rest of an arena, the line
// between two pieces of it.
#ifdef ADAPTUNE_SANITIZE
#include <sanitizer/asan_interface.h>
constexpr size_t kRedZone = 64;
#else
constexpr size_t kRedZone = 0;
#define ASAN_POISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#endif

namespace adaptune {
namespace {

// Constant-initialised and trivially destroyed: usable before main and while the process exits.
std::atomic<uint64_t> live{0}, peak{0}, count{0};
std::atomic<uint64_t> fault_at{0};  // value of `count` that fails; 0: none
std::atomic<bool> fault_always{false};

std::atomic<uint64_t> ceiling{0};  // 0: not read yet
std::atomic<uint64_t> foreign{0};  // resident when it was read: the host's own, before ours

constexpr uint64_t kLarge = uint64_t{1}
                            << 20;  // from here on the process' size is looked up, which takes 10 us

// What malloc frees stays in the process more often than not. A sanitizer only knows what malloc gave.
constexpr size_t kPaged = kRedZone ? SIZE_MAX : kLarge;

constexpr size_t kFirstChunk = size_t{256} << 10;

size_t round_up(size_t bytes) { return (bytes + kAlignment - 1) & ~(kAlignment - 1); }

// What this machine or container has at most. Linux grants more and kills the process when it is used.
uint64_t most() {
  uint64_t bytes = ceiling.load(std::memory_order_relaxed);
  if (bytes == 0) {
    const int64_t limit = container_limits("").memory, total = memory_total();
    bytes = static_cast<uint64_t>(limit >= 0 && limit < total ? limit : total);
    foreign.store(static_cast<uint64_t>(memory_resident()), std::memory_order_relaxed);
    ceiling.store(bytes, std::memory_order_relaxed);
  }
  return bytes;
}

// What this process will have taken once it has touched what is ours; of the host's, what is known.
uint64_t taken(uint64_t more) {
  const uint64_t ours = live.load(std::memory_order_relaxed);
  if (more < kLarge) return ours;
  return std::max(ours + foreign.load(std::memory_order_relaxed), static_cast<uint64_t>(memory_resident()));
}

bool faulted(uint64_t number) {
  const uint64_t at = fault_at.load(std::memory_order_relaxed);
  return at != 0 && (number == at || (number > at && fault_always.load(std::memory_order_relaxed)));
}

[[noreturn]] void refused(size_t bytes) {
  constexpr double kMebi = 1048576;
  fail(Code::E_MEMORY,
       "expected %.1f MiB of memory beside the %.1f MiB in use, of %.0f MiB that this machine or container "
       "has: lower the batch size, the maximum length or the number of threads",
       static_cast<double>(bytes) / kMebi, static_cast<double>(taken(bytes)) / kMebi,
       static_cast<double>(most()) / kMebi);
}

}  // namespace

void expect_memory(size_t bytes) {
  const uint64_t limit = most();
  if (bytes > limit || taken(bytes) + bytes > limit) refused(bytes);
}

void* allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  const uint64_t number = count.fetch_add(1, std::memory_order_relaxed) + 1;
  if (bytes > PTRDIFF_MAX - kAlignment || faulted(number)) refused(bytes);
  expect_memory(bytes);
  void* ptr = bytes >= kPaged ? map_pages(bytes) : std::aligned_alloc(kAlignment, round_up(bytes));
  if (ptr == nullptr) refused(bytes);
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(ptr) + bytes, round_up(bytes) - bytes);
  const uint64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  uint64_t highest = peak.load(std::memory_order_relaxed);
  while (now > highest && !peak.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
  }
  return ptr;
}

void release(void* ptr, size_t bytes) noexcept {
  if (ptr == nullptr) return;
  live.fetch_sub(bytes, std::memory_order_relaxed);
  if (bytes >= kPaged)
    unmap_pages(ptr, bytes);
  else
    std::free(ptr);
}

MemoryStats memory_stats() noexcept { return {live.load(), peak.load(), count.load()}; }

void fail_allocation(uint64_t k, bool always) noexcept {
  fault_always.store(always);
  fault_at.store(k == 0 ? 0 : count.load() + k);
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release(ptr_, bytes_);
    ptr_ = other.ptr_, bytes_ = other.bytes_;
    other.ptr_ = nullptr, other.bytes_ = 0;
  }
  return *this;
}

Arena::~Arena() { release(); }

size_t Arena::footprint(size_t bytes) { return round_up(bytes) + kRedZone; }

void Arena::release() {
  for (int i = 0; i < count_; ++i) adaptune::release(chunks_[i].data, chunks_[i].bytes);
  count_ = current_ = 0;
  in_use_ = most_ = 0;
}

void* Arena::take_bytes(size_t bytes) {
  if (bytes > PTRDIFF_MAX - kAlignment - kRedZone) refused(bytes);
  const size_t need = footprint(bytes);
  for (; current_ < count_; ++current_) {
    Chunk& chunk = chunks_[current_];
    if (chunk.bytes - chunk.used >= need) {
      void* ptr = chunk.data + chunk.used;
      chunk.used += need;
      in_use_ += need, most_ = std::max(most_, in_use_);
      ASAN_UNPOISON_MEMORY_REGION(ptr, bytes);
      return ptr;
    }
    if (current_ + 1 == count_) break;  // stay in the last chunk until a further one is there
  }
  ADAPTUNE_CHECK(count_ < kMaxChunks, E_MEMORY, "expected at most %d chunks in an arena", kMaxChunks);
  const size_t size = std::max({need, capacity() / 4, kFirstChunk});
  chunks_[count_] = {static_cast<char*>(allocate(size)), size, need};
  current_ = count_++;
  in_use_ += need, most_ = std::max(most_, in_use_);
  ASAN_POISON_MEMORY_REGION(chunks_[current_].data + bytes, size - bytes);
  return chunks_[current_].data;
}

Arena::Mark Arena::mark() const { return {current_, count_ ? chunks_[current_].used : 0, in_use_}; }

void Arena::rewind(Mark mark) {
  for (int i = mark.chunk + 1; i < count_; ++i) chunks_[i].used = 0;
  if (count_) chunks_[mark.chunk].used = mark.used;
  for (int i = mark.chunk; i < count_; ++i) {
    ASAN_POISON_MEMORY_REGION(chunks_[i].data + chunks_[i].used, chunks_[i].bytes - chunks_[i].used);
  }
  current_ = mark.chunk;
  in_use_ = mark.in_use;
}

void Arena::reset() { reset(0); }

void Arena::reset(size_t bytes) {
  const size_t size = std::max(bytes, most_);
  if (count_ > 1 || capacity() < size) {
    release();
    // When this throws the arena is empty and usable.
    chunks_[0] = {static_cast<char*>(allocate(size)), size, 0};
    count_ = 1, most_ = size;
  }
  rewind({0, 0, 0});
}

size_t Arena::capacity() const {
  size_t total = 0;
  for (int i = 0; i < count_; ++i) total += chunks_[i].bytes;
  return total;
}

}  // namespace adaptune
