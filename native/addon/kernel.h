// One op with arguments of its own: read and copied from a JavaScript object, run, and its results handed
// back.
#pragma once
#include <memory>
#include <string>
#include <vector>

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
napi_value js_vector(napi_env env, const Grid& grid);        // a Float32Array of all its values
napi_value js_moments(napi_env env, const Buffer& moments);  // {count, mean, m2} of Moments [n]
Copy<float> read_vector(const Value& value, int64_t count);  // of this length
std::vector<int32_t> read_selection(const Value& value,
                                    int64_t end);  // ascending, out of [0, end); empty: all
int64_t selected(const std::vector<int32_t>& indices, int64_t all);
const int32_t* index_or_null(const std::vector<int32_t>& indices);

// Throws E_ARGUMENT unless `name` is a kernel of lib/native/kernels.ts and its shapes agree.
std::unique_ptr<Kernel> read_kernel(const Value& name, const Value& arguments);
std::unique_ptr<Kernel> read_product(const Value& arguments);
// The plain product by the cblas_sgemm of a shared library, for comparison.
std::unique_ptr<Kernel> read_blas_product(const Value& arguments);

}  // namespace adaptune
