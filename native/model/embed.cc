#include "model/pass.h"

namespace adaptune {

void embed_forward(const Pass& pass, const Matrix& out) {
  const Model& m = pass.model;
  const Batch& batch = pass.batch;
  const Activations& a = pass.saved;
  pass.ops().embed_fwd(pass.context(), {.ids = batch.ids,
                                        .offsets = batch.offsets,
                                        .sequences = batch.sequences,
                                        .type_ids = batch.type_ids,
                                        .word = m.word,
                                        .position = m.position,
                                        .type = m.type,
                                        .out = a.embedding_sum});
  pass.ops().norm_fwd(pass.context(), {.x = a.embedding_sum,
                                       .gamma = m.embedding_norm_gamma,
                                       .beta = m.embedding_norm_beta,
                                       .eps = m.config.norm_eps,
                                       .y = out,
                                       .mean = a.embedding_mean.f32(),
                                       .rstd = a.embedding_rstd.f32()});
  if (pass.floor >= 0) return;
  const Dropout dropout = pass.embedding_dropout();
  if (dropout.p > 0) pass.ops().dropout(pass.context(), {out, out, dropout});
}

void embed_backward(const Pass& pass, const Matrix& d) {
  const Model& m = pass.model;
  const Batch& batch = pass.batch;
  const Activations& a = pass.saved;
  const Gradients& g = *pass.gradients;
  const Dropout dropout = pass.embedding_dropout();
  if (dropout.p > 0) pass.ops().dropout(pass.context(), {d, d, dropout});
  pass.ops().norm_bwd(pass.context(), {.dy = d,
                                       .sum = a.embedding_sum,
                                       .mean = a.embedding_mean.f32(),
                                       .rstd = a.embedding_rstd.f32(),
                                       .gamma = m.embedding_norm_gamma,
                                       .dsum = d,
                                       .dgamma = g.embedding_norm_gamma,
                                       .dbeta = g.embedding_norm_beta});
  pass.ops().embed_bwd(pass.context(), {.ids = batch.ids,
                                        .offsets = batch.offsets,
                                        .sequences = batch.sequences,
                                        .type_ids = batch.type_ids,
                                        .dx = d,
                                        .first_row = g.word_first_row,
                                        .dword = g.word,
                                        .dposition = g.position,
                                        .dtype = g.type});
}

}  // namespace adaptune
