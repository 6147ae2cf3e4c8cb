// What this processor and its operating system can run, and the floating-point mode of our threads.
#pragma once

namespace adaptune {

struct CpuFeatures {
  bool avx2 = false;    // AVX2 and FMA, ymm registers saved by the OS
  bool avx512 = false;  // AVX-512 F, BW, DQ and VL besides, zmm and mask registers saved by the OS
};
CpuFeatures cpu_features() noexcept;

// Denormal inputs and results count as zero on the calling thread from now on. Only for threads that we
// started: on the JavaScript thread it would change JavaScript arithmetic.
void flush_denormals() noexcept;

}  // namespace adaptune
