import { CONTEXT_PRIOR } from './cohesion.js';

interface Node {
  index: number;
  /** Occurrences: distinct pairs of first and last position. */
  occurrences: number;
  /** Of the parent's occurrences: those that have this word in the window behind them. */
  followed: number;
  children: Map<number, Node>;
}

/**
 * Unigram-normalized perplexity of gapped patterns: that of cohesion.ts with a window in place of the next word, for the pattern
 * and for chance alike. With windows of g + 1 positions,
 *   P(w_t | w_1..w_t-1) = (occurrences of w_1..w_t-1 with w_t in the window behind them) / (occurrences of w_1..w_t-1 + 5)
 *   P(w_t) = 1 - (1 - (c(w_t) + 1) / (N + V))^(g + 1)
 * For g = 0 it is the perplexity of contiguous phrases.
 */
export class WindowCohesion {
  private readonly root: Node = { index: 0, occurrences: 0, followed: 0, children: new Map() };
  private readonly counts: Float64Array;
  private readonly total: number;
  private size = 1;

  /**
   * @param sequences Words from 0 to `words` - 1. Negative values only take a place, but those of at most `wall` end windows.
   * @param patterns Those whose perplexity will be asked for.
   * @param options.uncounted Places that are no words of the texts: those of protected strings.
   */
  constructor(
    sequences: readonly Int32Array[],
    patterns: readonly Int32Array[],
    private readonly options: { words: number; wall: number; maxGap: number; uncounted?: number },
  ) {
    for (const pattern of patterns) {
      let node = this.root;
      for (const word of pattern) {
        let child = node.children.get(word);
        if (!child)
          node.children.set(word, (child = { index: this.size++, occurrences: 0, followed: 0, children: new Map() }));
        node = child;
      }
    }
    this.counts = new Float64Array(options.words);
    let places = 0;
    for (const sequence of sequences) {
      places += sequence.length;
      for (const word of sequence) if (word >= 0) this.counts[word]! += 1;
      this.count(sequence);
    }
    this.total = places - (options.uncounted ?? 0) + options.words;
  }

  perplexity(pattern: Int32Array): number {
    const { maxGap } = this.options;
    let node = this.root.children.get(pattern[0]!)!;
    let sum = 0;
    for (let t = 1; t < pattern.length; t++) {
      const child = node.children.get(pattern[t]!)!;
      const unigram = (this.counts[pattern[t]!]! + 1) / this.total;
      sum +=
        Math.log(child.followed / (node.occurrences + CONTEXT_PRIOR)) - Math.log1p(-((1 - unigram) ** (maxGap + 1)));
      node = child;
    }
    return Math.exp(-sum / pattern.length);
  }

  private count(sequence: Int32Array): void {
    const { wall, maxGap } = this.options;
    for (let begin = 0; begin < sequence.length; begin++) {
      const first = this.root.children.get(sequence[begin]!);
      if (!first) continue;
      // Occurrences that differ only inside are one.
      const seen = new Set<number>();
      const visit = (node: Node, end: number): void => {
        node.occurrences += 1;
        const followed = new Set<Node>();
        for (let next = end + 1; next <= end + 1 + maxGap && next < sequence.length && sequence[next]! > wall; next++) {
          const child = node.children.get(sequence[next]!);
          if (!child) continue;
          if (!followed.has(child)) child.followed += 1;
          followed.add(child);
          const state = child.index * sequence.length + next;
          if (seen.has(state)) continue;
          seen.add(state);
          visit(child, next);
        }
      };
      visit(first, begin);
    }
  }
}
