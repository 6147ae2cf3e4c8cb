// Cuts attention into tasks: forward by (block of queries, head), backward by (sequence, key/value head),
// whose dK and dV sum over all its queries.
#include "cpu/ops_cpu.h"

namespace adaptune::cpu {
namespace {

constexpr int64_t kQueries = 128;        // of a forward task; it transposes K of its sequence again
constexpr int64_t kTasksPerThread = 12;  // at least, else a task takes several heads

struct Block {
  int64_t sequence, first, count;
};

struct Geometry {
  int64_t tokens, longest;
  int64_t elements;       // dropout elements of one head of the batch: sum of squared lengths
  uint64_t* elements_to;  // [sequences] the same sum before each sequence
};

Geometry geometry(const Context& context, const AttentionArgs& a) {
  ADAPTUNE_CHECK(a.scale > 0, E_INTERNAL, "attention: expected a positive scale but received %g",
                 double(a.scale));
  Geometry g = {a.offsets[a.sequences], 0, 0, context.scratch->take<uint64_t>(a.sequences)};
  int64_t elements = a.dropout.first;
  for (int64_t s = 0; s < a.sequences; ++s) {
    const int64_t length = a.offsets[s + 1] - a.offsets[s];
    g.elements_to[s] = static_cast<uint64_t>(elements);
    elements += length * length, g.longest = std::max(g.longest, length);
  }
  g.elements = a.dropout.head_elements ? a.dropout.head_elements : elements - a.dropout.first;
  return g;
}

}  // namespace

void attention_fwd(const Context& context, const AttentionArgs& a) {
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const Geometry geo = geometry(context, a);
  int64_t blocks = 0;
  for (int64_t s = 0; s < a.sequences; ++s) blocks += ceil_div(a.offsets[s + 1] - a.offsets[s], kQueries);
  Block* block = context.scratch->take<Block>(blocks);
  blocks = 0;
  for (int64_t s = 0; s < a.sequences; ++s) {
    const int64_t length = a.offsets[s + 1] - a.offsets[s];
    for (int64_t first = 0; first < length; first += kQueries)
      block[blocks++] = {s, first, std::min(kQueries, length - first)};
  }
  const int64_t scratch_floats = isa.attention_fwd_scratch(geo.longest, a.head_width);
  float* scratch = context.scratch->take<float>(context.pool->size() * scratch_floats);
  const Keep keep = keep_of(a.dropout);

  const int64_t threads = context.pool->size();
  const int64_t run = std::clamp<int64_t>(blocks * a.heads / (kTasksPerThread * threads), 1, a.heads);
  const int64_t runs = ceil_div(a.heads, run);
  context.pool->parallel(blocks * runs, [&](int64_t index, int worker) {
    const Block& b = block[index / runs];
    const int64_t first = index % runs * run, last = std::min(first + run, a.heads);
    const int64_t start = a.offsets[b.sequence];
    const float* row = a.qkv.f32() + start * a.qkv.ld;
    for (int64_t head = first; head < last; ++head) {
      const int64_t kv_head = head / (a.heads / a.kv_heads);
      AttentionRows task = {};
      task.q = row + head * a.head_width;
      task.k = row + (a.heads + kv_head) * a.head_width;
      task.v = row + (a.heads + a.kv_heads + kv_head) * a.head_width;
      task.out = a.out.f32() + start * a.out.ld + head * a.head_width;
      task.lse = a.lse ? a.lse + head * geo.tokens + start : nullptr;
      task.ld = a.qkv.ld, task.ld_out = a.out.ld;
      task.length = a.offsets[b.sequence + 1] - start, task.head_width = a.head_width;
      task.first = b.first, task.count = b.count;
      task.scale = a.scale, task.next = head + 1 < last, task.keep = keep;
      task.first_element = static_cast<uint64_t>(head * geo.elements) + geo.elements_to[b.sequence];
      task.scratch = scratch + worker * scratch_floats;
      isa.attention_fwd(task);
    }
  });
}

void attention_bwd(const Context& context, const AttentionBwdArgs& args) {
  const AttentionArgs& a = args.fwd;
  const IsaTable& isa = isa_of(context);
  ArenaScope scope(*context.scratch);
  const Geometry geo = geometry(context, a);
  const int64_t scratch_floats = isa.attention_bwd_scratch(geo.longest, a.head_width);
  float* scratch = context.scratch->take<float>(context.pool->size() * scratch_floats);
  const Keep keep = keep_of(a.dropout);

  context.pool->parallel(a.sequences * a.kv_heads, [&](int64_t index, int worker) {
    const int64_t s = index / a.kv_heads, kv_head = index % a.kv_heads, start = a.offsets[s];
    const int64_t group = a.heads / a.kv_heads, head = kv_head * group;
    const int64_t q_column = head * a.head_width, k_column = (a.heads + kv_head) * a.head_width;
    const int64_t v_column = k_column + a.kv_heads * a.head_width;
    const float* row = a.qkv.f32() + start * a.qkv.ld;
    float* gradient = args.dqkv.f32() + start * args.dqkv.ld;
    AttentionBwdHead task = {};
    task.q = row + q_column, task.k = row + k_column, task.v = row + v_column;
    task.out = a.out.f32() + start * a.out.ld + q_column;
    task.dout = args.dout.f32() + start * args.dout.ld + q_column;
    task.lse = a.lse + head * geo.tokens + start;
    task.dq = gradient + q_column, task.dk = gradient + k_column, task.dv = gradient + v_column;
    task.ld = a.qkv.ld, task.ld_out = a.out.ld, task.ld_dout = args.dout.ld, task.ld_dqkv = args.dqkv.ld;
    task.lse_stride = geo.tokens, task.element_stride = static_cast<uint64_t>(geo.elements);
    task.length = a.offsets[s + 1] - start, task.head_width = a.head_width, task.group = group;
    task.scale = a.scale, task.keep = keep;
    task.first_element = static_cast<uint64_t>(head * geo.elements) + geo.elements_to[s];
    task.scratch = scratch + worker * scratch_floats;
    isa.attention_bwd(task);
  });
}

}  // namespace adaptune::cpu
