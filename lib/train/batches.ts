/** The training texts step by step: which rows step s takes is a function of (seed, s) alone, so a resumed run sees the same. */
import type { PackedBatch } from '../native/binding.js';
import { packBatch } from '../model/batching.js';
import type { Encoding } from '../model/tokenization.js';
import { permutation } from '../util/philox.js';

export interface TrainBatch {
  batch: PackedBatch;
  labels: Int32Array;
  /** Tokens before merging. */
  baseTokens: number;
}

export class TrainBatches {
  /** Steps of one epoch; the last takes what is left. */
  readonly perEpoch: number;
  #epoch = -1;
  #order: Int32Array = new Int32Array(0);

  constructor(
    readonly encodings: readonly Encoding[],
    readonly labels: Int32Array,
    readonly options: { batch: number; seed: number },
  ) {
    this.perEpoch = Math.ceil(encodings.length / options.batch);
  }

  /** Rows of step `step`, counted over all epochs from 0. Fisher-Yates by (seed, epoch), no grouping by length. */
  rows(step: number): Int32Array {
    const epoch = Math.floor(step / this.perEpoch);
    if (epoch !== this.#epoch) {
      this.#order = permutation(this.encodings.length, { seed: this.options.seed, stream: 'order', step: epoch });
      this.#epoch = epoch;
    }
    const begin = (step % this.perEpoch) * this.options.batch;
    return this.#order.subarray(begin, begin + this.options.batch);
  }

  at(step: number): TrainBatch {
    const rows = this.rows(step);
    let baseTokens = 0;
    for (const row of rows) baseTokens += this.encodings[row]!.baseTokens;
    return {
      batch: { ...packBatch(this.encodings, rows), texts: rows },
      labels: rows.map((row) => this.labels[row]!),
      baseTokens,
    };
  }
}

/** Rows of a matrix that holds one row for each of `total` texts. */
export function takeRows(matrix: Float32Array, rows: Int32Array, total: number): Float32Array {
  const width = matrix.length / total;
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(matrix.subarray(row * width, (row + 1) * width), i * width));
  return out;
}
