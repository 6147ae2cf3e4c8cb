/** Scores of a classifier on labelled texts. */
import { forwardAll, type InferenceHooks } from '../model/inference.js';
import type { Encoder } from '../model/encoder.js';
import type { Encoding } from '../model/tokenization.js';
import { argmaxRows, classificationMetrics, type Metrics } from './metrics.js';

export interface EncodedPart {
  encodings: readonly Encoding[];
  labels: Int32Array;
}

export async function evaluateEncoded(
  encoder: Encoder,
  part: EncodedPart,
  labels: readonly string[],
  hooks: InferenceHooks = {},
): Promise<Metrics> {
  const logits = await forwardAll(encoder, part.encodings, 'logits', hooks);
  return classificationMetrics(part.labels, argmaxRows(logits, labels.length), labels);
}
