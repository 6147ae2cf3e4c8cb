/** Logits of any number of texts: batches by token budget, results in the order of the texts. */
import { AdaptuneError } from '../errors.js';
import type { Encoder } from './encoder.js';
import { budgetBatches, packBatch } from './batching.js';
import type { Encoding } from './tokenization.js';

export interface InferenceHooks {
  signal?: AbortSignal | undefined;
  /** Tokens of a batch; a longer text is a batch of its own. */
  batchTokens?: number | undefined;
  /** Texts done. */
  onProgress?: ((done: number) => void) | undefined;
}

/** [texts, width], rows in the order of `encodings`; width is `classes` for logits, H for the pooled and [CLS] states. */
export async function forwardAll(
  encoder: Encoder,
  encodings: readonly Encoding[],
  output: 'logits' | 'pooled' | 'cls',
  hooks: InferenceHooks = {},
): Promise<Float32Array> {
  const width = output === 'logits' ? encoder.config.classes : encoder.config.hidden;
  const out = new Float32Array(encodings.length * width);
  let done = 0;
  for (const rows of budgetBatches(encodings, hooks.batchTokens)) {
    const values = await encoder.forward(packBatch(encodings, rows), output, hooks.signal);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const row = rows[Math.floor(bad / width)]!;
      throw new AdaptuneError(
        'E_MODEL_VALUE',
        `expected finite ${output} but text ${row} has ${values[bad]}: the weights are broken`,
      );
    }
    rows.forEach((row, i) => out.set(values.subarray(i * width, (i + 1) * width), row * width));
    hooks.onProgress?.((done += rows.length));
  }
  return out;
}
