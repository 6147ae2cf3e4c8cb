// One-pass moments: Welford (1962) for one value, Chan, Golub and LeVeque (1983) for merging two sets.
#pragma once
#include "ops/ops.h"

namespace adaptune {

inline void add_value(Moments& m, double x) {
  m.count += 1;
  const double delta = x - m.mean;
  m.mean += delta / m.count;
  m.m2 += delta * (x - m.mean);
}

inline void merge(Moments& into, const Moments& from) {
  if (from.count == 0) return;
  if (into.count == 0) {
    into = from;
    return;
  }
  const double count = into.count + from.count, delta = from.mean - into.mean;
  into.mean += delta * (from.count / count);
  into.m2 += from.m2 + delta * delta * (into.count * from.count / count);
  into.count = count;
}

inline double variance(const Moments& m) { return m.count == 0 ? 0 : m.m2 / m.count; }  // of the population

}  // namespace adaptune
