// Calibration: the sensitivity of every unit.
#include <cfloat>

#include "addon/entry.h"
#include "addon/environment.h"
#include "addon/inputs.h"

namespace adaptune {
namespace {

napi_value create_calibration(const Call& call) {
  const auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  const Value squares = call.argument(1, "squares");
  const Importance importance =
      !squares.absent() && squares.boolean() ? Importance::kFisher : Importance::kGradient;
  std::shared_ptr<DeviceCalibration> calibration;
  model->device->run([&](const Engine& engine) {
    calibration = std::make_shared<DeviceCalibration>(model, engine, importance);
  });
  return make_handle(call.env, std::move(calibration));
}

napi_value calibrate(const Call& call) {
  auto calibration = open_handle<DeviceCalibration>(call.argument(0, "calibration"));
  const EncoderConfig& config = calibration->base->model.config;
  BatchCopy batch = read_batch(call.argument(1, "batch"), config);
  Copy<int32_t> labels = read_labels(call.argument(2, "labels"), batch.view().sequences, config.classes);
  const double scale = call.argument(3, "scale").number(0, FLT_MAX);
  const int half = static_cast<int>(call.argument(4, "half").integer(0, 1));
  std::shared_ptr<Token> token = read_token(call.argument(5, "token"));
  Device& device = *calibration->base->device;
  return start(
      call.env, device, std::move(token),
      [calibration, batch = std::move(batch), labels = std::move(labels), scale, half](const Engine&) {
        calibration->calibration.add(batch.view(), labels.data(), scale, half);
        return true;
      },
      [](napi_env env, bool) { return js_undefined(env); });
}

napi_value to_units(napi_env env, const std::vector<double>& norm, const std::vector<double>& ratio,
                    const std::vector<double>& feature, const std::vector<double>& gradient) {
  const napi_value units = js_object(env);
  const auto set = [&](const char* key, const std::vector<double>& values) {
    js_set(env, units, key, js_float64_array(env, values.data(), static_cast<int64_t>(values.size())));
  };
  set("norm", norm);
  set("ratio", ratio);
  set("feature", feature);
  set("gradient", gradient);
  return units;
}

napi_value to_layers(napi_env env, const std::vector<Calibration::Layer>& layers) {
  std::vector<napi_value> items;
  for (const Calibration::Layer& layer : layers) {
    const napi_value item = js_object(env);
    js_set(env, item, "groups",
           to_units(env, layer.group_norm, layer.group_ratio, layer.group_feature, layer.group_gradient));
    js_set(env, item, "neurons",
           to_units(env, layer.neuron_norm, layer.neuron_ratio, layer.neuron_feature, layer.neuron_gradient));
    items.push_back(item);
  }
  return js_array(env, items);
}

napi_value calibration_result(const Call& call) {
  auto calibration = open_handle<DeviceCalibration>(call.argument(0, "calibration"));
  const int half = static_cast<int>(call.argument(1, "half").integer(-1, 1));
  Device& device = *calibration->base->device;
  return start(
      call.env, device, nullptr,
      [calibration, half](const Engine&) { return calibration->calibration.result(half); }, to_layers);
}

}  // namespace

void add_calibration(napi_env env, napi_value exports) {
  add(env, exports, "createCalibration", throwing<create_calibration>);
  add(env, exports, "calibrate", rejecting<calibrate>);
  add(env, exports, "calibrationResult", rejecting<calibration_result>);
}

}  // namespace adaptune
