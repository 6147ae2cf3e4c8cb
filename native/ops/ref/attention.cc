// S = scale Q K^T, P = softmax(S), O = (M P) V with M the dropout mask; backward from the saved log-sum-exp:
// P = exp(S - lse), dP = M (dO V^T), dS = P (dP - sum_j P dP), dQ = scale dS K, dK = scale dS^T Q, dV = (M
// P)^T dO.
#include <algorithm>
#include <cmath>

#include "ops/ref/ref.h"

namespace adaptune::ref {
namespace {

// One head of one sequence: where its rows lie and how its probabilities are masked.
struct Head {
  const AttentionArgs& a;
  int64_t begin, length, head, element;  // element: dropout index of (i, j) = (0, 0), in the piece

  int64_t query_column() const { return head * a.head_width; }
  int64_t key_column() const { return (a.heads + head / (a.heads / a.kv_heads)) * a.head_width; }
  int64_t value_column() const { return key_column() + a.kv_heads * a.head_width; }

  double score(int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t d = 0; d < a.head_width; ++d)
      sum += double(at(a.qkv, begin + i, query_column() + d)) * at(a.qkv, begin + j, key_column() + d);
    return sum * a.scale;
  }
  double mask(int64_t i, int64_t j) const { return dropout_factor(a.dropout, element + i * length + j); }
};

template <class F>
void for_each_head(const AttentionArgs& a, F&& body) {
  int64_t squares = 0, before = 0;
  for (int64_t s = 0; s < a.sequences; ++s) {
    const int64_t length = a.offsets[s + 1] - a.offsets[s];
    squares += length * length;
  }
  if (a.dropout.head_elements) squares = a.dropout.head_elements;
  for (int64_t s = 0; s < a.sequences; ++s) {
    const int64_t begin = a.offsets[s], length = a.offsets[s + 1] - begin;
    for (int64_t h = 0; h < a.heads; ++h) body(Head{a, begin, length, h, h * squares + before});
    before += length * length;
  }
}

void forward(const Head& head, double* scores) {
  const AttentionArgs& a = head.a;
  for (int64_t i = 0; i < head.length; ++i) {
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < head.length; ++j) largest = std::fmax(largest, scores[j] = head.score(i, j));
    for (int64_t j = 0; j < head.length; ++j) sum += std::exp(scores[j] - largest);
    const double lse = largest + std::log(sum);
    if (a.lse) a.lse[head.head * a.qkv.rows + head.begin + i] = static_cast<float>(lse);
    for (int64_t d = 0; d < a.head_width; ++d) {
      double out = 0;
      for (int64_t j = 0; j < head.length; ++j)
        out +=
            std::exp(scores[j] - lse) * head.mask(i, j) * at(a.qkv, head.begin + j, head.value_column() + d);
      at(a.out, head.begin + i, head.query_column() + d) = static_cast<float>(out);
    }
  }
}

// Adds what row i of S contributes to sums [T, dqkv.cols].
void backward_row(const Head& head, const AttentionBwdArgs& b, int64_t i, double* sums) {
  const AttentionArgs& a = head.a;
  const int64_t row = head.begin + i, width = a.head_width, cols = b.dqkv.cols;
  double mean = 0;  // sum_j P dP = dO . O
  for (int64_t d = 0; d < width; ++d)
    mean += double(at(b.dout, row, head.query_column() + d)) * at(a.out, row, head.query_column() + d);
  for (int64_t j = 0; j < head.length; ++j) {
    const int64_t other = head.begin + j;
    const double p = std::exp(head.score(i, j) - a.lse[head.head * a.qkv.rows + row]), mask = head.mask(i, j);
    double dp = 0;
    for (int64_t d = 0; d < width; ++d)
      dp += double(at(b.dout, row, head.query_column() + d)) * at(a.qkv, other, head.value_column() + d);
    const double ds = p * (dp * mask - mean) * a.scale;
    for (int64_t d = 0; d < width; ++d) {
      const int64_t q = head.query_column() + d, k = head.key_column() + d, v = head.value_column() + d;
      sums[row * cols + q] += ds * at(a.qkv, other, k);
      sums[other * cols + k] += ds * at(a.qkv, row, q);
      sums[other * cols + v] += p * mask * at(b.dout, row, q);
    }
  }
}

}  // namespace

void attention_fwd(const Context& context, const AttentionArgs& a) {
  const ArenaScope scope(*context.scratch);
  double* scores = context.scratch->take<double>(a.qkv.rows);
  for_each_head(a, [&](const Head& head) { forward(head, scores); });
}

void attention_bwd(const Context& context, const AttentionBwdArgs& b) {
  const ArenaScope scope(*context.scratch);
  double* sums = context.scratch->take<double>(b.dqkv.rows * b.dqkv.cols);
  std::fill_n(sums, b.dqkv.rows * b.dqkv.cols, 0.0);
  for_each_head(b.fwd, [&](const Head& head) {
    for (int64_t i = 0; i < head.length; ++i) backward_row(head, b, i, sums);
  });
  for (int64_t row = 0; row < b.dqkv.rows; ++row)
    for (int64_t col = 0; col < b.dqkv.cols; ++col)
      at(b.dqkv, row, col) = static_cast<float>(sums[row * b.dqkv.cols + col]);
}

}  // namespace adaptune::ref
