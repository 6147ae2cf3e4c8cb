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

QkvPart qkv_part(const EncoderConfig& c, Target target) {
  const int64_t queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  if (target == Target::kQuery) return {0, queries};
  return {target == Target::kKey ? queries : queries + keys, keys};
}

void Model::touch() {
  for (Parameter& parameter : parameters_)
    if (parameter.weight) ++parameter.weight->version;
}

}  // namespace adaptune
