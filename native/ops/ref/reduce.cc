// Dropout, loss, the reductions over rows, columns and all, and the loop of multiply-adds.
#include <cmath>

#include "ops/dropout.h"
#include "ops/moments.h"
#include "ops/ref/ref.h"

namespace adaptune::ref {

double dropout_factor(const Dropout& d, int64_t element) {
  if (d.p == 0) return 1;
  return dropout_keeps(d, element) ? 1 / (1 - double(d.p)) : 0;
}

void dropout(const Context&, const DropoutArgs& a) {
  for (int64_t t = 0; t < a.x.rows; ++t)
    for (int64_t c = 0; c < a.x.cols; ++c) {
      const double v = at(a.x, t, c) * dropout_factor(a.dropout, t * a.x.cols + c);
      at(a.y, t, c) = static_cast<float>(a.add ? at(a.y, t, c) + v : v);
    }
}

void loss(const Context&, const LossArgs& a) {
  double total = 0;
  for (int64_t b = 0; b < a.logits.rows; ++b) {
    const double weight = a.scale * (a.weights ? a.weights[b] : 1.0f);
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < a.logits.cols; ++c) largest = std::fmax(largest, at(a.logits, b, c));
    for (int64_t c = 0; c < a.logits.cols; ++c) sum += std::exp(at(a.logits, b, c) - largest);
    const double lse = largest + std::log(sum);
    total += weight * (lse - at(a.logits, b, a.labels[b]));
    if (!a.dlogits) continue;
    for (int64_t c = 0; c < a.logits.cols; ++c) {
      const double p = std::exp(at(a.logits, b, c) - lse);
      at(a.dlogits, b, c) = static_cast<float>(weight * (p - (c == a.labels[b] ? 1 : 0)));
    }
  }
  *a.loss += total;
}

void column_sum(const Context&, const ColumnSumArgs& a) {
  for (int64_t j = 0; j < a.count; ++j) {
    double sum = 0;
    for (int64_t t = 0; t < a.x.rows; ++t) sum += at(a.x, t, a.columns ? a.columns[j] : j);
    a.out[j] = static_cast<float>(a.out[j] + sum);
  }
}

void sum_squares(const Context&, const SumSquaresArgs& a) {
  for (int64_t t = 0; t < a.x.rows; ++t) {
    for (int64_t c = 0; c < a.x.cols; ++c) {
      const int64_t place = a.axis == Axis::kAll ? 0 : a.axis == Axis::kRows ? t : c;
      a.out[place] += double(at(a.x, t, c)) * at(a.x, t, c);
    }
  }
}

void moments(const Context&, const MomentsArgs& a) {
  for (int64_t unit = 0; unit < a.x.cols / a.group; ++unit) {
    for (int64_t begin = 0; begin < a.x.rows; begin += kRowBlock) {
      Moments block;
      for (int64_t t = begin; t < a.x.rows && t < begin + kRowBlock; ++t) {
        double value = at(a.x, t, unit * a.group);
        if (a.group > 1) {
          value = 0;
          for (int64_t c = 0; c < a.group; ++c)
            value += double(at(a.x, t, unit * a.group + c)) * at(a.x, t, unit * a.group + c);
          value = std::sqrt(value);
        } else if (a.form == MomentForm::kAbs) {
          value = std::fabs(value);
        }
        add_value(block, value);
      }
      merge(a.moments[unit], block);
    }
  }
}

void multiply_add(const Context&, const MultiplyAddArgs& a) {
  double sum = 0;
  for (int64_t chain = 0; chain < kMultiplyAddChains; ++chain) {
    float x = static_cast<float>(chain);
    for (int64_t step = 0; step < a.steps; ++step) x = std::fma(x, 0.999f, 0.001f);
    sum += x;
  }
  *a.mean = sum / kMultiplyAddChains;
  *a.flops = 2.0 * static_cast<double>(a.steps * kMultiplyAddChains);
}

}  // namespace adaptune::ref
