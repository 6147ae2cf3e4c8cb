#include "addon/js.h"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace adaptune {

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  // A terminated Worker has no exception to show and runs no more JavaScript.
  if (pending || status == napi_pending_exception || status == napi_cannot_run_js || status == napi_closing)
    throw Pending{};
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  fail(Code::E_INTERNAL, "Node-API call failed: %s",
       info && info->error_message ? info->error_message : "unknown");
}

napi_valuetype Value::type() const {
  napi_valuetype type;
  check(env_, napi_typeof(env_, value_, &type));
  return type;
}

namespace {

const char* type_name(napi_valuetype type) {
  constexpr const char* kNames[] = {"undefined", "null",   "boolean",  "number",   "string",
                                    "symbol",    "object", "function", "external", "bigint"};
  return static_cast<size_t>(type) < std::size(kNames) ? kNames[type] : "unknown value";
}

}  // namespace

void Value::refuse(const char* expected) const {
  char came[96];
  const napi_valuetype kind = type();
  double number;
  char text[41];
  size_t length = 0;
  if (kind == napi_number && napi_get_value_double(env_, value_, &number) == napi_ok) {
    std::snprintf(came, sizeof came, "%.17g", number);
  } else if (kind == napi_string &&
             napi_get_value_string_utf8(env_, value_, text, sizeof text, &length) == napi_ok) {
    std::snprintf(came, sizeof came, "'%s'", text);
  } else {
    std::snprintf(came, sizeof came, "%s", type_name(kind));
  }
  fail(Code::E_ARGUMENT, "expected %s for %s but received %s", expected, name_.c_str(), came);
}

bool Value::absent() const { return type() == napi_undefined; }
bool Value::null() const { return type() == napi_null; }

bool Value::boolean() const {
  if (type() != napi_boolean) refuse("a boolean");
  bool value;
  check(env_, napi_get_value_bool(env_, value_, &value));
  return value;
}

double Value::number(double low, double high) const {
  double value = NAN;
  if (type() == napi_number) check(env_, napi_get_value_double(env_, value_, &value));
  if (!(std::isfinite(value) && value >= low && value <= high)) {
    char expected[96];
    std::snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    refuse(expected);
  }
  return value;
}

int64_t Value::integer(int64_t low, int64_t high) const {
  double value = NAN;
  if (type() == napi_number) check(env_, napi_get_value_double(env_, value_, &value));
  // Bounds stay below 2^53, so they are exact as doubles.
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high) &&
        std::trunc(value) == value)) {
    char expected[96];
    std::snprintf(expected, sizeof expected, "an integer from %lld to %lld", static_cast<long long>(low),
                  static_cast<long long>(high));
    refuse(expected);
  }
  return static_cast<int64_t>(value);
}

std::string Value::string(size_t longest) const {
  if (type() != napi_string) refuse("a string");
  size_t length = 0;
  check(env_, napi_get_value_string_utf8(env_, value_, nullptr, 0, &length));
  ADAPTUNE_CHECK(length <= longest, E_ARGUMENT, "expected at most %zu bytes for %s but received %zu", longest,
                 name_.c_str(), length);
  std::string text(length, '\0');
  check(env_, napi_get_value_string_utf8(env_, value_, text.data(), length + 1, &length));
  ADAPTUNE_CHECK(text.find('\0') == std::string::npos, E_ARGUMENT, "expected no NUL character in %s",
                 name_.c_str());
  return text;
}

int Value::choice(const std::vector<const char*>& names) const {
  std::string expected = "one of", text;
  if (type() == napi_string) text = string(1 << 16);
  for (size_t i = 0; i < names.size(); ++i) {
    if (text == names[i]) return static_cast<int>(i);
    expected += i ? ", " : " ";
    expected += names[i];
  }
  refuse(expected.c_str());
}

Buffer Value::copy_array(napi_typedarray_type wanted, size_t width, const char* expected,
                         int64_t* count) const {
  bool is_array = false, is_plain = false, detached = false;
  check(env_, napi_is_typedarray(env_, value_, &is_array));
  if (!is_array) refuse(expected);
  napi_typedarray_type kind;
  size_t length = 0;
  void* data = nullptr;
  napi_value backing;
  check(env_, napi_get_typedarray_info(env_, value_, &kind, &length, &data, &backing, nullptr));
  if (kind != wanted) refuse(expected);
  check(env_, napi_is_arraybuffer(env_, backing, &is_plain));
  ADAPTUNE_CHECK(is_plain, E_ARGUMENT, "expected memory that no other thread shares for %s", name_.c_str());
  check(env_, napi_is_detached_arraybuffer(env_, backing, &detached));
  ADAPTUNE_CHECK(!detached, E_ARGUMENT, "expected %s for %s but its memory was transferred", expected,
                 name_.c_str());
  Buffer copy(length * width);
  if (length) std::memcpy(copy.data(), data, length * width);
  *count = static_cast<int64_t>(length);
  return copy;
}

Copy<int32_t> Value::int32_array() const {
  Copy<int32_t> copy;
  copy.buffer = copy_array(napi_int32_array, 4, "an Int32Array", &copy.count);
  return copy;
}

Copy<float> Value::float32_array() const {
  Copy<float> copy;
  copy.buffer = copy_array(napi_float32_array, 4, "a Float32Array", &copy.count);
  return copy;
}

Copy<uint8_t> Value::uint8_array() const {
  Copy<uint8_t> copy;
  copy.buffer = copy_array(napi_uint8_array, 1, "a Uint8Array", &copy.count);
  return copy;
}

Value Value::operator[](const char* key) const {
  if (type() != napi_object) refuse("an object");
  napi_value property;
  check(env_, napi_get_named_property(env_, value_, key, &property));
  return Value(env_, property, name_ + "." + key);
}

uint32_t Value::length(uint32_t most) const {
  bool is_array = false;
  check(env_, napi_is_array(env_, value_, &is_array));
  if (!is_array) refuse("an array");
  uint32_t length = 0;
  check(env_, napi_get_array_length(env_, value_, &length));
  ADAPTUNE_CHECK(length <= most, E_ARGUMENT, "expected at most %u items in %s but received %u", most,
                 name_.c_str(), length);
  return length;
}

Value Value::at(uint32_t index) const {
  napi_value item;
  check(env_, napi_get_element(env_, value_, index, &item));
  return Value(env_, item, name_ + "[" + std::to_string(index) + "]");
}

napi_value js_undefined(napi_env env) {
  napi_value result;
  check(env, napi_get_undefined(env, &result));
  return result;
}

napi_value js_null(napi_env env) {
  napi_value result;
  check(env, napi_get_null(env, &result));
  return result;
}

napi_value js_number(napi_env env, double value) {
  napi_value result;
  check(env, napi_create_double(env, value, &result));
  return result;
}

napi_value js_boolean(napi_env env, bool value) {
  napi_value result;
  check(env, napi_get_boolean(env, value, &result));
  return result;
}

napi_value js_string(napi_env env, const std::string& text) {
  napi_value result;
  check(env, napi_create_string_utf8(env, text.data(), text.size(), &result));
  return result;
}

napi_value js_object(napi_env env) {
  napi_value result;
  check(env, napi_create_object(env, &result));
  return result;
}

void js_set(napi_env env, napi_value object, const char* key, napi_value value) {
  check(env, napi_set_named_property(env, object, key, value));
}

napi_value js_array(napi_env env, const std::vector<napi_value>& items) {
  napi_value result;
  check(env, napi_create_array_with_length(env, items.size(), &result));
  for (size_t i = 0; i < items.size(); ++i) {
    check(env, napi_set_element(env, result, static_cast<uint32_t>(i), items[i]));
  }
  return result;
}

namespace {

napi_value typed_array(napi_env env, napi_typedarray_type type, const void* data, int64_t count,
                       size_t width) {
  const size_t length = static_cast<size_t>(count);
  expect_memory(length * width);
  void* memory = nullptr;
  napi_value backing, result;
  check(env, napi_create_arraybuffer(env, length * width, &memory, &backing));
  if (length) std::memcpy(memory, data, length * width);
  check(env, napi_create_typedarray(env, type, length, backing, 0, &result));
  return result;
}

}  // namespace

napi_value js_float32_array(napi_env env, const float* data, int64_t count) {
  return typed_array(env, napi_float32_array, data, count, sizeof *data);
}

napi_value js_float64_array(napi_env env, const double* data, int64_t count) {
  return typed_array(env, napi_float64_array, data, count, sizeof *data);
}

napi_value js_uint32_array(napi_env env, const uint32_t* data, int64_t count) {
  return typed_array(env, napi_uint32_array, data, count, sizeof *data);
}

napi_value js_error(napi_env env, const char* code, const std::string& message) noexcept {
  napi_value name, text, error;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_string_utf8(env, message.data(), message.size(), &text) != napi_ok ||
      napi_create_error(env, name, text, &error) != napi_ok) {
    return nullptr;
  }
  return error;
}

}  // namespace adaptune
