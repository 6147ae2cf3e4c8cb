#include "addon/entry.h"
#include "addon/environment.h"

namespace adaptune {
namespace {

napi_value install(napi_env env, napi_value exports) {
  try {
    Environment::install(env);
    add_system(env, exports);
    add_model(env, exports);
    add_trainer(env, exports);
    add_calibration(env, exports);
    add_kernels(env, exports);
    return exports;
  } catch (const Pending&) {
  } catch (...) {
    const Error error = current_error();
    napi_throw_error(env, code_name(error.code), error.message.c_str());
  }
  return nullptr;
}

}  // namespace
}  // namespace adaptune

// The one exported symbol. Without node_api_module_get_api_version_v1 Node assumes version 8, which is ours.
extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  return adaptune::install(env, exports);
}
