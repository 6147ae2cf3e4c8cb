import type { Corpus } from './corpus.js';

/** A phrase as words of a lexicon. */
export interface Phrase {
  words: Int32Array;
  /** Words that stand directly after the one before (`c-kit`); absent = none do. The first is never. */
  glued?: boolean[];
}

/** Phrases by their first words: finds and counts them in a corpus. A node is a prefix of some phrase. */
export class PhraseTrie {
  /** Number of nodes; node 0 is the empty prefix. */
  size = 1;
  /** Phrase that ends at a node, or -1. */
  private readonly phraseAt: number[] = [-1];
  private readonly edges = new Map<number, number>();
  private readonly fanout: number;
  private readonly removed: Uint8Array;

  constructor(
    private readonly corpus: Corpus,
    phrases: readonly Phrase[],
  ) {
    this.fanout = 2 * corpus.lexicon.words.length;
    this.removed = new Uint8Array(phrases.length);
    phrases.forEach((phrase, index) => {
      const nodes = this.path(phrase, true);
      this.phraseAt[nodes.at(-1)!] = index;
    });
  }

  /** Nodes of the prefixes of a phrase of this trie, of 1, 2, ... words. */
  nodesOf(phrase: Phrase): number[] {
    return this.path(phrase, false);
  }

  /** Calls `visit` for each prefix of each phrase at each position of the texts [first, last), overlaps included. */
  forEachOccurrence(first: number, last: number, visit: (node: number, text: number) => void): void {
    const { starts } = this.corpus;
    for (let text = first; text < last; text++) {
      const end = starts[text + 1]!;
      for (let begin = starts[text]!; begin < end; begin++) {
        let node = this.step(0, begin, false);
        for (let at = begin + 1; node !== -1; at++) {
          visit(node, text);
          node = at < end ? this.step(node, at, true) : -1;
        }
      }
    }
  }

  /** The phrase that ends at a node, or -1. */
  phraseOf(node: number): number {
    return this.phraseAt[node]!;
  }

  remove(phrase: number): void {
    this.removed[phrase] = 1;
  }

  /**
   * Merges a text as the tokenizer does: from left to right, at each word the longest phrase that begins there, else the word alone.
   * Calls `use` for each phrase used.
   */
  merge(text: number, use: (phrase: number) => void): void {
    const { starts } = this.corpus;
    const end = starts[text + 1]!;
    for (let begin = starts[text]!; begin < end;) {
      let next = begin + 1;
      let longest = -1;
      let node = this.step(0, begin, false);
      for (let at = begin + 1; node !== -1; at++) {
        const phrase = this.phraseAt[node]!;
        if (phrase !== -1 && !this.removed[phrase]) {
          longest = phrase;
          next = at;
        }
        node = at < end ? this.step(node, at, true) : -1;
      }
      if (longest !== -1) use(longest);
      begin = next;
    }
  }

  private step(node: number, at: number, inside: boolean): number {
    const glued = inside && this.corpus.glued[at] ? 1 : 0;
    return this.edges.get(this.edge(node, this.corpus.words[at]!, glued)) ?? -1;
  }

  private edge(node: number, word: number, glued: number): number {
    return node * this.fanout + 2 * word + glued;
  }

  private path({ words, glued }: Phrase, create: boolean): number[] {
    const nodes: number[] = [];
    let node = 0;
    words.forEach((word, i) => {
      const edge = this.edge(node, word, i > 0 && glued?.[i] ? 1 : 0);
      let child = this.edges.get(edge);
      if (child === undefined) {
        if (!create) throw new RangeError('a phrase that is not in the trie');
        child = this.size++;
        this.phraseAt[child] = -1;
        this.edges.set(edge, child);
      }
      nodes.push((node = child));
    });
    return nodes;
  }
}
