import { Queue } from '../util/queue.js';
import type { Corpus } from './corpus.js';
import { type Candidate, PhraseTrie } from './phrase-trie.js';
import { type Beginnings, textsWithBeginnings } from './single-words.js';

export interface Survivor {
  candidate: number;
  /** Uses in the training texts after merging with all survivors. */
  uses: number;
  /** Pieces that these save. */
  saved: number;
}

export interface EliminationOptions {
  /** Least uses of a phrase. */
  minUses: number;
  /** Least share of its occurrences that are not within other phrases. */
  minFree: number;
  /** Most phrases. */
  cap: number;
  /** Of each candidate, what a use is worth; absent: the pieces that it saves. At least 0. */
  weights?: Float64Array | undefined;
  beginnings?: Beginnings | undefined;
}

/** Uses of phrases in the training texts, kept up to date while phrases go and come back. */
class Merging {
  readonly uses: Int32Array;
  /** Pieces saved by each phrase. */
  readonly saved: Int32Array;
  /** Occurrences of each phrase, merged or not. */
  readonly occurrences: Int32Array;
  totalSaved = 0;
  private readonly trie: PhraseTrie;
  /** Training texts in which each phrase may be used. */
  private readonly texts: number[][];
  private readonly present: Uint8Array;
  private readonly changed = new Set<number>();

  constructor(
    corpus: Corpus,
    private readonly candidates: readonly Candidate[],
    private readonly beginnings: Beginnings | undefined,
  ) {
    this.trie = new PhraseTrie(corpus, candidates);
    this.texts = this.trie.textsOfPhrases(0, corpus.trainingTexts);
    if (beginnings) this.texts = textsWithBeginnings(corpus, beginnings, this.texts);
    this.present = new Uint8Array(candidates.length).fill(1);
    this.uses = new Int32Array(candidates.length);
    this.saved = new Int32Array(candidates.length);
    this.occurrences = this.trie.occurrencesOfPhrases(0, corpus.trainingTexts);
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
    this.trie.merge(
      text,
      (phrase) => this.use(phrase, change, this.candidates[phrase]!.pieces - 1),
      (word) => {
        for (const { phrase, saved } of this.beginnings?.get(word) ?? []) {
          if (this.present[phrase] === 1) return this.use(phrase, change, saved);
        }
      },
    );
  }

  private use(phrase: number, change: number, saved: number): void {
    this.uses[phrase]! += change;
    this.saved[phrase]! += change * saved;
    this.totalSaved += change * saved;
    this.changed.add(phrase);
  }
}

/** Uses of all phrases together, and what they save. */
export function countUses(
  corpus: Corpus,
  candidates: readonly Candidate[],
  beginnings: Beginnings | undefined,
): Survivor[] {
  const { uses, saved } = new Merging(corpus, candidates, beginnings);
  return candidates.map((_, candidate) => ({ candidate, uses: uses[candidate]!, saved: saved[candidate]! }));
}

/**
 * Drops phrases until each one left has its uses after merging and at most `cap` are left. One at a time, since every phrase that
 * goes frees its words for others: a phrase that is rare only because longer ones swallow it lives on when those go. So rare phrases
 * go longest first; then those that stand within longer ones almost always; then, down to the cap, those worth least. At last a phrase
 * comes back where others that went had blocked it: if it is used often enough, makes no other too rare, and saves pieces.
 */
export function eliminate(
  corpus: Corpus,
  candidates: readonly Candidate[],
  { minUses, minFree, cap, weights, beginnings }: EliminationOptions,
): Survivor[] {
  const merging = new Merging(corpus, candidates, beginnings);
  const { uses, saved } = merging;
  const free = merging.occurrences.map((occurrences) => Math.ceil(minFree * occurrences));
  /** Ascending = order of going. Below -1: rare; from there to 0: redundant, or a single word that costs pieces. */
  const worth = (phrase: number): number => {
    const used = uses[phrase]!;
    if (used < minUses) return -(candidates[phrase]!.words.length + (minUses - used) / (minUses + 1));
    if (used < free[phrase]!) return -(free[phrase]! - used) / (free[phrase]! + 1);
    if (saved[phrase]! < 0) return -1e-9;
    return weights === undefined ? saved[phrase]! : used * weights[phrase]!;
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
      const before = merging.totalSaved;
      const changed = [...merging.toggle(phrase)];
      if (merging.totalSaved > before && changed.every((other) => worth(other) >= 0)) {
        kept[phrase] = returned = true;
        left += 1;
      } else merging.toggle(phrase);
    }
  }
  return candidates.flatMap((_, candidate) =>
    kept[candidate] ? [{ candidate, uses: uses[candidate]!, saved: saved[candidate]! }] : [],
  );
}
