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

/**
 * Drops phrases until each one left is used at least `minUses` times after merging and at most `cap` are left. One at a time,
 * since every phrase that goes frees its words for others: a phrase that is rare only because longer ones swallow it lives on when
 * those go. So rare phrases go longest first; then, down to the cap, those that save the fewest pieces.
 */
export function eliminate(
  corpus: Corpus,
  candidates: readonly Candidate[],
  { minUses, cap }: { minUses: number; cap: number },
): Survivor[] {
  const trie = new PhraseTrie(corpus, candidates);
  const uses = new Int32Array(candidates.length);
  const texts = candidates.map((): number[] => []);
  trie.forEachOccurrence(0, corpus.trainingTexts, (node, text) => {
    const phrase = trie.phraseOf(node);
    if (phrase !== -1 && texts[phrase]?.at(-1) !== text) texts[phrase]?.push(text);
  });
  for (let text = 0; text < corpus.trainingTexts; text++) trie.merge(text, (phrase) => uses[phrase]!++);

  /** Ascending = order of going. Rare phrases are below zero. */
  const worth = (phrase: number): number => {
    const { pieces, words } = candidates[phrase]!;
    const used = uses[phrase]!;
    return used < minUses ? -(words.length + (minUses - used) / (minUses + 1)) : used * (pieces - 1);
  };
  const queue = new Queue(candidates.map((_, phrase) => worth(phrase)));
  let left = candidates.length;
  const changed = new Set<number>();
  for (let worst = queue.first(); worst !== -1; worst = queue.first()) {
    if (worth(worst) >= 0 && left <= cap) break;
    queue.remove(worst);
    left -= 1;
    const affected = texts[worst]!;
    changed.clear();
    const note = (change: number) => (phrase: number) => {
      uses[phrase]! += change;
      changed.add(phrase);
    };
    for (const text of affected) trie.merge(text, note(-1));
    trie.remove(worst);
    for (const text of affected) trie.merge(text, note(1));
    changed.delete(worst);
    for (const phrase of changed) queue.update(phrase, worth(phrase));
  }
  return candidates.flatMap((_, candidate) => (queue.has(candidate) ? [{ candidate, uses: uses[candidate]! }] : []));
}

/** Binary heap of the indices 0..n-1 by key, ties: the larger index first. */
class Queue {
  private readonly heap: Int32Array;
  private readonly place: Int32Array;
  private readonly keys: Float64Array;
  private size: number;

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
