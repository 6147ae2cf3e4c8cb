#include "ops/ref/ref.h"

namespace adaptune {

#define ADAPTUNE_ENTRY(op, Args) .op = ref::op,
const Ops kRefOps = {.name = "ref", ADAPTUNE_OPS(ADAPTUNE_ENTRY)};
#undef ADAPTUNE_ENTRY

}  // namespace adaptune
