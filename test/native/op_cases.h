// One list of op cases: every op over shapes that meet the edges of tiles, vectors, row blocks and runs of
// kc, strided and aliased as ops.h allows. A case runs on any op table and returns what the op wrote.
#pragma once
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.h"
#include "ops/ops.h"

namespace adaptune::test {

// Counter-based, so a case sees the same numbers on every backend.
class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}
  double uniform() {
    if (next_ == 4) words_ = philox4x32(seed_, count_++, 0, 0, 0), next_ = 0;
    return (words_.x[next_++] >> 8) * 0x1p-24;
  }
  float normal() {
    return static_cast<float>(std::sqrt(-2 * std::log(1 - uniform())) * std::cos(2 * M_PI * uniform()));
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(uniform() * static_cast<double>(n)); }

 private:
  uint64_t seed_;
  uint32_t count_ = 0;
  int next_ = 4;
  Philox4 words_ = {};
};

// A strided matrix in its own memory; what lies between its rows must never change.
class Tensor {
 public:
  Tensor(int64_t rows, int64_t cols, int64_t gap = 0)
      : rows_(rows), cols_(cols), ld_(cols + gap), data_(static_cast<size_t>(rows * ld_), kUntouched) {}
  Tensor& randomize(Random& random, float deviation = 1) {
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t c = 0; c < cols_; ++c) at(r, c) = deviation * random.normal();
    return *this;
  }
  float& at(int64_t r, int64_t c) { return data_[static_cast<size_t>(r * ld_ + c)]; }
  Matrix view() { return matrix(data_.data(), rows_, cols_, ld_); }
  operator Matrix() { return view(); }
  float* data() { return data_.data(); }
  std::vector<double> values() {
    std::vector<double> out;
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t c = 0; c < cols_; ++c) out.push_back(at(r, c));
      for (int64_t c = cols_; c < ld_; ++c)
        if (at(r, c) != kUntouched)
          out.push_back(INFINITY);  // written between the rows: no result compares equal
    }
    return out;
  }

 private:
  static constexpr float kUntouched = 12345.0f;
  int64_t rows_, cols_, ld_;
  std::vector<float> data_;
};

// What a case wrote. The tolerance on ||got - expected|| is 2^-24 factor ||expected||, factor = 4 + 2
// sqrt(depth): depth is the longest sum behind one value, and rounding errors of a sum of n terms add up like
// a random walk.
struct Result {
  std::string name;
  std::vector<double> values;
  double depth;
};

struct Case {
  std::string name;
  std::function<std::vector<Result>(const Ops&, const Context&)> run;
};

std::vector<Case> op_cases();

}  // namespace adaptune::test
