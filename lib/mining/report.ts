/** What a person needs to judge tokens. */
import { type Association, LabelTable } from './association.js';
import { Cohesion } from './cohesion.js';
import type { Corpus } from './corpus.js';
import { phraseText, pieceCount } from './phrase-text.js';
import { type Candidate, PhraseTrie } from './phrase-trie.js';
import { type Rank, tellingWeight } from './rank.js';

export interface TokenReport {
  /** Normalized words joined by one space: the vocabulary entry. Of a gapped pattern: its words with an ellipsis for each gap. */
  phrase: string;
  /** Words of a gapped pattern. */
  members?: readonly string[];
  /** Base pieces that it stands for. */
  pieces: number;
  /** Unique texts that contain it, unlabelled ones included. */
  support: number;
  /** Times it stands in the unique training texts, within other tokens included. */
  occurrences: number;
  /** Times it is used there after merging with all chosen tokens. */
  uses: number;
  /** 1 for a single word. */
  pplU: number;
  /** Pieces saved by these uses. */
  saved: number;
  /** Unique training texts that contain it, by label, most first. */
  labels: { label: string; texts: number }[];
  /** Null without labels. */
  association: Association | null;
  /** A text that contains it: row, and UTF-16 [begin, end) of the phrase there. Null when none does. */
  example: { row: number; begin: number; end: number } | null;
}

export interface Chosen {
  phrase: Candidate;
  uses: number;
  saved: number;
  association: Association | null;
}

/** Training texts that contain each phrase, ascending. */
export function trainingTextsOf(corpus: Corpus, phrases: readonly Candidate[]): number[][] {
  return new PhraseTrie(corpus, phrases).textsOfPhrases(0, corpus.trainingTexts);
}

export function report(corpus: Corpus, chosen: readonly Chosen[], rank: Rank): TokenReport[] {
  const phrases = chosen.map(({ phrase }) => phrase);
  const trie = new PhraseTrie(corpus, phrases);
  const cohesion = new Cohesion(corpus, trie);
  const labelTable = new LabelTable(corpus);
  const texts = trie.textsOfPhrases(0, corpus.rows.length);
  const occurrences = trie.occurrencesOfPhrases(0, corpus.trainingTexts);
  return chosen
    .map(({ phrase, uses, saved, association }, index) => {
      const containing = texts[index]!;
      const training = containing.filter((text) => text < corpus.trainingTexts);
      const token: TokenReport = {
        phrase: phraseText(corpus, phrase),
        pieces: phrase.pieces,
        support: containing.length,
        occurrences: occurrences[index]!,
        uses,
        pplU: cohesion.perplexity(phrase),
        saved,
        labels: labelTable.textsPerLabel(training),
        association,
        example: exampleOf(corpus, phrase, containing[0]),
      };
      return { token, worth: rank === 'telling' ? uses * tellingWeight(corpus, phrase, association) : saved };
    })
    .sort(
      ({ token: a, worth: x }, { token: b, worth: y }) =>
        y - x || b.saved - a.saved || b.support - a.support || (a.phrase < b.phrase ? -1 : 1),
    )
    .map(({ token }) => token);
}

/** The first place of a phrase in a text that contains it. */
function exampleOf(corpus: Corpus, { words, glued }: Candidate, text: number | undefined): TokenReport['example'] {
  if (text === undefined) return null;
  const at = corpus.starts[text]!;
  const last = corpus.starts[text + 1]! - words.length;
  const standsAt = (begin: number): boolean =>
    words.every(
      (word, i) => corpus.words[begin + i] === word && (i === 0 || corpus.glued[begin + i] === (glued?.[i] ? 1 : 0)),
    );
  let begin = at;
  while (begin < last && !standsAt(begin)) begin++;
  return {
    row: corpus.rows[text]!,
    begin: corpus.offsets[2 * begin]!,
    end: corpus.offsets[2 * (begin + words.length) - 1]!,
  };
}

/** Base pieces of the unique training texts, special tokens not counted. */
export function trainingPieces(corpus: Corpus): number {
  return pieceCount(corpus, corpus.words.subarray(0, corpus.starts[corpus.trainingTexts]));
}

/** Tokens after merging per base piece, over the unique training texts, special tokens not counted. */
export function lengthRatio(corpus: Corpus, tokens: readonly TokenReport[]): number {
  const pieces = trainingPieces(corpus);
  return pieces === 0 ? 1 : (pieces - tokens.reduce((sum, token) => sum + token.saved, 0)) / pieces;
}
