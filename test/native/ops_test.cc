// Runs the list of op cases on the reference and on every instruction set of this machine: results must agree
// within rounding, and be the same bits for one, two and three threads and for a row alone. Prints one line
// per failure and a summary; --verbose prints how much of its tolerance each case used. Exit status 1 on any
// failure.
#include <cstdio>
#include <memory>

#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/cpu.h"
#include "op_cases.h"

namespace adaptune::test {
namespace {

int failures = 0, checks = 0;
bool verbose = false;

void expect(bool condition, const char* isa, const std::string& what) {
  ++checks;
  if (condition) return;
  ++failures;
  std::printf("FAILED [%s] %s\n", isa, what.c_str());
}

// ||got - expected|| as a share of the tolerance that op_cases.h derives; infinite when sizes or finiteness
// differ.
double share_of_tolerance(const Result& got, const Result& expected) {
  if (got.values.size() != expected.values.size()) return INFINITY;
  double error = 0, norm = 0;
  for (size_t i = 0; i < got.values.size(); ++i) {
    if (!std::isfinite(got.values[i]) || !std::isfinite(expected.values[i])) return INFINITY;
    error += (got.values[i] - expected.values[i]) * (got.values[i] - expected.values[i]);
    norm += expected.values[i] * expected.values[i];
  }
  if (error == 0) return 0;
  return std::sqrt(error / norm) / (0x1p-24 * (4 + 2 * std::sqrt(expected.depth)));
}

bool same_bits(const std::vector<Result>& a, const std::vector<Result>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].values.size() != b[i].values.size()) return false;
    if (std::memcmp(a[i].values.data(), b[i].values.data(), a[i].values.size() * sizeof(double)) != 0)
      return false;
  }
  return true;
}

void check_cases(const CpuBackend& backend, const std::vector<std::unique_ptr<ThreadPool>>& pools) {
  const char* isa = backend.ops->name;
  for (const Case& c : op_cases()) {
    Arena scratch;
    const std::vector<Result> expected = c.run(kRefOps, {pools[0].get(), &scratch, nullptr});
    std::vector<Result> first;
    for (const auto& pool : pools) {
      const std::vector<Result> got = c.run(*backend.ops, {pool.get(), &scratch, backend.backend});
      expect(scratch.mark().used == 0 && scratch.mark().chunk == 0, isa, c.name + ": scratch not given back");
      if (pool != pools[0]) {
        expect(same_bits(got, first), isa,
               c.name + ": other bits with " + std::to_string(pool->size()) + " threads");
        continue;
      }
      first = got;
      expect(got.size() == expected.size(), isa, c.name + ": other results");
      for (size_t i = 0; i < got.size() && i < expected.size(); ++i) {
        const double share = share_of_tolerance(got[i], expected[i]);
        if (verbose) std::printf("%6.3f [%s] %s: %s\n", share, isa, c.name.c_str(), got[i].name.c_str());
        expect(share <= 1, isa,
               c.name + ": " + got[i].name + " is off by " + std::to_string(share) + " tolerances");
      }
    }
  }
}

// A row of a product, and a text in attention, must not see what stands beside it.
void check_rows_alone(const CpuBackend& backend, ThreadPool& pool) {
  Arena scratch;
  Random random(1);
  const Context context = {&pool, &scratch, backend.backend};
  const int64_t rows = 61, width = 96, heads = 3;
  Tensor x(rows, 500), weights(width * 3, 500), qkv(rows, width * 3), out(rows, width);
  x.randomize(random), weights.randomize(random, 0.05f);
  Weight w;
  w.values = weights;
  GemmArgs product;
  product.a = x, product.w = &w, product.c = qkv, product.activation = Activation::kGelu;
  backend.ops->gemm(context, product);
  const int32_t offsets[] = {0, 20, 21, 61};
  const AttentionArgs attention = {qkv, offsets, 3, heads, heads, width / heads, 0.2f, {}, out, nullptr};
  backend.ops->attention_fwd(context, attention);
  for (int text = 0; text < 3; ++text) {
    const int64_t begin = offsets[text], length = offsets[text + 1] - begin;
    Tensor alone_qkv(length, width * 3), alone_out(length, width);
    GemmArgs p = product;
    p.a = adaptune::rows(x, begin, length), p.c = alone_qkv;
    backend.ops->gemm(context, p);
    const int32_t alone_offsets[] = {0, static_cast<int32_t>(length)};
    AttentionArgs a = attention;
    a.qkv = alone_qkv, a.offsets = alone_offsets, a.sequences = 1, a.out = alone_out;
    backend.ops->attention_fwd(context, a);
    expect(std::memcmp(&out.at(begin, 0), alone_out.data(),
                       static_cast<size_t>(length * width) * sizeof(float)) == 0,
           backend.ops->name, "text " + std::to_string(text) + " alone: other bits");
  }
}

// A value that is not a number stays in its row, and does not get lost in it.
void check_nan(const CpuBackend& backend, ThreadPool& pool) {
  Arena scratch;
  Random random(2);
  const Context context = {&pool, &scratch, backend.backend};
  Tensor x(20, 48), weights(48, 48), y(20, 48), attended(20, 16), gamma(1, 48), normed(20, 48);
  x.randomize(random), weights.randomize(random), gamma.randomize(random);
  x.at(13, 5) = NAN, x.at(14, 5) = INFINITY;
  Weight w;
  w.values = weights;
  for (Activation activation : {Activation::kGelu, Activation::kTanh}) {
    GemmArgs product;
    product.a = x, product.w = &w, product.c = y, product.activation = activation;
    backend.ops->gemm(context, product);
    for (int64_t r = 0; r < 20; ++r)
      for (int64_t c = 0; c < 48; ++c)
        if (r != 14)
          expect(std::isnan(y.at(r, c)) == (r == 13), backend.ops->name, "gemm: NaN in the wrong row");
  }
  const int32_t offsets[] = {0, 10, 20};
  backend.ops->attention_fwd(context, {x, offsets, 2, 1, 1, 16, 1, {}, attended, nullptr});
  expect(std::isnan(attended.at(13, 0)) && !std::isnan(attended.at(9, 0)), backend.ops->name,
         "attention: NaN lost or spread");
  NormFwdArgs norm = {};
  norm.x = x, norm.gamma = gamma.data(), norm.beta = gamma.data(), norm.eps = 1e-5f, norm.y = normed;
  backend.ops->norm_fwd(context, norm);
  expect(std::isnan(normed.at(13, 0)) && !std::isnan(normed.at(12, 0)), backend.ops->name,
         "norm: NaN lost or spread");
}

// One weight that two backends use in turn: neither may read the other's packs.
void check_shared_weight(const CpuBackend& backend, ThreadPool& pool) {
  Arena scratch;
  Random random(3);
  const CpuBackend scalar = cpu_backend("scalar");
  Tensor x(9, 30), weights(30, 30), first(9, 30), second(9, 30);
  x.randomize(random), weights.randomize(random);
  Weight w;
  w.values = weights;
  GemmArgs product;
  product.a = x, product.w = &w;
  for (GemmKind kind : {GemmKind::kForward, GemmKind::kInputGrad}) {
    product.kind = kind, product.c = first;
    backend.ops->gemm({&pool, &scratch, backend.backend}, product);
    scalar.ops->gemm({&pool, &scratch, scalar.backend}, product);
    product.c = second;
    backend.ops->gemm({&pool, &scratch, backend.backend}, product);
    const double share = share_of_tolerance({"c", second.values(), 30}, {"c", first.values(), 30});
    expect(share <= 1, backend.ops->name, "a weight shared with the scalar backend");
  }
}

int run() {
  flush_denormals();  // as on every thread of ours
  std::vector<std::unique_ptr<ThreadPool>> pools;
  for (int threads : {1, 2, 3}) pools.push_back(std::make_unique<ThreadPool>(threads));
  std::string sets;
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    const CpuBackend backend = cpu_backend(isa);
    if (backend.ops == nullptr) continue;
    sets += std::string(sets.empty() ? "" : ", ") + isa;
    check_cases(backend, pools);
    check_rows_alone(backend, *pools[1]);
    check_nan(backend, *pools[1]);
    check_shared_weight(backend, *pools[1]);
  }
  std::printf("%d checks on %s, %d failed\n", checks, sets.c_str(), failures);
  return failures ? 1 : 0;
}

}  // namespace
}  // namespace adaptune::test

int main(int count, char** arguments) {
  adaptune::test::verbose = count > 1 && std::strcmp(arguments[1], "--verbose") == 0;
  try {
    return adaptune::test::run();
  } catch (const adaptune::Error& error) {
    std::printf("FAILED %s: %s\n", adaptune::code_name(error.code), error.message.c_str());
    return 1;
  }
}
