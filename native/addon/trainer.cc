// Trainers: steps, and the optimizer state that checkpoints save and restore.
#include <cfloat>
#include <chrono>
#include <cmath>

#include "addon/entry.h"
#include "addon/environment.h"
#include "addon/inputs.h"
#include "train/footprint.h"

namespace adaptune {
namespace {

constexpr int64_t kSafe = (int64_t{1} << 53) - 1;

struct Timed {
  StepResult result;
  double seconds;
};

template <class F>
Timed timed(F&& step) {
  const auto begin = std::chrono::steady_clock::now();
  const StepResult result = step();
  return {result, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
}

napi_value to_step_result(napi_env env, const Timed& timed) {
  const napi_value object = js_object(env);
  js_set(env, object, "loss", js_number(env, timed.result.loss));
  js_set(env, object, "gradNorm", js_number(env, timed.result.grad_norm));
  js_set(env, object, "finite", js_boolean(env, timed.result.finite));
  js_set(env, object, "cached", js_number(env, static_cast<double>(timed.result.cached)));
  js_set(env, object, "seconds", js_number(env, timed.seconds));
  return object;
}

napi_value to_undefined(napi_env env, bool) { return js_undefined(env); }

napi_value create_trainer(const Call& call) {
  const auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  const Plan plan = read_plan(call.argument(1, "plan"), model->model.config);
  std::shared_ptr<DeviceTrainer> trainer;
  model->device->run(
      [&](const Engine& engine) { trainer = std::make_shared<DeviceTrainer>(model, engine, plan); });
  return make_handle(call.env, std::move(trainer));
}

// Per text, finite and not negative; null: 1 each.
Copy<float> read_weights(const Value& value, int64_t texts) {
  Copy<float> weights = value.float32_array();
  ADAPTUNE_CHECK(weights.count == texts, E_ARGUMENT, "expected %lld weights for %s but received %lld",
                 static_cast<long long>(texts), value.name().c_str(), static_cast<long long>(weights.count));
  for (int64_t i = 0; i < weights.count; ++i) {
    const float weight = weights.data()[i];
    ADAPTUNE_CHECK(weight >= 0 && weight <= FLT_MAX, E_ARGUMENT,
                   "expected finite weights of at least 0 for %s but received %g at %lld",
                   value.name().c_str(), static_cast<double>(weight), static_cast<long long>(i));
  }
  return weights;
}

napi_value train_step(const Call& call) {
  auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  const EncoderConfig& config = trainer->base->model.config;
  BatchCopy batch = read_batch(call.argument(1, "batch"), config);
  const int64_t sequences = batch.view().sequences;
  Copy<int32_t> texts = read_texts(call.argument(1, "batch"), sequences);
  Copy<int32_t> labels = read_labels(call.argument(2, "labels"), sequences, config.classes);
  const Value weighted = call.argument(3, "weights");
  Copy<float> weights;
  if (!weighted.null()) weights = read_weights(weighted, sequences);
  const StepOptions options = read_step(call.argument(4, "options"));
  std::shared_ptr<Token> token = read_token(call.argument(5, "token"));
  Device& device = *trainer->base->device;
  return start(
      call.env, device, std::move(token),
      [trainer, batch = std::move(batch), texts = std::move(texts), labels = std::move(labels),
       weights = std::move(weights), options](const Engine&) {
        return timed([&] {
          return trainer->trainer.step(batch.view(), labels.data(), weights.data(), options, texts.data());
        });
      },
      to_step_result);
}

napi_value head_step(const Call& call) {
  auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  const EncoderConfig& config = trainer->base->model.config;
  Copy<float> features = call.argument(1, "features").float32_array();
  const int64_t texts = features.count / config.hidden;
  ADAPTUNE_CHECK(texts >= 1 && features.count % config.hidden == 0, E_ARGUMENT,
                 "expected a multiple of %lld floats for features but received %lld",
                 static_cast<long long>(config.hidden), static_cast<long long>(features.count));
  Copy<int32_t> labels = read_labels(call.argument(2, "labels"), texts, config.classes);
  const StepOptions options = read_step(call.argument(3, "options"));
  Device& device = *trainer->base->device;
  return start(
      call.env, device, nullptr,
      [trainer, features = std::move(features), labels = std::move(labels), options, texts,
       hidden = config.hidden](const Engine&) {
        const Matrix x = matrix(features.buffer.as<float>(), texts, hidden);
        return timed([&] { return trainer->trainer.head_step(x, labels.data(), options); });
      },
      to_step_result);
}

napi_value training_memory(const Call& call) {
  const auto model = open_handle<DeviceModel>(call.argument(0, "model"));
  const Plan plan = read_plan(call.argument(1, "plan"), model->model.config);
  const auto size = [&](size_t index, const char* name) {
    const Value value = call.argument(index, name);
    return BatchSize{value["tokens"].integer(1, INT32_MAX), value["texts"].integer(1, INT32_MAX)};
  };
  const BatchSize piece = size(2, "piece"), batch = size(3, "batch");
  const bool cached = call.argument(4, "cached").boolean();
  Footprint bytes = {};
  model->device->run([&](const Engine& engine) {
    bytes = footprint(model->model, plan, piece, batch, cached, engine.context.pool->size());
  });
  const napi_value object = js_object(call.env);
  const auto set = [&](const char* key, int64_t value) {
    js_set(call.env, object, key, js_number(call.env, static_cast<double>(value)));
  };
  set("optimizer", bytes.optimizer);
  set("packs", bytes.packs);
  set("activations", bytes.activations);
  set("scratch", bytes.scratch);
  set("inference", bytes.inference);
  return object;
}

// Runs work(Trainer&) as a job; the promise is fulfilled with undefined.
template <class Work>
napi_value change(const Call& call, const std::shared_ptr<DeviceTrainer>& trainer, Work work) {
  return start(
      call.env, *trainer->base->device, nullptr,
      [trainer, work](const Engine&) {
        work(trainer->trainer);
        return true;
      },
      to_undefined);
}

napi_value freeze_rows(const Call& call) {
  return change(call, open_handle<DeviceTrainer>(call.argument(0, "trainer")),
                [](Trainer& trainer) { trainer.freeze_rows(); });
}

napi_value keep_prefix(const Call& call) {
  const auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  const int64_t texts = call.argument(1, "texts").integer(0, INT32_MAX);
  const int64_t bytes = call.argument(2, "bytes").integer(0, kSafe);
  return change(call, trainer,
                [texts, bytes](Trainer& kept) { kept.keep_prefix(texts, static_cast<size_t>(bytes)); });
}

napi_value merge_adapters(const Call& call) {
  return change(call, open_handle<DeviceTrainer>(call.argument(0, "trainer")),
                [](Trainer& trainer) { trainer.merge_adapters(); });
}

napi_value trainer_floor(const Call& call) {
  const auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  int64_t floor = 0;
  trainer->base->device->run([&](const Engine&) { floor = trainer->trainer.floor(); });
  return js_number(call.env, static_cast<double>(floor));
}

napi_value trainer_slots(const Call& call) {
  struct Row {
    std::string name;
    Group group;
    int64_t rows, cols, t;
  };
  const auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  std::vector<Row> slots;
  trainer->base->device->run([&](const Engine&) {
    for (const Slot& slot : trainer->trainer.slots()) {
      slots.push_back({slot.name, slot.group, slot.compact_rows, slot.compact_cols, slot.t});
    }
  });
  constexpr const char* kGroups[] = {"units", "head", "rows"};
  std::vector<napi_value> items;
  for (const Row& row : slots) {
    const napi_value item = js_object(call.env);
    js_set(call.env, item, "name", js_string(call.env, row.name));
    js_set(call.env, item, "group", js_string(call.env, kGroups[static_cast<int>(row.group)]));
    js_set(call.env, item, "rows", js_number(call.env, static_cast<double>(row.rows)));
    js_set(call.env, item, "cols", js_number(call.env, static_cast<double>(row.cols)));
    js_set(call.env, item, "t", js_number(call.env, static_cast<double>(row.t)));
    items.push_back(item);
  }
  return js_array(call.env, items);
}

enum class Field { kValue, kM, kV, kGrad };

// On the dispatcher: slots change when rows freeze.
Slot& slot_at(DeviceTrainer& trainer, int64_t index) {
  std::vector<Slot>& slots = trainer.trainer.slots();
  ADAPTUNE_CHECK(index < static_cast<int64_t>(slots.size()), E_ARGUMENT,
                 "expected a slot below %zu but received %lld", slots.size(), static_cast<long long>(index));
  return slots[static_cast<size_t>(index)];
}

// The address of element (row, column) of a slot's field.
float* element(const Slot& slot, Field field, int64_t row, int64_t column) {
  if (field == Field::kValue) {
    const int64_t r = slot.rows.empty() ? row : slot.rows[static_cast<size_t>(row)];
    const int64_t c = slot.columns.empty() ? column : slot.columns[static_cast<size_t>(column)];
    return slot.w.f32() + r * slot.w.ld + c;
  }
  const Matrix& matrix = field == Field::kM ? slot.m : field == Field::kV ? slot.v : slot.grad;
  ADAPTUNE_CHECK(matrix, E_ARGUMENT, "expected a slot that still trains but %s is frozen", slot.name.c_str());
  return matrix.f32() + row * matrix.ld + column;
}

napi_value get_slot(const Call& call) {
  auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  const int64_t index = call.argument(1, "index").integer(0, INT32_MAX);
  const Field field = static_cast<Field>(call.argument(2, "field").choice({"value", "m", "v", "grad"}));
  struct Floats {
    Buffer buffer;
    int64_t count;
  };
  Device& device = *trainer->base->device;
  return start(
      call.env, device, nullptr,
      [trainer, index, field](const Engine&) {
        const Slot& slot = slot_at(*trainer, index);
        const int64_t count = slot.compact_rows * slot.compact_cols;
        Floats floats{Buffer(static_cast<size_t>(count) * sizeof(float)), count};
        float* out = floats.buffer.as<float>();
        for (int64_t r = 0; r < slot.compact_rows; ++r) {
          for (int64_t c = 0; c < slot.compact_cols; ++c) *out++ = *element(slot, field, r, c);
        }
        return floats;
      },
      [](napi_env env, const Floats& floats) {
        return js_float32_array(env, floats.buffer.as<float>(), floats.count);
      });
}

napi_value set_slot(const Call& call) {
  auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  const int64_t index = call.argument(1, "index").integer(0, INT32_MAX);
  const Field field = static_cast<Field>(call.argument(2, "field").choice({"value", "m", "v"}));
  Copy<float> data = call.argument(3, "data").float32_array();
  for (int64_t i = 0; i < data.count; ++i) {
    ADAPTUNE_CHECK(std::isfinite(data.data()[i]), E_MODEL_VALUE,
                   "expected finite values for data but %lld is not", static_cast<long long>(i));
  }
  Device& device = *trainer->base->device;
  return start(
      call.env, device, nullptr,
      [trainer, index, field, data = std::move(data)](const Engine&) {
        Slot& slot = slot_at(*trainer, index);
        const int64_t count = slot.compact_rows * slot.compact_cols;
        ADAPTUNE_CHECK(data.count == count, E_ARGUMENT, "expected %lld values for %s but received %lld",
                       static_cast<long long>(count), slot.name.c_str(), static_cast<long long>(data.count));
        const float* in = data.data();
        for (int64_t r = 0; r < slot.compact_rows; ++r) {
          for (int64_t c = 0; c < slot.compact_cols; ++c) *element(slot, field, r, c) = *in++;
        }
        if (field == Field::kValue && slot.weight) ++slot.weight->version;
        return true;
      },
      to_undefined);
}

napi_value set_slot_step(const Call& call) {
  auto trainer = open_handle<DeviceTrainer>(call.argument(0, "trainer"));
  const int64_t index = call.argument(1, "index").integer(0, INT32_MAX);
  const int64_t t = call.argument(2, "t").integer(0, kSafe);
  Device& device = *trainer->base->device;
  return start(
      call.env, device, nullptr,
      [trainer, index, t](const Engine&) {
        slot_at(*trainer, index).t = t;
        return true;
      },
      to_undefined);
}

}  // namespace

void add_trainer(napi_env env, napi_value exports) {
  add(env, exports, "createTrainer", throwing<create_trainer>);
  add(env, exports, "trainStep", rejecting<train_step>);
  add(env, exports, "headStep", rejecting<head_step>);
  add(env, exports, "trainingMemory", throwing<training_memory>);
  add(env, exports, "freezeRows", rejecting<freeze_rows>);
  add(env, exports, "keepPrefix", rejecting<keep_prefix>);
  add(env, exports, "mergeAdapters", rejecting<merge_adapters>);
  add(env, exports, "trainerFloor", throwing<trainer_floor>);
  add(env, exports, "trainerSlots", throwing<trainer_slots>);
  add(env, exports, "getSlot", rejecting<get_slot>);
  add(env, exports, "setSlot", rejecting<set_slot>);
  add(env, exports, "setSlotStep", rejecting<set_slot_step>);
}

}  // namespace adaptune
