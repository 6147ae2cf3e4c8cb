// Views of memory that somebody else owns.
#pragma once
#include <cstdint>

namespace adaptune {

enum class DType : uint8_t { kF32, kBF16, kF16, kI32, kF64 };

constexpr int64_t dtype_bytes(DType t) {
  return t == DType::kF64 ? 8 : (t == DType::kF32 || t == DType::kI32) ? 4 : 2;
}

// Row-major matrix; ld >= cols, in elements. ptr == nullptr means "absent" where an op says that it may be.
struct Matrix {
  void* ptr = nullptr;
  int64_t rows = 0, cols = 0, ld = 0;
  DType dtype = DType::kF32;

  float* f32() const { return static_cast<float*>(ptr); }
  explicit operator bool() const { return ptr != nullptr; }
};

inline Matrix matrix(float* ptr, int64_t rows, int64_t cols) { return {ptr, rows, cols, cols, DType::kF32}; }
inline Matrix matrix(float* ptr, int64_t rows, int64_t cols, int64_t ld) {
  return {ptr, rows, cols, ld, DType::kF32};
}
// Columns [first, first + count) of m.
inline Matrix columns(const Matrix& m, int64_t first, int64_t count) {
  return {static_cast<char*>(m.ptr) + first * dtype_bytes(m.dtype), m.rows, count, m.ld, m.dtype};
}
inline Matrix rows(const Matrix& m, int64_t first, int64_t count) {
  return {static_cast<char*>(m.ptr) + first * m.ld * dtype_bytes(m.dtype), count, m.cols, m.ld, m.dtype};
}

}  // namespace adaptune
