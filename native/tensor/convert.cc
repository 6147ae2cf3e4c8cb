#include "tensor/convert.h"

#include <bit>
#include <cstring>

namespace adaptune {
namespace {

template <class T>
T load(const void* values, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(values) + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

// IEEE binary16. A subnormal is mantissa * 2^-24, exact in float.
float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, exponent = half >> 10 & 0x1Fu,
                 mantissa = half & 0x3FFu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const uint32_t biased = exponent == 0x1F ? 0xFF : exponent + (127 - 15);
  return std::bit_cast<float>(sign | biased << 23 | mantissa << 13);
}

// Not finite: all exponent bits are set.
bool finite(DType dtype, const void* values, int64_t index) {
  if (dtype == DType::kF32) return (load<uint32_t>(values, index) & 0x7F800000u) != 0x7F800000u;
  const uint16_t exponent = dtype == DType::kF16 ? 0x7C00 : 0x7F80;
  return (load<uint16_t>(values, index) & exponent) != exponent;
}

}  // namespace

int64_t first_non_finite(DType dtype, const void* values, int64_t count) {
  int64_t index = 0;
  while (index < count && finite(dtype, values, index)) ++index;
  return index;
}

void to_float(DType dtype, const void* values, int64_t count, float* out) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, values, static_cast<size_t>(count) * sizeof(float));
      return;
    case DType::kF16:
      for (int64_t i = 0; i < count; ++i) out[i] = from_half(load<uint16_t>(values, i));
      return;
    case DType::kBF16:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = std::bit_cast<float>(static_cast<uint32_t>(load<uint16_t>(values, i)) << 16);
      }
      return;
    case DType::kI32:
    case DType::kF64:
      return;  // no weights are stored so
  }
}

}  // namespace adaptune
