/** Candidates for new tokens, and the choice among them. */
import { LabelTable } from './association.js';
import { Cohesion } from './cohesion.js';
import type { Pattern } from './packed-patterns.js';
import type { Corpus } from './corpus.js';
import { countUses, eliminate } from './elimination.js';
import { LONGEST_PHRASE, phraseText, pieceCount } from './phrase-text.js';
import { type Candidate, type Phrase, PhraseTrie } from './phrase-trie.js';
import { type Rank, tellingWeight } from './rank.js';
import { report, type TokenReport, trainingTextsOf } from './report.js';
import { findBeginnings, type PiecesWithEntry } from './single-words.js';

/**
 * A token of which less than this share stands outside longer tokens is redundant (`credit score` beside `my credit score`): what it
 * stands for is met under other ids. Measured in docs/decisions/0012-redundant-tokens.md.
 */
export const LEAST_FREE = 0.2;

/** At most 10 % of the vocabulary and a quarter of the unique training texts. */
export function tokenCap(vocabularySize: number, trainingTexts: number): number {
  return Math.min(Math.floor(vocabularySize / 10), Math.floor(trainingTexts / 4));
}

function candidatesOf(corpus: Corpus, patterns: readonly Pattern[]): Candidate[] {
  return patterns
    .filter(({ items }) => items.some((word) => corpus.lexicon.words[word]?.content))
    .map(({ items }) => ({ words: items, pieces: pieceCount(corpus, items) }))
    .filter((candidate) => [...phraseText(corpus, candidate)].length <= LONGEST_PHRASE);
}

/** Closed patterns of two or more words that may become tokens, in the order of the patterns. */
export function termCandidates(corpus: Corpus, patterns: readonly Pattern[]): Candidate[] {
  return candidatesOf(
    corpus,
    patterns.filter(({ items }) => items.length >= 2),
  );
}

/** Single words of several pieces. */
export function singleWordCandidates(corpus: Corpus, patterns: readonly Pattern[]): Candidate[] {
  return candidatesOf(
    corpus,
    patterns.filter(({ items }) => items.length === 1),
  ).filter(({ pieces }) => pieces >= 2);
}

export function cohesiveCandidates(corpus: Corpus, terms: readonly Candidate[], pplMax: number): Candidate[] {
  const cohesion = new Cohesion(corpus, new PhraseTrie(corpus, terms));
  return terms.filter((term) => cohesion.perplexity(term) <= pplMax);
}

export interface ChoiceOptions {
  /** Least uses after merging. */
  minUses: number;
  /** Most tokens. */
  cap: number;
  rank?: Rank | undefined;
  /** Needed when candidates may be single words. */
  piecesWithEntry?: PiecesWithEntry | undefined;
}

export function chooseTokens(
  corpus: Corpus,
  found: readonly Candidate[],
  { minUses, cap, rank = 'telling', piecesWithEntry }: ChoiceOptions,
): TokenReport[] {
  const occurrences = new PhraseTrie(corpus, found).occurrencesOfPhrases(0, corpus.trainingTexts);
  // What stands there too rarely cannot be used often enough; a single word is also used in longer ones.
  const candidates = found.filter(({ words }, i) => words.length === 1 || occurrences[i]! >= minUses);
  const associations = new LabelTable(corpus).associate(trainingTextsOf(corpus, candidates));
  const weights = candidates.map((phrase, i) => tellingWeight(corpus, phrase, associations[i]!));
  const survivors = eliminate(corpus, candidates, {
    minUses,
    minFree: LEAST_FREE,
    cap,
    weights: rank === 'telling' ? Float64Array.from(weights) : undefined,
    beginnings: findBeginnings(corpus, candidates, piecesWithEntry),
  });
  return report(
    corpus,
    survivors.map(({ candidate, uses, saved }) => ({
      phrase: candidates[candidate]!,
      uses,
      saved,
      association: associations[candidate]!,
    })),
    rank,
  );
}

/** Reports given phrases, all of them. */
export function reportPhrases(
  corpus: Corpus,
  phrases: readonly Phrase[],
  { rank = 'telling', piecesWithEntry }: Pick<ChoiceOptions, 'rank' | 'piecesWithEntry'> = {},
): TokenReport[] {
  const candidates = phrases.map((phrase) => ({ ...phrase, pieces: pieceCount(corpus, phrase.words) }));
  const associations = new LabelTable(corpus).associate(trainingTextsOf(corpus, candidates));
  const used = countUses(corpus, candidates, findBeginnings(corpus, candidates, piecesWithEntry));
  return report(
    corpus,
    used.map(({ uses, saved }, i) => ({ phrase: candidates[i]!, uses, saved, association: associations[i]! })),
    rank,
  );
}
