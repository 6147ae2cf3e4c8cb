/** Rank statistics over plain arrays of finite numbers. */
import { AdaptuneError } from '../errors.js';

/** Ranks 1..n in ascending order of value; equal values share the mean of their ranks. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  order.sort((a, b) => values[a]! - values[b]! || a - b);
  const out = new Float64Array(n);
  for (let begin = 0; begin < n;) {
    const value = values[order[begin]!];
    let end = begin + 1;
    while (end < n && values[order[end]!] === value) end++;
    for (let i = begin; i < end; i++) out[order[i]!] = (begin + 1 + end) / 2;
    begin = end;
  }
  return out;
}

/** Mid-rank percentiles (rank - 1/2) / n: within (0, 1), mean 1/2 whatever n and however many ties. */
export function percentiles(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  return ranks(values).map((rank) => (rank - 0.5) / n);
}

/** (x - mean) / population standard deviation; all 0 when the values are constant. */
export function zScores(values: ArrayLike<number>): Float64Array {
  const { mean, deviation } = moments(values);
  return Float64Array.from(values, (x) => (deviation > 0 ? (x - mean) / deviation : 0));
}

/** Spearman's rank correlation, ties by mean rank; NaN when either side is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new AdaptuneError('E_INTERNAL', `expected two lists of one length but received ${a.length} and ${b.length}`);
  }
  const x = ranks(a);
  const y = ranks(b);
  const mean = (a.length + 1) / 2;
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < x.length; i++) {
    const dx = x[i]! - mean;
    const dy = y[i]! - mean;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / Math.sqrt(xx * yy);
}

/** NaN of no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** |intersection| / |union| of two sets, each member counted by its weight; 1 for two empty sets. */
export function jaccard<T>(a: ReadonlySet<T>, b: ReadonlySet<T>, weight: (member: T) => number = () => 1): number {
  let both = 0;
  let union = 0;
  for (const member of a) {
    union += weight(member);
    if (b.has(member)) both += weight(member);
  }
  for (const member of b) if (!a.has(member)) union += weight(member);
  return union === 0 ? 1 : both / union;
}

function moments(values: ArrayLike<number>): { mean: number; deviation: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let variance = 0;
  let largest = 0;
  for (let i = 0; i < n; i++) {
    variance += (values[i]! - mean) ** 2 / n;
    largest = Math.max(largest, Math.abs(values[i]!));
  }
  // The mean of equal values may be off by a few units in the last place, which is not spread.
  const deviation = Math.sqrt(variance);
  return { mean, deviation: deviation > 4 * n * Number.EPSILON * largest ? deviation : 0 };
}
