#include "op_cases.h"

#include <algorithm>
#include <numeric>

namespace adaptune::test {
namespace {

using Results = std::vector<Result>;

// n of [0, limit), ascending
std::vector<int32_t> choose(Random& random, int64_t n, int64_t limit) {
  std::vector<int32_t> all(static_cast<size_t>(limit));
  std::iota(all.begin(), all.end(), 0);
  for (int64_t i = 0; i < n; ++i) std::swap(all[i], all[i + random.below(limit - i)]);
  all.resize(static_cast<size_t>(n));
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<int32_t> offsets_of(const std::vector<int32_t>& lengths) {
  std::vector<int32_t> offsets = {0};
  for (int32_t length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

std::vector<double> flat(const std::vector<Moments>& moments) {
  std::vector<double> out;
  for (const Moments& m : moments) out.insert(out.end(), {m.count, m.mean, m.m2});
  return out;
}

struct Product {
  const char* name;
  int64_t m, n, k;
  int64_t gap = 0;  // between rows of every matrix
  bool bias = false, residual = false, alias = false, pre = false, accumulate = false, moments = false;
  bool gather_a = false, gather_b = false, keep = true, in_place = false;
  float scale = 1;
  Activation activation = Activation::kNone, gradient = Activation::kNone;
  Activation input = Activation::kNone;  // of b, in a weight gradient
};

Results product(const Ops& ops, const Context& context, GemmKind kind, const Product& p) {
  Random random(static_cast<uint64_t>(p.m * 1000003 + p.n * 1009 + p.k));
  const bool weights = kind == GemmKind::kWeightGrad;
  const int64_t wide_a = p.gather_a ? 2 * p.m : p.m, wide_b = p.gather_b ? 2 * p.n : p.n;
  Tensor a(weights ? p.k : p.m, weights ? wide_a : p.k, p.gap);
  Tensor b(kind == GemmKind::kForward ? p.n : p.k,
           kind == GemmKind::kForward ? p.k
           : weights                  ? wide_b
                                      : p.n,
           p.gap);
  Tensor c(p.m, p.n, p.gap), residual(p.m, p.n, p.gap), pre(p.m, p.n, p.gap), grad_pre(p.m, p.n, p.gap),
      bias(1, p.n);
  a.randomize(random, 1 / std::sqrt(static_cast<float>(p.k)));
  b.randomize(random), c.randomize(random), residual.randomize(random), bias.randomize(random);
  grad_pre.randomize(random, p.gradient == Activation::kTanh ? 0.3f : 2.0f);
  const std::vector<int32_t> a_columns = choose(random, p.m, wide_a), b_columns = choose(random, p.n, wide_b);
  std::vector<Moments> moments(static_cast<size_t>(p.n));

  Weight w;
  w.values = b, w.keep_packs = p.keep;
  GemmArgs g;
  g.kind = kind, g.a = a, g.c = c, g.accumulate = p.accumulate, g.scale = p.scale;
  if (weights) {
    g.b = b, g.b_activation = p.input;
    if (p.gather_a) g.a_columns = a_columns.data();
    if (p.gather_b) g.b_columns = b_columns.data();
  } else {
    g.w = &w;
  }
  if (p.bias) g.bias = bias.data();
  if (p.residual) g.residual = p.alias ? c : residual;
  if (p.pre) g.pre = pre;
  g.activation = p.activation, g.activation_grad = p.gradient;
  if (p.gradient != Activation::kNone) g.grad_pre = p.in_place ? c : grad_pre;
  if (p.moments) g.moments = moments.data();
  ops.gemm(context, g);

  const double depth = static_cast<double>(p.k);
  Results results = {{"c", c.values(), depth}};
  if (p.pre) results.push_back({"pre", pre.values(), depth});
  if (p.moments) results.push_back({"moments", flat(moments), depth});
  if (!weights && p.keep) {  // again with the pack of before, then with other values
    ops.gemm(context, g);
    results.push_back({"again", c.values(), depth});
    b.randomize(random), ++w.version;
    ops.gemm(context, g);
    results.push_back({"new weights", c.values(), depth});
  }
  return results;
}

void add_products(std::vector<Case>& cases) {
  const Activation gelu = Activation::kGelu, tanh = Activation::kTanh;
  const std::vector<Product> list = {
      {.name = "one number", .m = 1, .n = 1, .k = 1},
      {.name = "below one tile",
       .m = 3,
       .n = 5,
       .k = 7,
       .gap = 3,
       .bias = true,
       .pre = true,
       .activation = gelu},
      {.name = "head", .m = 33, .n = 7, .k = 64, .bias = true, .activation = tanh},
      {.name = "whole tiles", .m = 24, .n = 96, .k = 384, .bias = true, .residual = true},
      {.name = "one beyond",
       .m = 25,
       .n = 97,
       .k = 385,
       .gap = 1,
       .residual = true,
       .alias = true,
       .moments = true},
      {.name = "one text", .m = 16, .n = 384, .k = 384, .bias = true, .keep = false},
      {.name = "many runs",
       .m = 50,
       .n = 70,
       .k = 1600,
       .gap = 2,
       .accumulate = true,
       .activation = gelu,
       .input = gelu},
      {.name = "many rows",
       .m = 301,
       .n = 50,
       .k = 200,
       .bias = true,
       .residual = true,
       .pre = true,
       .accumulate = true,
       .moments = true,
       .gather_a = true,
       .activation = tanh},
      {.name = "low rank", .m = 45, .n = 8, .k = 384, .gap = 1, .scale = 2},
      {.name = "from low rank", .m = 45, .n = 384, .k = 8, .gap = 1, .accumulate = true, .keep = false},
      {.name = "scaled",
       .m = 30,
       .n = 60,
       .k = 500,
       .bias = true,
       .residual = true,
       .accumulate = true,
       .scale = 0.3f},
      {.name = "gradient over its pre-activation",
       .m = 30,
       .n = 130,
       .k = 60,
       .keep = false,
       .in_place = true,
       .gradient = gelu},
      {.name = "gelu gradient",
       .m = 100,
       .n = 130,
       .k = 60,
       .gather_b = true,
       .gradient = gelu,
       .input = gelu},
      {.name = "tanh gradient",
       .m = 70,
       .n = 33,
       .k = 400,
       .gap = 5,
       .residual = true,
       .gather_a = true,
       .gather_b = true,
       .gradient = tanh},
  };
  const std::pair<GemmKind, const char*> kinds[] = {{GemmKind::kForward, "forward"},
                                                    {GemmKind::kInputGrad, "input gradient"},
                                                    {GemmKind::kWeightGrad, "weight gradient"}};
  for (const auto& [kind, kind_name] : kinds)
    for (const Product& p : list)
      cases.push_back({std::string("gemm, ") + kind_name + ", " + p.name,
                       [kind = kind, p](const Ops& ops, const Context& context) {
                         return product(ops, context, kind, p);
                       }});
}

struct Attention {
  std::vector<int32_t> lengths;
  int64_t heads, kv_heads, width;
  float dropout;
};

Results attention(const Ops& ops, const Context& context, const Attention& p) {
  Random random(static_cast<uint64_t>(p.heads * 1009 + p.width));
  const std::vector<int32_t> offsets = offsets_of(p.lengths);
  const int64_t tokens = offsets.back(), out_width = p.heads * p.width,
                all = (p.heads + 2 * p.kv_heads) * p.width;
  Tensor qkv(tokens, all, 3), out(tokens, out_width, 1), dout(tokens, out_width, 2), dqkv(tokens, all, 4);
  Tensor lse(p.heads, tokens);
  qkv.randomize(random), dout.randomize(random);
  AttentionBwdArgs args;
  args.fwd = {qkv,
              offsets.data(),
              static_cast<int64_t>(p.lengths.size()),
              p.heads,
              p.kv_heads,
              p.width,
              1 / std::sqrt(static_cast<float>(p.width)),
              {p.dropout, 7, 3, 2, 5, p.heads > 1 ? 100003 : 0},
              out,
              lse.data()};
  ops.attention_fwd(context, args.fwd);
  args.dout = dout, args.dqkv = dqkv;
  ops.attention_bwd(context, args);
  const double depth = static_cast<double>(p.width + *std::max_element(p.lengths.begin(), p.lengths.end()));
  return {{"out", out.values(), depth}, {"lse", lse.values(), depth}, {"dqkv", dqkv.values(), depth}};
}

struct Norm {
  int64_t rows, width;
  bool residual, in_place, gaps;
  float dropout;
};

Results norm(const Ops& ops, const Context& context, const Norm& p) {
  Random random(static_cast<uint64_t>(p.rows * 1009 + p.width));
  const int64_t gap = p.gaps ? 3 : 0;
  Tensor x(p.rows, p.width, gap), residual(p.rows, p.width, gap), y(p.rows, p.width, gap),
      dy(p.rows, p.width, gap);
  Tensor sum(p.rows, p.width, gap), dx(p.rows, p.width, gap), dsum(p.rows, p.width, gap);
  Tensor gamma(1, p.width), beta(1, p.width), mean(1, p.rows), rstd(1, p.rows), dgamma(1, p.width),
      dbeta(1, p.width);
  for (Tensor* t : {&x, &residual, &gamma, &beta, &dy, &dgamma, &dbeta}) t->randomize(random);
  NormFwdArgs f = {};
  f.x = x, f.dropout = {p.dropout, 11, 4, 9, 1000}, f.gamma = gamma.data(), f.beta = beta.data(),
  f.eps = 1e-5f;
  if (p.residual) f.residual = residual;
  f.y = y, f.sum = p.in_place ? x : sum, f.mean = mean.data(), f.rstd = rstd.data();
  ops.norm_fwd(context, f);
  NormBwdArgs b = {};
  b.dy = dy, b.sum = f.sum, b.mean = mean.data(), b.rstd = rstd.data(), b.gamma = gamma.data(),
  b.dropout = f.dropout;
  b.dsum = p.in_place ? dy : dsum, b.dgamma = dgamma.data(), b.dbeta = dbeta.data();
  if (p.dropout > 0) b.dx = dx;
  ops.norm_bwd(context, b);

  const double width = static_cast<double>(p.width), rows = static_cast<double>(p.rows);
  Results results = {{"y", y.values(), width},
                     {"sum", (p.in_place ? x : sum).values(), 1},
                     {"mean", mean.values(), width},
                     {"rstd", rstd.values(), width},
                     {"dsum", (p.in_place ? dy : dsum).values(), width},
                     {"dgamma", dgamma.values(), rows},
                     {"dbeta", dbeta.values(), rows}};
  if (p.dropout > 0) results.push_back({"dx", dx.values(), width});
  NormFwdArgs only = f;  // as in inference: nothing saved, result over its input
  Tensor z(p.rows, p.width, gap);
  only.x = z.randomize(random), only.y = z, only.sum = {}, only.mean = nullptr, only.rstd = nullptr,
  only.dropout.p = 0;
  ops.norm_fwd(context, only);
  results.push_back({"y alone", z.values(), width});
  return results;
}

Results embed(const Ops& ops, const Context& context, const std::vector<int32_t>& lengths, int64_t width,
              bool types) {
  Random random(static_cast<uint64_t>(width));
  const std::vector<int32_t> offsets = offsets_of(lengths);
  const int64_t tokens = offsets.back(), vocabulary = 40;
  std::vector<int32_t> ids, type_ids;
  for (int64_t t = 0; t < tokens; ++t) ids.push_back(static_cast<int32_t>(random.below(vocabulary)));
  for (int64_t t = 0; t < tokens; ++t) type_ids.push_back(static_cast<int32_t>(random.below(2)));
  Tensor word(vocabulary, width), position(300, width), type(2, width), out(tokens, width, 1),
      dx(tokens, width, 2);
  for (Tensor* t : {&word, &position, &type, &dx}) t->randomize(random);
  const int64_t sequences = static_cast<int64_t>(lengths.size());
  ops.embed_fwd(context, {ids.data(), offsets.data(), sequences, types ? type_ids.data() : nullptr, word,
                          position, type, out});

  Tensor dword(vocabulary, width), dposition(300, width), dtype(2, width), dnew(10, width, 3);
  for (Tensor* t : {&dword, &dposition, &dtype, &dnew}) t->randomize(random);
  EmbedBwdArgs b = {ids.data(), offsets.data(), sequences, types ? type_ids.data() : nullptr, dx, 0,
                    dword,      dposition,      dtype};
  ops.embed_bwd(context, b);
  b.first_row = vocabulary - 10, b.dword = dnew, b.dposition = {}, b.dtype = {};
  ops.embed_bwd(context, b);
  const double n = static_cast<double>(tokens);
  return {{"out", out.values(), 3},
          {"dword", dword.values(), n},
          {"dposition", dposition.values(), n},
          {"dtype", dtype.values(), n},
          {"new rows", dnew.values(), n}};
}

Results dropout(const Ops& ops, const Context& context, int64_t rows, int64_t width, float p) {
  Random random(5);
  Tensor x(rows, width, 2), y(rows, width, 1);
  x.randomize(random);
  ops.dropout(context, {x, y, {p, 0x123456789ABCDEFu, 77, 3, 6}});
  ops.dropout(context, {x, x, {p, 1, 2, 3}});
  Tensor sum(rows, width, 3);
  sum.randomize(random);
  ops.dropout(context, {x, sum, {p, 3, 2, 1}, true});
  return {{"y", y.values(), 0}, {"in place", x.values(), 0}, {"added", sum.values(), 1}};
}

Results loss(const Ops& ops, const Context& context, int64_t texts, int64_t classes, bool weighted) {
  Random random(static_cast<uint64_t>(texts));
  Tensor logits(texts, classes, 1), dlogits(texts, classes, 2), weights(1, texts);
  logits.randomize(random, 3), weights.randomize(random);
  std::vector<int32_t> labels;
  for (int64_t b = 0; b < texts; ++b) labels.push_back(static_cast<int32_t>(random.below(classes)));
  double sum = 0.5;
  LossArgs args = {logits, labels.data(), weighted ? weights.data() : nullptr, 1.0 / 64, &sum, dlogits};
  ops.loss(context, args);
  args.dlogits = {};
  ops.loss(context, args);
  return {{"loss", {sum}, 1}, {"dlogits", dlogits.values(), 1}};
}

Results reductions(const Ops& ops, const Context& context, int64_t rows, int64_t width, int64_t gap) {
  Random random(static_cast<uint64_t>(rows + width));
  Tensor x(rows, width, gap), sums(1, width), some(1, width / 2);
  x.randomize(random), sums.randomize(random), some.randomize(random);
  const std::vector<int32_t> columns = choose(random, width / 2, width);
  ops.column_sum(context, {x, nullptr, width, sums.data()});
  ops.column_sum(context, {x, columns.data(), width / 2, some.data()});
  std::vector<double> all = {1.0}, by_row(static_cast<size_t>(rows), 2.0),
                      by_column(static_cast<size_t>(width), 3.0);
  ops.sum_squares(context, {x, Axis::kAll, all.data()});
  ops.sum_squares(context, {x, Axis::kRows, by_row.data()});
  ops.sum_squares(context, {x, Axis::kColumns, by_column.data()});
  Results results = {{"sums", sums.values(), static_cast<double>(rows)},
                     {"some sums", some.values(), static_cast<double>(rows)},
                     {"all squares", all, 0},
                     {"row squares", by_row, 0},
                     {"column squares", by_column, 0}};
  for (int64_t group : {1, 4}) {
    if (width % group) continue;
    for (MomentForm form : {MomentForm::kSigned, MomentForm::kAbs}) {
      std::vector<Moments> moments(static_cast<size_t>(width / group));
      ops.moments(context, {x, group, form, moments.data()});
      ops.moments(context, {x, group, form, moments.data()});  // merged with itself
      results.push_back({"moments", flat(moments), 0});
    }
  }
  return results;
}

Results adamw(const Ops& ops, const Context& context, int64_t rows, int64_t width, bool gather_rows,
              bool gather_columns) {
  Random random(static_cast<uint64_t>(rows * 31 + width));
  const int64_t gap = gather_columns ? 1 : 0;
  Tensor w(gather_rows ? 2 * rows : rows, gather_columns ? 2 * width : width, gap);
  Tensor grad(rows, width), m(rows, width), v(rows, width);
  w.randomize(random), m.randomize(random, 0.1f), v.randomize(random, 0.1f);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) v.at(r, c) *= v.at(r, c);
  const std::vector<int32_t> row_list = choose(random, rows, w.view().rows),
                             columns = choose(random, width, w.view().cols);
  for (int64_t t = 1; t <= 3; ++t) {
    grad.randomize(random);
    ops.adamw(context, {w, gather_rows ? row_list.data() : nullptr, gather_columns ? columns.data() : nullptr,
                        grad, m, v, 1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5f, t});
  }
  return {{"w", w.values(), 3}, {"m", m.values(), 3}, {"v", v.values(), 3}};
}

Results gather(const Ops& ops, const Context& context) {
  Random random(3);
  Tensor x(70, 37, 1), y(40, 37, 2);
  x.randomize(random);
  const std::vector<int32_t> index = choose(random, 40, 70);
  ops.gather_rows(context, {x, index.data(), y});
  Results results = {{"y", y.values(), 0}};
  ops.gather_rows(context, {x, index.data(), y, true});
  results.push_back({"x", x.values(), 0});
  return results;
}

// Every instruction set does another number of them; the numbers that they end with are the same, but for
// roundings, which add up in a chain that forgets so slowly.
Results multiply_add(const Ops& ops, const Context& context, int64_t steps) {
  double flops = 0, mean = 0;
  ops.multiply_add(context, {steps, &flops, &mean});
  return {{"mean", {mean}, static_cast<double>(steps * steps)}, {"flops > 0", {flops > 0 ? 1.0 : 0.0}, 0}};
}

}  // namespace

std::vector<Case> op_cases() {
  std::vector<Case> cases;
  add_products(cases);
  for (const Attention& p : std::vector<Attention>{{{1}, 2, 2, 16, 0},
                                                   {{5, 1, 17, 16}, 3, 3, 32, 0},
                                                   {{5, 1, 17, 33}, 4, 2, 20, 0.1f},
                                                   {{64, 100}, 2, 2, 64, 0.1f},
                                                   {{270, 129}, 2, 1, 32, 0.2f},
                                                   {{40, 3}, 1, 1, 256, 0},
                                                   {{30}, 2, 2, 1, 0.5f}})
    cases.push_back(
        {"attention, " + std::to_string(p.lengths.size()) + " texts, head width " + std::to_string(p.width),
         [p](const Ops& ops, const Context& context) { return attention(ops, context, p); }});
  for (const Norm& p : std::vector<Norm>{{1, 1, false, false, false, 0},
                                         {65, 7, true, true, true, 0.1f},
                                         {130, 384, true, false, false, 0.1f},
                                         {64, 33, false, true, true, 0},
                                         {200, 100, true, false, true, 0.3f}})
    cases.push_back({"norm, " + std::to_string(p.rows) + " x " + std::to_string(p.width),
                     [p](const Ops& ops, const Context& context) { return norm(ops, context, p); }});
  for (bool types : {false, true})
    cases.push_back({types ? "embed, two types" : "embed", [types](const Ops& ops, const Context& context) {
                       return embed(ops, context, {3, 1, 40, 90}, types ? 33 : 64, types);
                     }});
  for (int64_t width : {1, 6, 7, 64, 385})
    cases.push_back(
        {"dropout, width " + std::to_string(width),
         [width](const Ops& ops, const Context& context) { return dropout(ops, context, 37, width, 0.3f); }});
  for (float p : {0.0f, 1e-8f, 0.5f, 0.9999999f})
    cases.push_back({"dropout, p " + std::to_string(p), [p](const Ops& ops, const Context& context) {
                       return dropout(ops, context, 20, 100, p);
                     }});
  for (int64_t classes : {2, 7, 77})
    cases.push_back(
        {"loss, " + std::to_string(classes) + " classes", [classes](const Ops& ops, const Context& context) {
           return loss(ops, context, 33, classes, classes != 7);
         }});
  cases.push_back(
      {"reductions, flat", [](const Ops& ops, const Context& c) { return reductions(ops, c, 300, 384, 0); }});
  cases.push_back({"reductions, strided",
                   [](const Ops& ops, const Context& c) { return reductions(ops, c, 65, 37, 3); }});
  cases.push_back({"reductions, one row",
                   [](const Ops& ops, const Context& c) { return reductions(ops, c, 1, 70000, 0); }});
  for (int64_t width : {1, 40, 5000})
    for (int part = 0; part < 4; ++part)
      cases.push_back(
          {"adamw, width " + std::to_string(width) + (part & 1 ? ", rows" : "") +
               (part & 2 ? ", columns" : ""),
           [=](const Ops& ops, const Context& c) { return adamw(ops, c, 7, width, part & 1, part & 2); }});
  cases.push_back({"gather rows", gather});
  for (int64_t steps : {1, 1000})
    cases.push_back({"multiply-adds, " + std::to_string(steps),
                     [steps](const Ops& ops, const Context& c) { return multiply_add(ops, c, steps); }});
  return cases;
}

}  // namespace adaptune::test
