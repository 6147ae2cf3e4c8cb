// From a plan to the slices that train: one table of what can train (slots.cc), one flat gradient buffer.
#pragma once
#include "train/trainer.h"

namespace adaptune {

// The plan's adapters, given to the model; null without any.
std::shared_ptr<Adapters> attach_adapters(Model& model, const Plan& plan);

// Lists the slots and places their gradients; m and v stay absent. Throws E_ARGUMENT when the plan does not
// fit. measure: the gradients are where nothing may be read or written, for who asks what they would be.
SlotList list_slots(Model& model, const Plan& plan, bool measure = false);

}  // namespace adaptune
