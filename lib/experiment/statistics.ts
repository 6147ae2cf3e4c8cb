/**
 * Whether a difference between two methods is more than chance. Seeds are paired: both methods ran with each of them.
 * Intervals are percentile bootstrap intervals (Efron & Tibshirani 1993, ch. 13); p is exact where that is possible.
 */
import { Words } from '../util/philox.js';

export const RESAMPLES = 10_000;
/** Sign patterns up to here are all gone through. */
const EXACT_SEEDS = 12;

export interface Spread {
  n: number;
  mean: number;
  /** With n - 1; null for one value. */
  sd: number | null;
}

export const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export function spreadOf(values: readonly number[]): Spread {
  const n = values.length;
  const mean = meanOf(values);
  const sd = n > 1 ? Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)) : null;
  return { n, mean, sd };
}

/** Statistic of `resamples` samples with replacement of indices 0 to n - 1, ascending. */
export function bootstrap(
  n: number,
  statistic: (sample: Int32Array) => number,
  { resamples = RESAMPLES, seed = 1 } = {},
): Float64Array {
  const words = new Words({ seed, stream: 'sample', site: 2 });
  const sample = new Int32Array(n);
  return Float64Array.from({ length: resamples }, () => {
    for (let i = 0; i < n; i++) sample[i] = words.below(n);
    return statistic(sample);
  }).sort();
}

/** The middle `level` of ascending values. */
export function interval(sorted: Float64Array, level: number): { low: number; high: number } {
  const cut = Math.floor(((1 - level) / 2) * sorted.length + 1e-9);
  return { low: sorted[cut]!, high: sorted[sorted.length - 1 - cut]! };
}

/** Bootstrap distribution of the mean. */
export function bootstrapMean(
  values: readonly number[],
  options?: { resamples?: number; seed?: number },
): Float64Array {
  return bootstrap(values.length, (sample) => sample.reduce((sum, i) => sum + values[i]!, 0) / sample.length, options);
}

/**
 * Two-sided p of a mean difference of 0: how often random signs of the differences give a mean as far from 0. All 2^n
 * patterns up to 12 differences, 10,000 random ones above. n differences cannot give less than 2^(1 - n).
 */
export function signFlipP(differences: readonly number[], { seed = 1 } = {}): number {
  const n = differences.length;
  const observed = Math.abs(differences.reduce((a, b) => a + b, 0));
  // Sums in another order differ in the last bits.
  const least = observed - 1e-12 * differences.reduce((sum, value) => sum + Math.abs(value), 0);
  const sum = (sign: (i: number) => boolean) =>
    Math.abs(differences.reduce((total, value, i) => total + (sign(i) ? value : -value), 0));
  if (n <= EXACT_SEEDS) {
    let far = 0;
    for (let pattern = 0; pattern < 2 ** n; pattern++) if (sum((i) => (pattern >> i) % 2 === 1) >= least) far++;
    return far / 2 ** n;
  }
  const words = new Words({ seed, stream: 'sample', site: 3 });
  let far = 1;
  for (let i = 0; i < RESAMPLES; i++) if (sum(() => words.next() % 2 === 1) >= least) far++;
  return far / (RESAMPLES + 1);
}

/** Two-sided p of a difference of 0 from a bootstrap distribution of the difference: twice the smaller tail beyond 0. */
export function tailP(sorted: Float64Array): number {
  const below = sorted.filter((value) => value <= 0).length;
  const above = sorted.filter((value) => value >= 0).length;
  return Math.min(1, (2 * (1 + Math.min(below, above))) / (sorted.length + 1));
}

/**
 * Holm (1979): p values such that calling all below alpha a difference errs at most with probability alpha in the whole
 * family. `share` of each: the part of alpha that its own step may use.
 */
export function holm(ps: readonly number[]): { p: number; share: number }[] {
  const m = ps.length;
  const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]! || a - b);
  const out = ps.map(() => ({ p: 1, share: 1 }));
  let largest = 0;
  for (const [step, i] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (m - step) * ps[i]!));
    out[i] = { p: largest, share: 1 / (m - step) };
  }
  return out;
}

/**
 * Macro-F1 of each list of predictions on samples with replacement of the same texts: [method][resample], not sorted, so that
 * differences are paired. Labels count when they occur in the sample's gold labels or predictions.
 */
export function bootstrapTexts(
  gold: Int32Array,
  predictions: readonly Int32Array[],
  classes: number,
  { resamples = RESAMPLES, seed = 1 } = {},
): Float64Array[] {
  const n = gold.length;
  const words = new Words({ seed, stream: 'sample', site: 4 });
  const out = predictions.map(() => new Float64Array(resamples));
  const support = new Int32Array(classes);
  const said = predictions.map(() => new Int32Array(classes));
  const hits = predictions.map(() => new Int32Array(classes));
  for (let r = 0; r < resamples; r++) {
    for (const counts of [support, ...said, ...hits]) counts.fill(0);
    for (let i = 0; i < n; i++) {
      const row = words.below(n);
      const label = gold[row]!;
      support[label]! += 1;
      for (let m = 0; m < predictions.length; m++) {
        const guess = predictions[m]![row]!;
        said[m]![guess]! += 1;
        if (guess === label) hits[m]![label]! += 1;
      }
    }
    for (let m = 0; m < predictions.length; m++) {
      let sum = 0;
      let labels = 0;
      for (let c = 0; c < classes; c++) {
        const both = support[c]! + said[m]![c]!;
        if (both === 0) continue;
        labels++;
        sum += (2 * hits[m]![c]!) / both;
      }
      out[m]![r] = labels === 0 ? 0 : sum / labels;
    }
  }
  return out;
}
