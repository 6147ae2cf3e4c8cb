import type { Corpus } from './corpus.js';
import type { Phrase, PhraseTrie } from './phrase-trie.js';

/** Added to the count of a context, so that rare pairs do not pass for cohesive. */
export const CONTEXT_PRIOR = 5;

/**
 * Unigram-normalized perplexity of phrases over words (Roh et al., arXiv 2011.13220), from the corpus itself:
 *   PPL_u(w_1..w_n) = exp(-1/n sum_t [ln P(w_t | w_1..w_t-1) - ln P(w_t)])
 *   P(w) = (c(w) + 1) / (N + V),  P(w_t | w_1..w_t-1) = c(w_1..w_t) / (c(w_1..w_t-1) + 5)
 * N words, V different ones, c = occurrences in unique texts; protected strings are annotation and count for nothing. The first word
 * has no context: its term is 0. Small = the words predict each other; 1 = they stand together as often as chance has it.
 */
export class Cohesion {
  /** Occurrences of each node of the trie. */
  readonly occurrences: Float64Array;
  private readonly wordCounts: Float64Array;
  /** N + V. */
  private readonly total: number;

  constructor(
    corpus: Corpus,
    private readonly trie: PhraseTrie,
  ) {
    this.wordCounts = new Float64Array(corpus.lexicon.words.length);
    corpus.words.forEach((word, at) => {
      if (!corpus.marker[at]) this.wordCounts[word]! += 1;
    });
    this.total = this.wordCounts.reduce((sum, count) => sum + count + Math.min(count, 1), 0);
    this.occurrences = new Float64Array(trie.size);
    trie.forEachOccurrence(0, corpus.rows.length, (node) => {
      this.occurrences[node] = this.occurrences[node]! + 1;
    });
  }

  perplexity(phrase: Phrase): number {
    const nodes = this.trie.nodesOf(phrase);
    let sum = 0;
    for (let t = 1; t < nodes.length; t++) {
      const before = this.occurrences[nodes[t - 1]!]!;
      const joined = this.occurrences[nodes[t]!]!;
      const unigram = (this.wordCounts[phrase.words[t]!]! + 1) / this.total;
      sum += Math.log(joined / (before + CONTEXT_PRIOR)) - Math.log(unigram);
    }
    return Math.exp(-sum / nodes.length);
  }
}
