// Table rows summed per token, their gradients, and rows gathered by index. Memory decides; each gradient row
// belongs to one task, which adds its tokens in ascending order.
#include "cpu/ops_cpu.h"

namespace adaptune::cpu {
namespace {

constexpr int64_t kTokens = 32, kColumns = 64;

// Token t of id `id` as one number: sorted, they give the tokens of each id together and ascending.
constexpr uint64_t key_of(int32_t id, int64_t t) {
  return static_cast<uint64_t>(id) << 32 | static_cast<uint64_t>(t);
}

void word_gradient(const Context& context, const EmbedBwdArgs& a) {
  const int64_t tokens = a.offsets[a.sequences];
  uint64_t* keys = context.scratch->take<uint64_t>(tokens);
  int64_t* runs = context.scratch->take<int64_t>(tokens + 1);  // where each id starts
  int64_t count = 0, run = 0;
  for (int64_t t = 0; t < tokens; ++t)
    if (a.ids[t] >= a.first_row) keys[count++] = key_of(a.ids[t], t);
  std::sort(keys, keys + count);
  for (int64_t i = 0; i < count; ++i)
    if (i == 0 || keys[i] >> 32 != keys[i - 1] >> 32) runs[run++] = i;
  runs[run] = count;
  const IsaTable& isa = isa_of(context);
  for_pieces(context, run, 8, [&](int64_t first, int64_t n, int) {
    for (int64_t r = first; r < first + n; ++r) {
      float* row = a.dword.f32() + (static_cast<int64_t>(keys[runs[r]] >> 32) - a.first_row) * a.dword.ld;
      for (int64_t i = runs[r]; i < runs[r + 1]; ++i)
        isa.add_rows(row, a.dx.f32() + static_cast<int64_t>(keys[i] & 0xFFFFFFFFu) * a.dx.ld, nullptr,
                     a.dx.cols, row);
    }
  });
}

void position_gradient(const Context& context, const EmbedBwdArgs& a) {
  const IsaTable& isa = isa_of(context);
  int64_t longest = 0;
  for (int64_t s = 0; s < a.sequences; ++s)
    longest = std::max<int64_t>(longest, a.offsets[s + 1] - a.offsets[s]);
  for_pieces(context, longest, 8, [&](int64_t first, int64_t n, int) {
    for (int64_t p = first; p < first + n; ++p) {
      float* row = a.dposition.f32() + p * a.dposition.ld;
      for (int64_t s = 0; s < a.sequences; ++s)
        if (p < a.offsets[s + 1] - a.offsets[s])
          isa.add_rows(row, a.dx.f32() + (a.offsets[s] + p) * a.dx.ld, nullptr, a.dx.cols, row);
    }
  });
}

// Every token adds to one of very few rows, so the sums run in fp64.
void type_gradient(const Context& context, const EmbedBwdArgs& a) {
  const int64_t tokens = a.offsets[a.sequences], types = a.dtype.rows;
  double* own = context.scratch->take<double>(context.pool->size() * types * kColumns);
  for_pieces(context, a.dx.cols, kColumns, [&](int64_t first, int64_t n, int worker) {
    double* sums = own + worker * types * kColumns;
    std::fill(sums, sums + types * kColumns, 0.0);
    for (int64_t t = 0; t < tokens; ++t) {
      const float* dx = a.dx.f32() + t * a.dx.ld + first;
      double* sum = sums + (a.type_ids ? a.type_ids[t] : 0) * kColumns;
      for (int64_t c = 0; c < n; ++c) sum[c] += static_cast<double>(dx[c]);
    }
    for (int64_t type = 0; type < types; ++type) {
      float* out = a.dtype.f32() + type * a.dtype.ld + first;
      for (int64_t c = 0; c < n; ++c)
        out[c] = static_cast<float>(static_cast<double>(out[c]) + sums[type * kColumns + c]);
    }
  });
}

}  // namespace

void embed_fwd(const Context& context, const EmbedArgs& a) {
  const IsaTable& isa = isa_of(context);
  for_pieces(context, a.offsets[a.sequences], kTokens, [&](int64_t first, int64_t n, int) {
    const int32_t* end =
        std::upper_bound(a.offsets, a.offsets + a.sequences + 1, static_cast<int32_t>(first));
    for (int64_t t = first; t < first + n; ++t) {
      while (t >= *end) ++end;
      const float* word = a.word.f32() + a.ids[t] * a.word.ld;
      const float* position = a.position.f32() + (t - end[-1]) * a.position.ld;
      const float* type = a.type.f32() + (a.type_ids ? a.type_ids[t] : 0) * a.type.ld;
      isa.add_rows(word, position, type, a.out.cols, a.out.f32() + t * a.out.ld);
    }
  });
}

void embed_bwd(const Context& context, const EmbedBwdArgs& a) {
  ArenaScope scope(*context.scratch);
  if (a.dword) word_gradient(context, a);
  if (a.dposition) position_gradient(context, a);
  if (a.dtype) type_gradient(context, a);
}

void gather_rows(const Context& context, const GatherRowsArgs& a) {
  const IsaTable& isa = isa_of(context);
  for_pieces(context, a.y.rows, kTokens, [&](int64_t first, int64_t n, int) {
    for (int64_t r = first; r < first + n; ++r) {
      float* x = a.x.f32() + a.index[r] * a.x.ld;
      float* y = a.y.f32() + r * a.y.ld;
      if (a.add_back) {
        isa.add_rows(x, y, nullptr, a.y.cols, x);
      } else {
        std::copy(x, x + a.y.cols, y);
      }
    }
  });
}

}  // namespace adaptune::cpu
