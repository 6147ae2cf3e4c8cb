// JavaScript values in and out. Everything that comes in is checked and copied at once: a getter that runs
// later may detach a buffer or close a handle. A message says what was expected for which argument, and what
// came.
#pragma once
#include <node_api.h>

#include <string>
#include <vector>

#include "base/memory.h"

namespace adaptune {

// A JavaScript exception is pending in the environment (or none can run any more): unwind and leave it there.
struct Pending {};

// Throws Pending, or E_INTERNAL when a call failed without an exception.
void check(napi_env env, napi_status status);

// A copy of a typed array.
template <class T>
struct Copy {
  Buffer buffer;
  int64_t count = 0;
  const T* data() const { return buffer.as<const T>(); }
};

// A value and its name in messages ("options.lr.head"). Reads throw Error{E_ARGUMENT} or Pending.
class Value {
 public:
  Value(napi_env env, napi_value value, std::string name)
      : env_(env), value_(value), name_(std::move(name)) {}

  bool absent() const;  // undefined
  bool null() const;
  bool boolean() const;
  double number(double low, double high) const;             // finite, within [low, high]
  int64_t integer(int64_t low, int64_t high) const;         // whole
  std::string string(size_t longest) const;                 // UTF-8 without NUL
  int choice(const std::vector<const char*>& names) const;  // index of the string in names

  Copy<int32_t> int32_array() const;
  Copy<float> float32_array() const;
  Copy<uint8_t> uint8_array() const;

  Value operator[](const char* key) const;  // of an object
  uint32_t length(uint32_t most) const;     // of an array
  Value at(uint32_t index) const;

  napi_env env() const { return env_; }
  napi_value get() const { return value_; }
  const std::string& name() const { return name_; }
  [[noreturn]] void refuse(const char* expected) const;  // E_ARGUMENT naming what came

 private:
  napi_valuetype type() const;
  Buffer copy_array(napi_typedarray_type type, size_t width, const char* expected, int64_t* count) const;

  napi_env env_;
  napi_value value_;
  std::string name_;
};

napi_value js_undefined(napi_env env);
napi_value js_null(napi_env env);
napi_value js_number(napi_env env, double value);
napi_value js_boolean(napi_env env, bool value);
napi_value js_string(napi_env env, const std::string& text);
napi_value js_object(napi_env env);
void js_set(napi_env env, napi_value object, const char* key, napi_value value);
napi_value js_array(napi_env env, const std::vector<napi_value>& items);
// Fresh arrays in the JavaScript heap.
napi_value js_float32_array(napi_env env, const float* data, int64_t count);
napi_value js_float64_array(napi_env env, const double* data, int64_t count);
napi_value js_uint32_array(napi_env env, const uint32_t* data, int64_t count);

// A JavaScript Error with the code; never throws.
napi_value js_error(napi_env env, const char* code, const std::string& message) noexcept;

}  // namespace adaptune
