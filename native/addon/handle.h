// Handles: JavaScript objects that own a share of a native object. Type-tagged, so that no foreign object
// passes for one; closing drops the share, and the object goes with its last one (a running job and a trainer
// hold theirs).
#pragma once
#include <memory>

#include "addon/js.h"
#include "addon/kernel.h"
#include "runtime/device.h"
#include "train/trainer.h"

namespace adaptune {

struct DeviceModel {
  DeviceModel(std::shared_ptr<Device> on, const EncoderConfig& config)
      : device(std::move(on)), model(config) {}
  std::shared_ptr<Device> device;
  Model model;
};

struct DeviceTrainer {
  DeviceTrainer(std::shared_ptr<DeviceModel> on, const Engine& engine, const Plan& plan)
      : base(std::move(on)), trainer(engine, base->model, plan) {}
  std::shared_ptr<DeviceModel> base;
  Trainer trainer;
};

struct DeviceCalibration {
  DeviceCalibration(std::shared_ptr<DeviceModel> on, const Engine& engine, Importance importance)
      : base(std::move(on)), calibration(engine, base->model, importance) {}
  std::shared_ptr<DeviceModel> base;
  Calibration calibration;
};

struct DeviceKernel {
  std::shared_ptr<Device> device;
  std::unique_ptr<Kernel> kernel;
};

enum class Kind { kDevice, kModel, kTrainer, kCalibration, kKernel, kToken };

template <class T>
inline constexpr Kind kKindOf = Kind::kToken;
template <>
inline constexpr Kind kKindOf<Device> = Kind::kDevice;
template <>
inline constexpr Kind kKindOf<DeviceModel> = Kind::kModel;
template <>
inline constexpr Kind kKindOf<DeviceTrainer> = Kind::kTrainer;
template <>
inline constexpr Kind kKindOf<DeviceCalibration> = Kind::kCalibration;
template <>
inline constexpr Kind kKindOf<DeviceKernel> = Kind::kKernel;

napi_value make_handle(napi_env env, Kind kind, std::shared_ptr<void> object);
// Throws E_ARGUMENT (no handle, or of another kind) or E_CLOSED.
std::shared_ptr<void> open_handle(const Value& value, Kind kind);
// Drops the handle's share; a second time does nothing.
void close_handle(const Value& value);

template <class T>
napi_value make_handle(napi_env env, std::shared_ptr<T> object) {
  return make_handle(env, kKindOf<T>, std::static_pointer_cast<void>(std::move(object)));
}

template <class T>
std::shared_ptr<T> open_handle(const Value& value) {
  return std::static_pointer_cast<T>(open_handle(value, kKindOf<T>));
}

}  // namespace adaptune
