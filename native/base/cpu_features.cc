#include "base/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif

namespace adaptune {

#if defined(__x86_64__)

namespace {

// XCR0: which register files the operating system saves at a context switch (Intel SDM vol. 1, 13.3). The
// instruction is written out so that this file needs no -mxsave.
uint64_t xcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

constexpr uint64_t kYmm = 1u << 1 | 1u << 2;                   // SSE and AVX state
constexpr uint64_t kZmm = kYmm | 1u << 5 | 1u << 6 | 1u << 7;  // mask registers, zmm0-15, zmm16-31

bool has(uint32_t word, unsigned bit) { return word >> bit & 1u; }

}  // namespace

CpuFeatures cpu_features() noexcept {
  CpuFeatures features;
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return features;
  const bool fma = has(c, 12), osxsave = has(c, 27), avx = has(c, 28);
  if (!osxsave || !avx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
  const uint64_t saved = xcr0();
  features.avx2 = fma && has(b, 5) && (saved & kYmm) == kYmm;
  const bool f = has(b, 16), dq = has(b, 17), bw = has(b, 30), vl = has(b, 31);
  features.avx512 = features.avx2 && f && dq && bw && vl && (saved & kZmm) == kZmm;
  return features;
}

void flush_denormals() noexcept { _mm_setcsr(_mm_getcsr() | 0x8040u); }  // MXCSR: FTZ is bit 15, DAZ bit 6

#else

CpuFeatures cpu_features() noexcept { return {}; }

void flush_denormals() noexcept {
#if defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | uint64_t{1} << 24));  // FZ
#endif
}

#endif

}  // namespace adaptune
