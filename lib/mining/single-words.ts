/**
 * Single words as tokens. WordPiece takes the longest entry that a word begins with, so an entry "phosphorylation" is also used in
 * "phosphorylations": its uses, and what they save or cost, include those longer words.
 */
import type { Corpus } from './corpus.js';
import type { Candidate } from './phrase-trie.js';

/**
 * Number of pieces of a word if `entry`, with which it begins, were in the vocabulary. Null: the entry is not used, since the word
 * begins with a longer one. Infinity: the rest cannot be cut, so that the word would become unknown.
 */
export type PiecesWithEntry = (word: string, entry: string) => number | null;

/** For a word of the lexicon, the single-word phrases that it begins with, longest first, and the pieces that each saves in it. */
export type Beginnings = ReadonlyMap<number, readonly { phrase: number; saved: number }[]>;

/** @returns undefined when no candidate is a single word: nothing to look up. */
export function findBeginnings(
  corpus: Corpus,
  candidates: readonly Candidate[],
  piecesWithEntry: PiecesWithEntry | undefined,
): Beginnings | undefined {
  const { words } = corpus.lexicon;
  const singles = new Map<string, number>();
  candidates.forEach((candidate, phrase) => {
    if (candidate.words.length === 1) singles.set(words[candidate.words[0]!]!.text, phrase);
  });
  if (singles.size === 0 || piecesWithEntry === undefined) return undefined;
  const beginnings = new Map<number, { phrase: number; saved: number }[]>();
  words.forEach(({ text, pieces }, word) => {
    // The word itself is a phrase of the trie.
    for (let end = text.length - 1; end > 0; end--) {
      const phrase = singles.get(text.slice(0, end));
      const count = phrase === undefined ? null : piecesWithEntry(text, text.slice(0, end));
      if (count === null) continue;
      const list = beginnings.get(word);
      const found = { phrase: phrase!, saved: pieces.length - count };
      if (list) list.push(found);
      else beginnings.set(word, [found]);
    }
  });
  return beginnings;
}

/** Phrases without the single words that would make another word unknown. */
export function withoutSpoilers(
  corpus: Corpus,
  candidates: readonly Candidate[],
  piecesWithEntry: PiecesWithEntry,
): Candidate[] {
  const spoilers = new Set<number>();
  for (const list of findBeginnings(corpus, candidates, piecesWithEntry)?.values() ?? []) {
    for (const { phrase, saved } of list) if (saved === -Infinity) spoilers.add(phrase);
  }
  return candidates.filter((_, phrase) => !spoilers.has(phrase));
}

/** Training texts that contain each phrase, or a word that begins with it; ascending. */
export function textsWithBeginnings(
  corpus: Corpus,
  beginnings: Beginnings,
  textsOfPhrases: readonly (readonly number[])[],
): number[][] {
  const texts = textsOfPhrases.map((list) => new Set(list));
  for (let text = 0; text < corpus.trainingTexts; text++) {
    for (let at = corpus.starts[text]!; at < corpus.starts[text + 1]!; at++) {
      for (const { phrase } of beginnings.get(corpus.words[at]!) ?? []) texts[phrase]!.add(text);
    }
  }
  return texts.map((set) => [...set].sort((a, b) => a - b));
}
