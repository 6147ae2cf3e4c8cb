/**
 * Parts of a training file: fewer texts, or texts that are not drawn evenly, so that methods can be compared where data are
 * scarce or skewed. A function of share, bias and seed alone; every label keeps at least one text.
 */
import { permutation } from '../util/philox.js';
import { proportionalShares } from '../train/split.js';

/**
 * none: every label with its share. label: every second label, in an order drawn by the seed, at a fifth of its share, the
 * others make up for it. length: of each label the shortest texts.
 */
export const BIASES = ['none', 'label', 'length'] as const;
export type Bias = (typeof BIASES)[number];

export interface Sample {
  /** Of the training texts, above 0 to 1. */
  share: number;
  bias: Bias;
}

/** What every second label keeps of its share under the bias `label`. */
const RARE = 0.2;

/** Row numbers, ascending. `seed` decides which rows, and which labels become rare. */
export function sampleRows(
  texts: readonly string[],
  labels: readonly string[],
  { share, bias }: Sample,
  seed: number,
): number[] {
  const byLabel = new Map<string, number[]>([...new Set(labels)].sort().map((label) => [label, []]));
  for (const row of permutation(labels.length, { seed, stream: 'sample' })) byLabel.get(labels[row]!)!.push(row);
  const groups = [...byLabel.values()];
  if (bias === 'length') for (const rows of groups) rows.sort((a, b) => texts[a]!.length - texts[b]!.length || a - b);

  const total = Math.max(groups.length, Math.round(share * labels.length));
  const sizes = groups.map((rows) => rows.length);
  const wanted = bias === 'label' ? rarified(sizes, total, seed) : proportionalShares(sizes, total);
  const taken = atLeastOne(wanted, sizes, total);
  return groups.flatMap((rows, i) => rows.slice(0, taken[i])).sort((a, b) => a - b);
}

/** Shares of `total` in which every second label has a fifth of its weight; no more of a label than there is. */
function rarified(sizes: readonly number[], total: number, seed: number): number[] {
  const rare = new Set(permutation(sizes.length, { seed, stream: 'sample', site: 1 }).filter((_, i) => i % 2 === 1));
  const left = sizes.map((size) => size);
  const taken = sizes.map(() => 0);
  // What a label cannot give, because all of it is taken, the others give by the same weights.
  for (let missing = total; missing > 0;) {
    const weights = left.map((size, i) => (size === 0 ? 0 : sizes[i]! * (rare.has(i) ? RARE : 1) * 1000));
    const shares = proportionalShares(weights, Math.min(missing, sum(left)));
    for (const [i, more] of shares.entries()) {
      const step = Math.min(more, left[i]!);
      taken[i]! += step;
      left[i]! -= step;
      missing -= step;
    }
    if (sum(left) === 0) break;
  }
  return taken;
}

/** The same total, taken from the largest where a label would have none. */
function atLeastOne(shares: readonly number[], sizes: readonly number[], total: number): number[] {
  const taken = shares.map((share, i) => Math.max(1, Math.min(share, sizes[i]!)));
  for (let over = sum(taken) - total; over > 0; over--) {
    const largest = taken.reduce((best, size, i) => (size > taken[best]! ? i : best), 0);
    taken[largest]! -= 1;
  }
  return taken;
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
