import type { Corpus } from './corpus.js';

/** A phrase as words of a lexicon. */
export interface Phrase {
  words: Int32Array;
  /** Words that stand directly after the one before (`c-kit`); absent = none do. The first is never. */
  glued?: boolean[];
}

export interface Candidate extends Phrase {
  /** Base pieces that the phrase stands for. */
  pieces: number;
}

/** Phrases by their first words: finds and counts them in a corpus. A node is a prefix of some phrase. */
export class PhraseTrie {
  /** Number of nodes; node 0 is the empty prefix. */
  size = 1;
  /** Phrase that ends at a node, or -1. */
  private readonly phraseAt: number[] = [-1];
  /** Child of the root by word, 0 = none: most words begin no phrase, so most steps end here. */
  private readonly roots: Int32Array;
  /** Children of the other nodes. */
  private readonly edges = new Map<number, number>();
  private readonly absent: Uint8Array;

  constructor(
    private readonly corpus: Corpus,
    phrases: readonly Phrase[],
  ) {
    this.roots = new Int32Array(corpus.lexicon.words.length);
    this.absent = new Uint8Array(phrases.length);
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
        let node = this.step(0, begin);
        for (let at = begin + 1; node !== -1; at++) {
          visit(node, text);
          node = at < end ? this.step(node, at) : -1;
        }
      }
    }
  }

  /** Texts of [first, last) that contain each phrase, ascending. */
  textsOfPhrases(first: number, last: number): number[][] {
    const texts = Array.from(this.absent, (): number[] => []);
    this.forEachOccurrence(first, last, (node, text) => {
      const containing = texts[this.phraseAt[node]!];
      if (containing !== undefined && containing.at(-1) !== text) containing.push(text);
    });
    return texts;
  }

  /** Occurrences of each phrase in the texts [first, last), overlaps included. */
  occurrencesOfPhrases(first: number, last: number): Int32Array {
    const counts = new Int32Array(this.absent.length);
    this.forEachOccurrence(first, last, (node) => {
      const phrase = this.phraseAt[node]!;
      if (phrase !== -1) counts[phrase]! += 1;
    });
    return counts;
  }

  /** Absent phrases are not merged. */
  setPresent(phrase: number, present: boolean): void {
    this.absent[phrase] = present ? 0 : 1;
  }

  /**
   * Merges a text as the tokenizer does: from left to right, at each word the longest phrase that begins there, else the word alone.
   * Calls `use` for each phrase used and `alone` for each word left.
   */
  merge(text: number, use: (phrase: number) => void, alone: (word: number) => void): void {
    const { starts } = this.corpus;
    const end = starts[text + 1]!;
    for (let begin = starts[text]!; begin < end;) {
      let next = begin + 1;
      let longest = -1;
      let node = this.step(0, begin);
      for (let at = begin + 1; node !== -1; at++) {
        const phrase = this.phraseAt[node]!;
        if (phrase !== -1 && !this.absent[phrase]) {
          longest = phrase;
          next = at;
        }
        node = at < end ? this.step(node, at) : -1;
      }
      if (longest !== -1) use(longest);
      else alone(this.corpus.words[begin]!);
      begin = next;
    }
  }

  /** Node after one more word, or -1. A phrase begins at any word and goes on only where glue agrees. */
  private step(node: number, at: number): number {
    const word = this.corpus.words[at]!;
    if (node === 0) return this.roots[word]! || -1;
    return this.edges.get(this.edge(node, word, this.corpus.glued[at]!)) ?? -1;
  }

  /** Less than 2^53 for any number of nodes and words that fits in memory. */
  private edge(node: number, word: number, glued: number): number {
    return (node * this.roots.length + word) * 2 + glued;
  }

  /** Nodes of a phrase's prefixes of 1, 2, ... words. */
  private path({ words, glued }: Phrase, create: boolean): number[] {
    const nodes: number[] = [];
    words.forEach((word, i) => {
      const edge = i === 0 ? -1 : this.edge(nodes[i - 1]!, word, glued?.[i] ? 1 : 0);
      let child = i === 0 ? this.roots[word] || undefined : this.edges.get(edge);
      if (child === undefined) {
        if (!create) throw new RangeError('a phrase that is not in the trie');
        child = this.size++;
        this.phraseAt[child] = -1;
        if (i === 0) this.roots[word] = child;
        else this.edges.set(edge, child);
      }
      nodes.push(child);
    });
    return nodes;
  }
}
