// The one parameter list: every tensor of a model, its shape, where in Model it lives, and its place in the
// storage.
#pragma once
#include "model/model.h"

namespace adaptune {

// Floats that a model of this shape holds, padding included.
int64_t parameter_floats(const EncoderConfig& config);

// Points the model's members into storage [parameter_floats] and returns the named list.
std::vector<Parameter> bind_parameters(Model& model, float* storage);

}  // namespace adaptune
