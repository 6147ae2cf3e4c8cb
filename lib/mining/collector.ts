import { AdaptuneError } from '../errors.js';
import type { ResolvedMiningOptions } from './options.js';
import { type PatternList, PatternPacker } from './packed-patterns.js';

/**
 * Keeps the patterns that can still be part of the answer and tells the search, through `threshold`, the support below which
 * none can: with `topK`, once k patterns are at least that frequent; otherwise, once more than `maxPatterns` were found, the
 * support that would have fitted. Closedness does not depend on the minimum support, so a rising threshold stays exact.
 */
export class Collector {
  /** Least support that still matters. */
  threshold: number;
  private readonly kept = new PatternPacker();
  private count = 0;
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

  add(items: ArrayLike<number>, support: number): void {
    if (support < this.threshold) return;
    this.kept.add(items, support);
    this.count += 1;
    this.histogram[support] = this.at(support) + 1;
    this.above += 1;
    if (this.top) {
      // k patterns above this support leave nothing to win at it; at a tie the order decides, so ties are kept.
      while (this.above - this.at(this.threshold) >= this.limit) this.above -= this.at(this.threshold++);
    } else {
      while (this.above > this.limit) this.above -= this.at(this.threshold++);
    }
    if (this.count > 2 * this.above + 1024) this.count = this.kept.retain(this.threshold);
  }

  /** The answer, in output order. */
  finish(): PatternList {
    const { minSupport, maxPatterns, topK } = this.options;
    if (!this.top && this.threshold > minSupport) {
      throw new AdaptuneError(
        'E_MINING',
        `expected at most ${maxPatterns} closed patterns (maxPatterns), got more at support ${minSupport}; ` +
          `support ${this.threshold} gives ${this.above}`,
      );
    }
    this.count = this.kept.retain(this.threshold);
    return this.kept.sorted().first(topK);
  }

  private at(support: number): number {
    return this.histogram[support]!;
  }
}
