import { type Association, LabelTable } from './association.js';
import { Cohesion } from './cohesion.js';
import type { Pattern } from './collector.js';
import type { Corpus } from './corpus.js';
import { type Candidate, eliminate } from './elimination.js';
import { type Phrase, PhraseTrie } from './phrase-trie.js';

/** WordPiece turns longer words, and so longer phrases, into [UNK]. In Unicode characters. */
export const LONGEST_PHRASE = 100;

/** What a person needs to judge a token. */
export interface TokenReport {
  /** Normalized words joined by one space: the vocabulary entry. */
  phrase: string;
  /** Base pieces that it stands for. */
  pieces: number;
  /** Unique texts that contain it, unlabelled ones included. */
  support: number;
  /** Times it is used in the unique training texts after merging with all chosen tokens. */
  uses: number;
  pplU: number;
  /** uses x (pieces - 1). */
  saved: number;
  /** Unique training texts that contain it, by label, most first. */
  labels: { label: string; texts: number }[];
  /** Null without labels. */
  association: Association | null;
  /** Row of a text that contains it; -1 when none does. */
  example: number;
}

/** At most 10 % of the vocabulary and a quarter of the unique training texts. */
export function tokenCap(vocabularySize: number, trainingTexts: number): number {
  return Math.min(Math.floor(vocabularySize / 10), Math.floor(trainingTexts / 4));
}

/** The phrase as text: words stand apart by one space, but for those that are glued. */
export function phraseText(corpus: Corpus, { words, glued }: Phrase): string {
  let text = '';
  words.forEach((word, i) => {
    text += (i === 0 || glued?.[i] ? '' : ' ') + (corpus.lexicon.words[word]?.text ?? '');
  });
  return text;
}

function pieceCount(corpus: Corpus, words: Int32Array): number {
  return words.reduce((sum, word) => sum + (corpus.lexicon.words[word]?.pieces.length ?? 0), 0);
}

/** Closed patterns over words that may become tokens, in the order of the patterns. */
export function termCandidates(corpus: Corpus, patterns: readonly Pattern[]): Candidate[] {
  return patterns
    .filter(({ items }) => items.length >= 2 && items.some((word) => corpus.lexicon.words[word]?.content))
    .map(({ items }) => ({ words: items, pieces: pieceCount(corpus, items) }))
    .filter((candidate) => [...phraseText(corpus, candidate)].length <= LONGEST_PHRASE);
}

export function cohesiveCandidates(corpus: Corpus, terms: readonly Candidate[], pplMax: number): Candidate[] {
  const cohesion = new Cohesion(corpus, new PhraseTrie(corpus, terms));
  return terms.filter((term) => cohesion.perplexity(term) <= pplMax);
}

export function chooseTokens(
  corpus: Corpus,
  candidates: readonly Candidate[],
  options: { minUses: number; cap: number },
): TokenReport[] {
  const survivors = eliminate(corpus, candidates, options);
  return report(
    corpus,
    survivors.map(({ candidate }) => candidates[candidate]!),
    survivors.map(({ uses }) => uses),
  );
}

/** Reports given phrases, all of them, in their order of worth. */
export function reportPhrases(corpus: Corpus, phrases: readonly Phrase[]): TokenReport[] {
  const candidates = phrases.map((phrase) => ({ ...phrase, pieces: pieceCount(corpus, phrase.words) }));
  const survivors = eliminate(corpus, candidates, { minUses: 0, cap: Infinity });
  return report(
    corpus,
    candidates,
    survivors.map(({ uses }) => uses),
  );
}

function report(corpus: Corpus, phrases: readonly Candidate[], uses: readonly number[]): TokenReport[] {
  const trie = new PhraseTrie(corpus, phrases);
  const cohesion = new Cohesion(corpus, trie);
  const labelTable = new LabelTable(corpus);
  const texts = trie.textsOfPhrases(0, corpus.rows.length);
  return phrases
    .map((phrase, index): TokenReport => {
      const containing = texts[index]!;
      const training = containing.filter((text) => text < corpus.trainingTexts);
      const used = uses[index]!;
      return {
        phrase: phraseText(corpus, phrase),
        pieces: phrase.pieces,
        support: containing.length,
        uses: used,
        pplU: cohesion.perplexity(phrase),
        saved: used * (phrase.pieces - 1),
        labels: labelTable.textsPerLabel(training),
        association: labelTable.associate(training),
        example: corpus.rows[containing[0] ?? -1] ?? -1,
      };
    })
    .sort((a, b) => b.saved - a.saved || b.support - a.support || (a.phrase < b.phrase ? -1 : 1));
}

/** Tokens after merging per base piece, over the unique training texts, special tokens not counted. */
export function lengthRatio(corpus: Corpus, tokens: readonly TokenReport[]): number {
  const end = corpus.starts[corpus.trainingTexts]!;
  const pieces = pieceCount(corpus, corpus.words.subarray(0, end));
  return pieces === 0 ? 1 : (pieces - tokens.reduce((sum, token) => sum + token.saved, 0)) / pieces;
}
