#include "addon/handle.h"

#include <string>

#include "base/error.h"

namespace adaptune {
namespace {

constexpr napi_type_tag kTag = {0x8f1d6c0e5b7a4d21, 0xa3c49e72d8b0561f};
constexpr const char* kNames[] = {"device", "model", "trainer", "calibration", "kernel", "token"};

struct Handle {
  Kind kind;
  std::shared_ptr<void> object;  // null: closed
};

const char* name_of(Kind kind) { return kNames[static_cast<int>(kind)]; }

// Null when the value is none of our handles.
Handle* find(const Value& value) {
  napi_valuetype type;
  bool ours = false;
  void* data = nullptr;
  check(value.env(), napi_typeof(value.env(), value.get(), &type));
  if (type != napi_object) return nullptr;
  check(value.env(), napi_check_object_type_tag(value.env(), value.get(), &kTag, &ours));
  if (!ours || napi_unwrap(value.env(), value.get(), &data) != napi_ok) return nullptr;
  return static_cast<Handle*>(data);
}

}  // namespace

napi_value make_handle(napi_env env, Kind kind, std::shared_ptr<void> object) {
  napi_value result = js_object(env);
  auto handle = std::make_unique<Handle>(Handle{kind, std::move(object)});
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Handle*>(data); };
  check(env, napi_wrap(env, result, handle.get(), finalize, nullptr, nullptr));
  handle.release();  // the finalizer's
  check(env, napi_type_tag_object(env, result, &kTag));
  return result;
}

std::shared_ptr<void> open_handle(const Value& value, Kind kind) {
  const Handle* handle = find(value);
  const std::string expected = std::string("a ") + name_of(kind) + " handle";
  if (handle == nullptr) value.refuse(expected.c_str());
  ADAPTUNE_CHECK(handle->kind == kind, E_ARGUMENT, "expected %s for %s but received a %s handle",
                 expected.c_str(), value.name().c_str(), name_of(handle->kind));
  ADAPTUNE_CHECK(handle->object, E_CLOSED, "expected an open %s but it was closed", name_of(kind));
  return handle->object;
}

void close_handle(const Value& value) {
  Handle* handle = find(value);
  if (handle == nullptr) value.refuse("a device, model, trainer, calibration or kernel handle");
  if (handle->object && handle->kind == Kind::kDevice) static_cast<Device*>(handle->object.get())->close();
  handle->object.reset();
}

}  // namespace adaptune
