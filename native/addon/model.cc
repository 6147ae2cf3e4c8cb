// Models: parameters in and out, inference, gradients.
#include <cstring>
#include <numeric>

#include "addon/entry.h"
#include "addon/environment.h"
#include "addon/inputs.h"
#include "model/pass.h"
#include "tensor/convert.h"
#include "train/slots.h"

namespace adaptune {
namespace {

constexpr size_t kLongestName = 256;
constexpr int64_t kSafe = (int64_t{1} << 53) - 1;

// Floats that a job computed, for a Float32Array.
struct Floats {
  Buffer buffer;
  int64_t count;
};

napi_value to_array(napi_env env, const Floats& floats) {
  return js_float32_array(env, floats.buffer.as<float>(), floats.count);
}

napi_value to_undefined(napi_env env, bool) { return js_undefined(env); }

napi_value create_model(const Call& call) {
  auto device = open_handle<Device>(call.argument(0, "device"));
  const EncoderConfig config = read_config(call.argument(1, "config"));
  return make_handle(call.env, std::make_shared<DeviceModel>(std::move(device), config));
}

napi_value model_parameters(const Call& call) {
  const auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  std::vector<napi_value> items;
  for (const Parameter& parameter : model->model.parameters()) {
    const double rows = static_cast<double>(parameter.values.rows),
                 cols = static_cast<double>(parameter.values.cols);
    std::vector<napi_value> shape;
    if (parameter.rank == 2) shape.push_back(js_number(call.env, rows));
    shape.push_back(js_number(call.env, cols));
    const napi_value item = js_object(call.env);
    js_set(call.env, item, "name", js_string(call.env, parameter.name));
    js_set(call.env, item, "shape", js_array(call.env, shape));
    items.push_back(item);
  }
  return js_array(call.env, items);
}

Parameter& find(DeviceModel& model, const Value& name) {
  Parameter* parameter = model.model.find(name.string(kLongestName));
  if (parameter == nullptr) name.refuse("the name of a parameter");
  return *parameter;
}

napi_value set_parameter(const Call& call) {
  auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  Parameter& parameter = find(*model, call.argument(1, "name"));
  constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16};
  const DType dtype = kTypes[call.argument(2, "dtype").choice({"F32", "F16", "BF16"})];
  Copy<uint8_t> bytes = call.argument(3, "bytes").uint8_array();
  const int64_t first = call.argument(4, "firstRow").integer(0, kSafe);
  const Matrix& values = parameter.values;
  const int64_t row_bytes = values.cols * dtype_bytes(dtype), count = bytes.count / row_bytes;
  ADAPTUNE_CHECK(
      bytes.count % row_bytes == 0 && first <= values.rows && count <= values.rows - first, E_MODEL_SHAPE,
      "expected whole rows of %lld bytes within [0, %lld) for %s but received %lld bytes from row %lld",
      static_cast<long long>(row_bytes), static_cast<long long>(values.rows), parameter.name.c_str(),
      static_cast<long long>(bytes.count), static_cast<long long>(first));
  Device& device = *model->device;
  return start(
      call.env, device, nullptr,
      [model, &parameter, dtype, bytes = std::move(bytes), first, count](const Engine&) {
        const Matrix target = rows(parameter.values, first, count);
        const int64_t total = count * target.cols, bad = first_non_finite(dtype, bytes.data(), total);
        ADAPTUNE_CHECK(bad == total, E_MODEL_VALUE,
                       "expected finite values in %s but row %lld, column %lld is not",
                       parameter.name.c_str(), static_cast<long long>(first + bad / target.cols),
                       static_cast<long long>(bad % target.cols));
        for (int64_t row = 0; row < count; ++row) {
          to_float(dtype, bytes.data() + row * target.cols * dtype_bytes(dtype), target.cols,
                   target.f32() + row * target.ld);
        }
        if (parameter.weight) ++parameter.weight->version;
        ++model->model.revision;
        return true;
      },
      to_undefined);
}

napi_value get_parameter(const Call& call) {
  auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  const Parameter& parameter = find(*model, call.argument(1, "name"));
  Device& device = *model->device;
  return start(
      call.env, device, nullptr,
      [model, &parameter](const Engine&) {
        const Matrix& values = parameter.values;
        const size_t row_bytes = static_cast<size_t>(values.cols) * sizeof(float);
        Floats floats{Buffer(static_cast<size_t>(values.rows) * row_bytes), values.rows * values.cols};
        for (int64_t row = 0; row < values.rows; ++row) {
          std::memcpy(floats.buffer.as<float>() + row * values.cols, values.f32() + row * values.ld,
                      row_bytes);
        }
        return floats;
      },
      to_array);
}

napi_value trim(const Call& call) {
  auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  Device& device = *model->device;
  return start(
      call.env, device, nullptr,
      [model](const Engine& engine) {
        for (const Parameter& parameter : model->model.parameters())
          if (parameter.weight) drop_packs(*parameter.weight);
        engine.activations->release();
        engine.context.scratch->release();
        return true;
      },
      to_undefined);
}

napi_value forward(const Call& call) {
  auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  const EncoderConfig& config = model->model.config;
  BatchCopy batch = read_batch(call.argument(1, "batch"), config);
  constexpr Output kOutputs[] = {Output::kLogits, Output::kPooled, Output::kCls, Output::kHidden};
  const Output output = kOutputs[call.argument(2, "output").choice({"logits", "pooled", "cls", "hidden"})];
  std::shared_ptr<Token> token = read_token(call.argument(3, "token"));
  const int64_t width = output == Output::kLogits ? config.classes : config.hidden;
  Device& device = *model->device;
  return start(
      call.env, device, std::move(token),
      [model, batch = std::move(batch), output, width](const Engine& engine) {
        const Batch view = batch.view();
        const int64_t rows = output == Output::kHidden ? view.tokens : view.sequences, count = rows * width;
        Floats floats{Buffer(static_cast<size_t>(count) * sizeof(float)), count};
        infer(engine, model->model, view, output, matrix(floats.buffer.as<float>(), rows, width));
        return floats;
      },
      to_array);
}

// Everything below the head trains: a gradient for each of its parameters.
Plan whole_encoder(const EncoderConfig& config) {
  LayerPlan layer;
  layer.groups.resize(static_cast<size_t>(config.kv_heads));
  layer.neurons.resize(static_cast<size_t>(config.feed_forward));
  std::iota(layer.groups.begin(), layer.groups.end(), 0);
  std::iota(layer.neurons.begin(), layer.neurons.end(), 0);
  layer.extras = true;
  Plan plan;
  plan.layers.assign(static_cast<size_t>(config.layers), layer);
  plan.embeddings = true, plan.head = false;
  return plan;
}

napi_value to_gradients(napi_env env, const SlotList& list) {
  std::vector<napi_value> items;
  for (const Slot& slot : list.slots) {
    const napi_value item = js_object(env);
    js_set(env, item, "name", js_string(env, slot.name));
    js_set(env, item, "data", js_float32_array(env, slot.grad.f32(), slot.grad.rows * slot.grad.cols));
    items.push_back(item);
  }
  return js_array(env, items);
}

napi_value backward(const Call& call) {
  auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  const EncoderConfig& config = model->model.config;
  BatchCopy batch = read_batch(call.argument(1, "batch"), config);
  const Value given = call.argument(2, "dhidden");
  Copy<float> dhidden = given.float32_array();
  const int64_t tokens = batch.view().tokens;
  ADAPTUNE_CHECK(dhidden.count == tokens * config.hidden, E_ARGUMENT,
                 "expected %lld x %lld floats for dhidden but received %lld", static_cast<long long>(tokens),
                 static_cast<long long>(config.hidden), static_cast<long long>(dhidden.count));
  std::shared_ptr<Token> token = read_token(call.argument(3, "token"));
  Device& device = *model->device;
  return start(
      call.env, device, std::move(token),
      [model, batch = std::move(batch), dhidden = std::move(dhidden), tokens](const Engine& engine) {
        const EncoderConfig& config = model->model.config;
        SlotList list = list_slots(model->model, whole_encoder(config));
        const Matrix d = matrix(dhidden.buffer.as<float>(), tokens, config.hidden);
        encoder_gradients(engine, model->model, batch.view(), d, list.gradients);
        return list;
      },
      to_gradients);
}

}  // namespace

void add_model(napi_env env, napi_value exports) {
  add(env, exports, "createModel", throwing<create_model>);
  add(env, exports, "modelParameters", throwing<model_parameters>);
  add(env, exports, "setParameter", rejecting<set_parameter>);
  add(env, exports, "getParameter", rejecting<get_parameter>);
  add(env, exports, "trim", rejecting<trim>);
  add(env, exports, "forward", rejecting<forward>);
  add(env, exports, "backward", rejecting<backward>);
}

}  // namespace adaptune
