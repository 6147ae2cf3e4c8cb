// The one door for native allocation: every byte that native code owns comes from allocate(), so that tests
// can count live bytes and fail the k-th allocation.
#pragma once
#include <cstddef>
#include <cstdint>

namespace adaptune {

constexpr size_t kAlignment = 64;  // one cache line, one AVX-512 vector

// 64-byte aligned, uninitialised. Throws Error{E_MEMORY} naming the size. bytes == 0 returns nullptr.
void* allocate(size_t bytes);
void release(void* ptr, size_t bytes) noexcept;

// Throws E_MEMORY when this machine or container has no room for so much more. Linux would grant it, and kill
// the process once it is used. For memory that others allocate; allocate() looks by itself.
void expect_memory(size_t bytes);

struct MemoryStats {
  uint64_t live_bytes, peak_bytes, allocations;
};
MemoryStats memory_stats() noexcept;
// Fault door: the k-th allocation from now (1-based) throws E_MEMORY, once or from then on; k = 0 switches
// off.
void fail_allocation(uint64_t k, bool always) noexcept;

// Owns one allocation; move-only.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes) : ptr_(allocate(bytes)), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept : ptr_(other.ptr_), bytes_(other.bytes_) {
    other.ptr_ = nullptr, other.bytes_ = 0;
  }
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { release(ptr_, bytes_); }
  void* data() const { return ptr_; }
  size_t bytes() const { return bytes_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(ptr_);
  }

 private:
  void* ptr_ = nullptr;
  size_t bytes_ = 0;
};

// Bump allocator for what lives as long as one step or one op. Chunks are kept, so that nothing is allocated
// once the largest step has been; whoever knows what a step takes reserves it as one chunk.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();
  void* take_bytes(size_t bytes);  // 64-byte aligned, uninitialised
  template <class T>
  T* take(int64_t count) {
    return static_cast<T*>(take_bytes(static_cast<size_t>(count) * sizeof(T)));
  }
  static size_t footprint(size_t bytes);  // that taking so many adds to what is used
  struct Mark {
    int chunk;
    size_t used, in_use;  // of the chunk; of all of them
  };
  Mark mark() const;
  void rewind(Mark mark);  // frees what was taken after mark
  void reset();            // frees all, and keeps one chunk of as much as was ever in use
  // The same, of at least so many bytes. Memory that is too small goes before the new one comes.
  void reset(size_t bytes);
  void release();  // gives the memory back
  size_t capacity() const;

 private:
  static constexpr int kMaxChunks = 64;  // each a quarter of what is there, or more
  struct Chunk {
    char* data;
    size_t bytes, used;
  } chunks_[kMaxChunks] = {};
  int count_ = 0, current_ = 0;
  size_t in_use_ = 0, most_ = 0;  // without what chunks have left over at their ends
};

// Rewinds an arena at scope exit.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), mark_(arena.mark()) {}
  ~ArenaScope() { arena_.rewind(mark_); }
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena& arena_;
  Arena::Mark mark_;
};

}  // namespace adaptune
