// Philox4x32-10 (Salmon et al. 2011), counter-based: key = seed, counter = (element / 4, site, step, stream).
// The same vectors are tested in TypeScript (lib/util/philox.ts) and here.
#pragma once
#include <cstdint>

namespace adaptune {

enum class Stream : uint32_t {
  kInit = 0,
  kSplit = 1,
  kOrder = 2,
  kCalibration = 3,
  kDropout = 4,
  kSample = 5
};

struct Philox4 {
  uint32_t x[4];
};

inline Philox4 philox4x32(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0, p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0,
                   n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1), c3 = static_cast<uint32_t>(p0), c0 = n0, c2 = n2;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace adaptune
