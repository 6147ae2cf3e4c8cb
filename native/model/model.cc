#include "model/model.h"

#include <cstring>

#include "model/parameters.h"

namespace adaptune {
namespace {

const EncoderConfig& checked(const EncoderConfig& config) {
  check(config);
  return config;
}

}  // namespace

Model::Model(const EncoderConfig& config)
    : config(checked(config)),
      layers(static_cast<size_t>(config.layers)),
      storage_(static_cast<size_t>(parameter_floats(config)) * sizeof(float)) {
  std::memset(storage_.data(), 0, storage_.bytes());
  parameters_ = bind_parameters(*this, storage_.as<float>());
}

Parameter* Model::find(const std::string& name) {
  for (Parameter& parameter : parameters_)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

void Model::touch() {
  for (Parameter& parameter : parameters_)
    if (parameter.weight) ++parameter.weight->version;
}

}  // namespace adaptune
