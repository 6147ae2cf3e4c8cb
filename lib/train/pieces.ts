/**
 * How many tokens go through the model at once in a training step. Activations are all that depends on it; what it costs is
 * the packing of changing weights once more for each further piece.
 */
import type { BatchSize, EncoderConfig } from '../native/binding.js';
import { type LayerSelection, layerWeights, selectionWeights } from '../select/units.js';
import type { TrainBatches } from './batches.js';

/** Full finetuning holds gradients and moments that are about as large as the activations of so many tokens. */
const DENSE = 4096;
/** Where a few units train there is little beside the activations. */
const SPARSE = 2048;
/** Trained share of the layers' matrix weights from which a plan is dense. */
const DENSE_SHARE = 0.25;

/** A rule of the plan and nothing else, because cutting elsewhere would round sums of gradients in another way. */
export function pieceTokens(config: EncoderConfig, { layers }: { layers: readonly LayerSelection[] }): number {
  return selectionWeights(config, layers) < DENSE_SHARE * layers.length * layerWeights(config) ? SPARSE : DENSE;
}

/** Rows in runs of at most `batch`, and of at most `most` tokens unless one text has more. */
export function* runsOf(rows: readonly number[], batch: number, most: number, length: (row: number) => number) {
  for (let begin = 0, end = 0; begin < rows.length; begin = end) {
    let tokens = length(rows[end++]!);
    while (end < rows.length && end - begin < batch && (tokens += length(rows[end]!)) <= most) end++;
    yield rows.slice(begin, end);
  }
}

/** At least the size of every piece of every batch of a run. */
export function largestPiece(batches: TrainBatches, epochs: number, most: number): BatchSize {
  const largest: BatchSize = { tokens: 0, texts: 0 };
  for (let step = 0; step < epochs * batches.perEpoch; step++) {
    const lengths = Array.from(batches.rows(step), (row) => batches.encodings[row]!.ids.length);
    const tokens = lengths.reduce((a, b) => a + b, 0);
    const pieces = Math.ceil(tokens / most);
    // Texts are not cut: a piece ends up to one text away from where it would.
    const more = pieces > 1 && tokens % pieces !== 0 ? Math.max(...lengths) - 1 : 0;
    largest.tokens = Math.max(largest.tokens, Math.ceil(tokens / pieces) + more);
    largest.texts = Math.max(largest.texts, lengths.length);
  }
  return largest;
}
