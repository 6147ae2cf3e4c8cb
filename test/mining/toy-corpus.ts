import {
  buildCorpus,
  type Corpus,
  type CorpusOptions,
  type TokenizedText,
  uniqueTexts,
} from '../../lib/mining/index.js';

/** Pieces of at most four letters, so that longer words have several. Word 0 is unknown: `?`. */
const PIECE = 4;

export const normalize = (text: string): string => text.toLowerCase().replace(/\s+/g, ' ').trim();

const pieceIds = new Map<string, number>([['?', 0]]);

/** A tokenizer in a few lines: words and punctuation marks, cut every four letters. */
export function tokenize(text: string): TokenizedText {
  const ids: number[] = [];
  const word: number[] = [];
  const offsets: number[] = [];
  [...text.matchAll(/[\p{L}\d]+|[^\p{L}\d\s]/gu)].forEach((match, index) => {
    const letters = match[0].toLowerCase();
    for (let at = 0; at < letters.length; at += PIECE) {
      const piece = (at > 0 ? '##' : '') + letters.slice(at, at + PIECE);
      const id = pieceIds.get(piece) ?? pieceIds.size;
      pieceIds.set(piece, id);
      ids.push(id);
      word.push(index);
      offsets.push(match.index + at, match.index + Math.min(letters.length, at + PIECE));
    }
  });
  return { ids: Int32Array.from(ids), word: Int32Array.from(word), offsets: Int32Array.from(offsets) };
}

export const toyOptions: CorpusOptions = {
  protect: ['<<', '>>', '[[', ']]'],
  stopWords: new Set(['the', 'of', 'a', 'in', 'and']),
  specialIds: new Set([0]),
  normalize,
};

export function toyCorpus(
  texts: readonly string[],
  {
    labels = null,
    trainingRows = texts.length,
    ...options
  }: Partial<CorpusOptions> & {
    labels?: readonly string[] | null;
    trainingRows?: number;
  } = {},
): Corpus {
  const all = { ...toyOptions, ...options };
  const duplicates = uniqueTexts(texts, all.protect);
  const encodings = Array.from(duplicates.rows, (row) => tokenize(texts[row]!));
  return buildCorpus({ texts, labels, trainingRows }, duplicates, encodings, all);
}
