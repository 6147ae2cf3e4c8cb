import { AdaptuneError } from '../errors.js';
import type { ResolvedMiningOptions } from './options.js';

export interface Pattern {
  items: Int32Array;
  /** Number of sequences that contain the pattern. */
  support: number;
}

/** The output order: support descending, then items ascending, a prefix before its extensions. */
export function comparePatterns(a: Pattern, b: Pattern): number {
  if (a.support !== b.support) return b.support - a.support;
  const length = Math.min(a.items.length, b.items.length);
  for (let i = 0; i < length; i++) {
    const difference = a.items[i]! - b.items[i]!;
    if (difference !== 0) return difference;
  }
  return a.items.length - b.items.length;
}

/**
 * Keeps the patterns that can still be part of the answer and tells the search, through `threshold`, the support below which
 * none can: with `topK`, once k patterns are at least that frequent; otherwise, once more than `maxPatterns` were found, the
 * support that would have fitted. Closedness does not depend on the minimum support, so a rising threshold stays exact.
 */
export class Collector {
  /** Least support that still matters. */
  threshold: number;
  private kept: Pattern[] = [];
  /** Number of patterns found at each support. */
  private readonly histogram: Float64Array;
  /** Patterns found with support >= threshold. */
  private above = 0;
  private readonly limit: number;
  private readonly top: boolean;

  constructor(
    private readonly options: Pick<ResolvedMiningOptions, 'minSupport' | 'maxPatterns' | 'topK'>,
    sequences: number,
  ) {
    this.threshold = options.minSupport;
    this.histogram = new Float64Array(sequences + 2);
    this.top = options.topK <= options.maxPatterns;
    this.limit = this.top ? options.topK : options.maxPatterns;
  }

  get found(): number {
    return this.above;
  }

  add(items: Int32Array, support: number): void {
    if (support < this.threshold) return;
    this.kept.push({ items, support });
    this.histogram[support] = this.at(support) + 1;
    this.above += 1;
    if (this.top) {
      // k patterns above this support leave nothing to win at it; at a tie the order decides, so ties are kept.
      while (this.above - this.at(this.threshold) >= this.limit) this.above -= this.at(this.threshold++);
    } else {
      while (this.above > this.limit) this.above -= this.at(this.threshold++);
    }
    if (this.kept.length > 2 * this.above + 1024) this.kept = this.kept.filter((p) => p.support >= this.threshold);
  }

  /** The answer, in output order. */
  finish(): Pattern[] {
    const { minSupport, maxPatterns, topK } = this.options;
    if (!this.top && this.threshold > minSupport) {
      throw new AdaptuneError(
        'E_MINING',
        `expected at most ${maxPatterns} closed patterns (maxPatterns), got more at support ${minSupport}; ` +
          `support ${this.threshold} gives ${this.above}`,
      );
    }
    const patterns = this.kept.filter((pattern) => pattern.support >= this.threshold).sort(comparePatterns);
    return patterns.length > topK ? patterns.slice(0, topK) : patterns;
  }

  private at(support: number): number {
    return this.histogram[support]!;
  }
}
