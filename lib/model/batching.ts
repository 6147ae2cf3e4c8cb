/** Batches without padding: `ids[total]`, `offsets[batch + 1]`, and type ids where a text has a second part. */
import type { PackedBatch } from '../native/binding.js';
import type { Encoding } from './tokenization.js';

export function packBatch(encodings: readonly Encoding[], rows: ArrayLike<number>): PackedBatch {
  const offsets = new Int32Array(rows.length + 1);
  let paired = false;
  for (let i = 0; i < rows.length; i++) {
    const { ids, typeIds } = encodings[rows[i]!]!;
    offsets[i + 1] = offsets[i]! + ids.length;
    paired ||= typeIds.at(-1) === 1;
  }
  const total = offsets[rows.length]!;
  const ids = new Int32Array(total);
  const typeIds = paired ? new Int32Array(total) : undefined;
  for (let i = 0; i < rows.length; i++) {
    const encoding = encodings[rows[i]!]!;
    ids.set(encoding.ids, offsets[i]);
    typeIds?.set(encoding.typeIds, offsets[i]);
  }
  return typeIds ? { ids, offsets, typeIds } : { ids, offsets };
}

/** Tokens of one inference batch: enough to keep the threads busy, small enough for its activations to stay in cache. */
export const BATCH_TOKENS = 2048;

/**
 * Rows in batches of at most `tokens` tokens (a longer text is a batch of its own), sorted by length, longest first, so
 * that a batch's texts cost about the same. Order decides nothing but speed: a text scores the same in any batch.
 */
export function budgetBatches(encodings: readonly Encoding[], tokens = BATCH_TOKENS): Int32Array[] {
  const length = (row: number): number => encodings[row]!.ids.length;
  const order = Int32Array.from(encodings.keys()).sort((a, b) => length(b) - length(a) || a - b);
  const batches: Int32Array[] = [];
  let begin = 0;
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > begin && sum + length(order[i]!) > tokens) {
      batches.push(order.slice(begin, i));
      begin = i;
      sum = 0;
    }
    sum += length(order[i]!);
  }
  if (begin < order.length) batches.push(order.slice(begin));
  return batches;
}
