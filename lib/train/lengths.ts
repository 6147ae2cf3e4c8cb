/** Lengths of the training texts before and after merging, for the report. */
import type { Encoding } from '../model/tokenization.js';
import type { Details } from '../report/data.js';
import { mean } from '../select/statistics.js';

/** Of a histogram at most. */
const BINS = 40;

export function lengthsOf(encodings: readonly Encoding[]): Details['lengths'] {
  const base = encodings.map(({ baseTokens }) => baseTokens);
  const merged = encodings.map(({ ids }) => ids.length);
  const longest = [...base, ...merged].reduce((a, b) => Math.max(a, b), 0);
  const width = roundWidth(Math.ceil((longest + 1) / BINS));
  const histogram = (lengths: readonly number[]) => {
    const counts = new Array<number>(Math.floor(longest / width) + 1).fill(0);
    for (const length of lengths) counts[Math.floor(length / width)]!++;
    return counts;
  };
  return {
    width,
    base: histogram(base),
    merged: histogram(merged),
    means: { base: mean(base), merged: mean(merged) },
    truncated: encodings.filter(({ truncated }) => truncated).length,
  };
}

/** 1, 2, 5, 10, 20, ...: the first that is not less. */
function roundWidth(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((width) => width >= least)!;
}
