// One op with arguments of its own: read and copied from a JavaScript object, run, and its results handed
// back.
#pragma once
#include <memory>
#include <string>

#include "addon/js.h"
#include "model/model.h"

namespace adaptune {

class Kernel {
 public:
  virtual ~Kernel() = default;
  // On the dispatcher. Again and again when timed; what an op updates in place (AdamW) goes on from there.
  virtual void run(const Engine& engine) = 0;
  virtual napi_value result(napi_env env) const = 0;  // on the JavaScript thread
};

// A row-major matrix {data, rows, cols} of JavaScript, copied, or one to be written.
struct Grid {
  Buffer buffer;
  int64_t rows = 0, cols = 0;

  Grid() = default;
  Grid(int64_t rows, int64_t cols);  // values unset
  float* data() const { return buffer.as<float>(); }
  Matrix view() const { return buffer.data() ? matrix(data(), rows, cols) : Matrix{}; }
};

// At least one row and one column, and as many floats as that makes.
Grid read_grid(const Value& value);
Grid read_grid(const Value& value, int64_t rows, int64_t cols);           // of this shape
Grid read_optional_grid(const Value& value, int64_t rows, int64_t cols);  // without memory when undefined
napi_value js_grid(napi_env env, const Grid& grid);

// Throws E_ARGUMENT unless `name` is a kernel of lib/native/kernels.ts and its shapes agree.
std::unique_ptr<Kernel> read_kernel(const Value& name, const Value& arguments);
// The same product by the cblas_sgemm of a shared library, for comparison.
std::unique_ptr<Kernel> read_blas_product(const Value& arguments);

}  // namespace adaptune
