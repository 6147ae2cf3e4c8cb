import type { Corpus } from './corpus.js';
import { type Phrase, PhraseTrie } from './phrase-trie.js';

export interface Candidate extends Phrase {
  /** Base pieces that the phrase stands for. */
  pieces: number;
}

export interface Survivor {
  candidate: number;
  /** Uses in the training texts after merging with all survivors. */
  uses: number;
}

/** Uses of phrases in the training texts, kept up to date while phrases go and come back. */
class Merging {
  readonly uses: Int32Array;
  /** Pieces saved by all phrases together. */
  saved = 0;
  private readonly trie: PhraseTrie;
  /** Training texts that contain each phrase, merged or not. */
  private readonly texts: number[][];
  private readonly present: Uint8Array;
  private readonly changed = new Set<number>();

  constructor(
    corpus: Corpus,
    private readonly candidates: readonly Candidate[],
  ) {
    this.trie = new PhraseTrie(corpus, candidates);
    this.texts = this.trie.textsOfPhrases(0, corpus.trainingTexts);
    this.present = new Uint8Array(candidates.length).fill(1);
    this.uses = new Int32Array(candidates.length);
    for (let text = 0; text < corpus.trainingTexts; text++) this.count(text, 1);
  }

  /** Takes a phrase out of the vocabulary, or back in; returns the phrases whose uses changed, itself included. */
  toggle(phrase: number): ReadonlySet<number> {
    this.changed.clear();
    const texts = this.texts[phrase]!;
    for (const text of texts) this.count(text, -1);
    this.present[phrase] = 1 - this.present[phrase]!;
    this.trie.setPresent(phrase, this.present[phrase] === 1);
    for (const text of texts) this.count(text, 1);
    return this.changed;
  }

  private count(text: number, change: number): void {
    this.trie.merge(text, (phrase) => {
      this.uses[phrase]! += change;
      this.saved += change * (this.candidates[phrase]!.pieces - 1);
      this.changed.add(phrase);
    });
  }
}

/**
 * Drops phrases until each one left is used at least `minUses` times after merging and at most `cap` are left. One at a time,
 * since every phrase that goes frees its words for others: a phrase that is rare only because longer ones swallow it lives on when
 * those go. So rare phrases go longest first; then, down to the cap, those that save the fewest pieces. At last a phrase comes back
 * where others that went had blocked it: if it is used often enough, makes no other too rare, and saves pieces.
 */
export function eliminate(
  corpus: Corpus,
  candidates: readonly Candidate[],
  { minUses, cap }: { minUses: number; cap: number },
): Survivor[] {
  const merging = new Merging(corpus, candidates);
  const { uses } = merging;
  /** Ascending = order of going. Rare phrases are below zero. */
  const worth = (phrase: number): number => {
    const { pieces, words } = candidates[phrase]!;
    const used = uses[phrase]!;
    return used < minUses ? -(words.length + (minUses - used) / (minUses + 1)) : used * (pieces - 1);
  };
  const queue = new Queue(candidates.map((_, phrase) => worth(phrase)));
  for (let worst = queue.first(); worst !== -1; worst = queue.first()) {
    if (worth(worst) >= 0 && queue.size <= cap) break;
    queue.remove(worst);
    for (const phrase of merging.toggle(worst)) if (phrase !== worst) queue.update(phrase, worth(phrase));
  }

  const kept = candidates.map((_, phrase) => queue.has(phrase));
  let left = queue.size;
  // Each return saves pieces, so this ends.
  for (let returned = true; returned;) {
    returned = false;
    for (let phrase = 0; phrase < candidates.length && left < cap; phrase++) {
      if (kept[phrase]) continue;
      const before = merging.saved;
      const changed = [...merging.toggle(phrase)];
      if (merging.saved > before && changed.every((other) => uses[other]! >= minUses)) {
        kept[phrase] = returned = true;
        left += 1;
      } else merging.toggle(phrase);
    }
  }
  return candidates.flatMap((_, candidate) => (kept[candidate] ? [{ candidate, uses: uses[candidate]! }] : []));
}

/** Binary heap of the indices 0..n-1 by key, ties: the larger index first. */
class Queue {
  private readonly heap: Int32Array;
  private readonly place: Int32Array;
  private readonly keys: Float64Array;
  size: number;

  constructor(keys: readonly number[]) {
    this.size = keys.length;
    this.keys = Float64Array.from(keys);
    this.heap = Int32Array.from(keys, (_, i) => i);
    this.place = this.heap.slice();
    for (let at = (this.size >> 1) - 1; at >= 0; at--) this.sink(at);
  }

  /** The index with the smallest key, or -1. */
  first(): number {
    return this.size === 0 ? -1 : this.heap[0]!;
  }

  has(index: number): boolean {
    return this.place[index] !== -1;
  }

  update(index: number, key: number): void {
    this.keys[index] = key;
    this.rise(this.place[index]!);
    this.sink(this.place[index]!);
  }

  remove(index: number): void {
    const last = this.heap[--this.size]!;
    this.put(this.place[index]!, last);
    this.place[index] = -1;
    if (last !== index) this.update(last, this.keys[last]!);
  }

  private before(a: number, b: number): boolean {
    const difference = this.keys[a]! - this.keys[b]!;
    return difference < 0 || (difference === 0 && a > b);
  }

  private put(at: number, index: number): void {
    this.heap[at] = index;
    this.place[index] = at;
  }

  private rise(at: number): void {
    const index = this.heap[at]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(index, this.heap[parent]!)) break;
      this.put(at, this.heap[parent]!);
      at = parent;
    }
    this.put(at, index);
  }

  private sink(at: number): void {
    const index = this.heap[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.before(this.heap[child + 1]!, this.heap[child]!)) child += 1;
      if (!this.before(this.heap[child]!, index)) break;
      this.put(at, this.heap[child]!);
      at = child;
    }
    this.put(at, index);
  }
}
