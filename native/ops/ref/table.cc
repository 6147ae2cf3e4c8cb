#include "ops/ref/ref.h"

namespace adaptune {

const Ops kRefOps = {
    "ref",           ref::gemm,          ref::embed_fwd,     ref::embed_bwd, ref::norm_fwd,
    ref::norm_bwd,   ref::attention_fwd, ref::attention_bwd, ref::dropout,   ref::loss,
    ref::column_sum, ref::sum_squares,   ref::moments,       ref::adamw,     ref::gather_rows,
};

}  // namespace adaptune
