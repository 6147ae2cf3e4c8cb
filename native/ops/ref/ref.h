// The slow, obvious oracle: one thread, sums in double, float storage between ops. One file per family of
// ops.
#pragma once
#include "ops/ops.h"

namespace adaptune::ref {

void gemm(const Context&, const GemmArgs&);
void embed_fwd(const Context&, const EmbedArgs&);
void embed_bwd(const Context&, const EmbedBwdArgs&);
void norm_fwd(const Context&, const NormFwdArgs&);
void norm_bwd(const Context&, const NormBwdArgs&);
void attention_fwd(const Context&, const AttentionArgs&);
void attention_bwd(const Context&, const AttentionBwdArgs&);
void dropout(const Context&, const DropoutArgs&);
void loss(const Context&, const LossArgs&);
void column_sum(const Context&, const ColumnSumArgs&);
void sum_squares(const Context&, const SumSquaresArgs&);
void moments(const Context&, const MomentsArgs&);
void adamw(const Context&, const AdamwArgs&);
void gather_rows(const Context&, const GatherRowsArgs&);

inline float& at(const Matrix& m, int64_t row, int64_t col) { return m.f32()[row * m.ld + col]; }

// 0, or the factor that dropout multiplies element `element` by.
double dropout_factor(const Dropout& d, int64_t element);

}  // namespace adaptune::ref
