// Embedding lookup and its transpose; rows gathered from and added back to a matrix.
#include <algorithm>

#include "ops/ref/ref.h"

namespace adaptune::ref {
namespace {

// body(t, position in its sequence)
template <class F>
void for_each_token(const int32_t* offsets, int64_t sequences, F&& body) {
  for (int64_t s = 0; s < sequences; ++s)
    for (int64_t t = offsets[s]; t < offsets[s + 1]; ++t) body(t, t - offsets[s]);
}

// table[key[t]] += dx[t] for all t with key[t] >= 0; each row's sum is taken in double at its first token.
void add_rows(const Matrix& table, const int32_t* key, const Matrix& dx) {
  for (int64_t t = 0; t < dx.rows; ++t) {
    if (key[t] < 0 || std::find(key, key + t, key[t]) != key + t) continue;
    for (int64_t c = 0; c < dx.cols; ++c) {
      double sum = at(table, key[t], c);
      for (int64_t other = t; other < dx.rows; ++other)
        if (key[other] == key[t]) sum += at(dx, other, c);
      at(table, key[t], c) = static_cast<float>(sum);
    }
  }
}

}  // namespace

void embed_fwd(const Context&, const EmbedArgs& a) {
  for_each_token(a.offsets, a.sequences, [&](int64_t t, int64_t position) {
    const int64_t type = a.type_ids ? a.type_ids[t] : 0;
    for (int64_t c = 0; c < a.out.cols; ++c)
      at(a.out, t, c) = at(a.word, a.ids[t], c) + at(a.position, position, c) + at(a.type, type, c);
  });
}

void embed_bwd(const Context& context, const EmbedBwdArgs& a) {
  const ArenaScope scope(*context.scratch);
  int32_t* key = context.scratch->take<int32_t>(a.dx.rows);
  const auto add = [&](const Matrix& table, auto&& row_of) {
    if (!table) return;
    for_each_token(a.offsets, a.sequences,
                   [&](int64_t t, int64_t position) { key[t] = static_cast<int32_t>(row_of(t, position)); });
    add_rows(table, key, a.dx);
  };
  add(a.dword, [&](int64_t t, int64_t) { return a.ids[t] - a.first_row; });
  add(a.dposition, [&](int64_t, int64_t position) { return position; });
  add(a.dtype, [&](int64_t t, int64_t) { return a.type_ids ? a.type_ids[t] : 0; });
}

void gather_rows(const Context&, const GatherRowsArgs& a) {
  for (int64_t r = 0; r < a.y.rows; ++r) {
    for (int64_t c = 0; c < a.y.cols; ++c) {
      if (a.add_back)
        at(a.x, a.index[r], c) += at(a.y, r, c);
      else
        at(a.y, r, c) = at(a.x, a.index[r], c);
    }
  }
}

}  // namespace adaptune::ref
