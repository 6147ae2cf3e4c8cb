/**
 * Fits pooler and classifier to the [CLS] states of the encoder as it is, before anything else trains: gradients from a random
 * head are noise, for the sensitivity of `adapt` and for the first steps of `full`. Training goes on from the fitted head.
 */
import type { Encoder } from '../model/encoder.js';
import { forwardAll } from '../model/inference.js';
import type { Encoding } from '../model/tokenization.js';
import { wholeSelection } from '../select/units.js';
import { permutation } from '../util/philox.js';
import { takeRows } from './batches.js';
import { Trainer, type TrainedParts } from './trainer.js';

export const HEAD_FIT_TEXTS = 2048;
export const HEAD_FIT_PASSES = 20;

/** AdamW at a constant rate, dropout off. Returns the mean loss of the last pass. */
export async function fitHead(
  encoder: Encoder,
  encodings: readonly Encoding[],
  labels: Int32Array,
  options: { seed: number; batch: number; headLr: number; clip: number },
  hooks: { signal?: AbortSignal | undefined; onProgress?: (done: number, total: number, loss?: number) => void } = {},
): Promise<number> {
  const total = encodings.length * (1 + HEAD_FIT_PASSES);
  const features = await forwardAll(encoder, encodings, 'cls', {
    signal: hooks.signal,
    onProgress: (done) => hooks.onProgress?.(done, total),
  });
  const trainer = new Trainer(encoder, headOnly(encoder));
  try {
    let mean = 0;
    let step = 0;
    for (let pass = 0; pass < HEAD_FIT_PASSES; pass++) {
      const order = permutation(encodings.length, { seed: options.seed, stream: 'sample', step: pass, site: 1 });
      let sum = 0;
      for (let begin = 0; begin < order.length; begin += options.batch) {
        hooks.signal?.throwIfAborted();
        const rows = order.subarray(begin, begin + options.batch);
        const batch = takeRows(features, rows, encodings.length);
        const result = await trainer.headStep(
          batch,
          rows.map((row) => labels[row]!),
          {
            seed: options.seed,
            step: step++,
            lr: { units: 0, head: options.headLr, rows: 0 },
            clip: options.clip,
            dropout: false,
          },
        );
        sum += result.loss * rows.length;
        hooks.onProgress?.(encodings.length * (1 + pass) + begin + rows.length, total, result.loss);
      }
      mean = sum / order.length;
    }
    return mean;
  } finally {
    trainer.close();
  }
}

const headOnly = (encoder: Encoder): TrainedParts => ({
  layers: wholeSelection(encoder.config, false).map((layer) => ({ ...layer, extras: false })),
  embeddings: false,
  newRowsFirst: -1,
  head: true,
});
