// From a plan to the slices that train: one table of what can train (slots.cc), one flat gradient buffer.
#pragma once
#include "train/trainer.h"

namespace adaptune {

// Lists the slots and places their gradients; m and v stay absent. Throws E_ARGUMENT when the plan does not
// fit.
SlotList list_slots(Model& model, const Plan& plan);

}  // namespace adaptune
