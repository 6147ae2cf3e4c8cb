/** First values of the word table's new rows. */
import { AdaptuneError } from '../errors.js';
import { fillNormal } from '../util/philox.js';
import { WORD_TABLE } from './weights.js';

export interface Growth {
  /** Base ids that each new token stands for. */
  pieces: readonly Int32Array[];
  /**
   * `mean`: of the pieces' rows. `random`: normal with mean 0 and the standard deviation of the table's weights (the paper's).
   * `noisy-mean`: mean of the pieces' rows plus normal noise of a tenth of that deviation, so that tokens of the same
   * pieces start apart.
   */
  init: 'mean' | 'random' | 'noisy-mean';
  /** Id of the first new token; default: behind the table. A table may be larger than its vocabulary (padded rows). */
  first?: number;
}

const NOISE = 0.1;
/** Site of the random numbers: rows keep their values when parameters are added before them. */
const SITE = 1 << 16;

/** What of an encoder is needed. */
interface Target {
  config: { hidden: number };
  get(name: string): Promise<Float32Array>;
  set(name: string, values: Float32Array, firstRow: number): Promise<void>;
}

export async function growRows(
  encoder: Target,
  growth: Growth,
  place: { first: number; stored: number; seed: number },
): Promise<void> {
  const { hidden } = encoder.config;
  const { first, stored, seed } = place;
  if (!Number.isInteger(first) || first < 1 || first > stored) {
    throw new AdaptuneError(
      'E_TOKENIZER',
      `expected the first new token at 1 to ${stored}, the rows of the word table, came ${first}`,
    );
  }
  const table = await encoder.get(WORD_TABLE);
  const rows = new Float32Array(growth.pieces.length * hidden);
  if (growth.init !== 'mean') {
    const deviation = standardDeviation(table.subarray(0, first * hidden));
    fillNormal(rows, { seed, stream: 'init', site: SITE }, growth.init === 'random' ? deviation : NOISE * deviation);
  }
  if (growth.init !== 'random') {
    for (const [token, pieces] of growth.pieces.entries()) {
      const wrong = pieces.find((id) => id < 0 || id >= first);
      if (pieces.length === 0 || wrong !== undefined) {
        throw new AdaptuneError(
          'E_TOKENIZER',
          `expected new token ${token} to stand for ids from 0 to ${first - 1}, came ${wrong ?? 'none'}`,
        );
      }
      for (let i = 0; i < hidden; i++) {
        let sum = 0;
        for (const id of pieces) sum += table[id * hidden + i]!;
        rows[token * hidden + i]! += sum / pieces.length;
      }
    }
  }
  await encoder.set(WORD_TABLE, rows, first);
}

function standardDeviation(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / values.length);
}
