import { longestFirst, markedUnits } from '../util/markers.js';

/** Base pieces of one text, as a tokenizer gives them: no special tokens added, uncut. */
export interface TokenizedText {
  ids: Int32Array;
  /** Index of the word that each piece belongs to; ascending. */
  word: Int32Array;
  /** UTF-16 [start, end) in the text of each piece. */
  offsets: Int32Array;
}

/** A word as an item: two words are the same item iff their pieces are. */
export interface Word {
  /** As the tokenizer's normalizer leaves it. */
  text: string;
  pieces: Int32Array;
  /** Not a stop word, and with a letter in it. */
  content: boolean;
}

/**
 * Unique texts as sequences of words. Mining over words instead of pieces keeps every pattern whole at both ends and takes the
 * closure among such patterns: over pieces, a phrase that is always followed by words with one first piece would be absorbed by
 * a pattern that ends inside a word, and be lost.
 */
export interface Corpus {
  /** Word of each position, texts one after the other; an index of `lexicon.words`. */
  words: Int32Array;
  /** No pattern contains the word at this position: punctuation, a protected or special string, unknown. */
  barrier: Uint8Array;
  /** The word at this position belongs to a protected string: annotation, which does not count as a word of the text. */
  marker: Uint8Array;
  /** The word at this position stands directly after the word before it; one of them is punctuation. */
  glued: Uint8Array;
  /** UTF-16 [start, end) of the word at each position, in its text as it came. */
  offsets: Int32Array;
  /** First position of each text; one more for the end. */
  starts: Int32Array;
  lexicon: Lexicon;
  /** Row that each text came from: the first of its duplicates. */
  rows: Int32Array;
  /** Texts before this one are training texts; those after it only support patterns. */
  trainingTexts: number;
  /** Label ids of each text, ascending: duplicates may carry different labels. */
  labels: number[][];
  labelNames: string[];
}

export interface CorpusOptions {
  /** Strings that no pattern contains or spans and that duplicates may differ in. */
  protect: readonly string[];
  stopWords: ReadonlySet<string>;
  /** Ids of special tokens, the unknown one included: barriers where they stand in a text. */
  specialIds: ReadonlySet<number>;
  normalize: (text: string) => string;
}

/** Texts with equal keys are duplicates: the text without protected strings and white space. */
export function miningKey(text: string, protect: readonly string[]): string {
  let rest = text;
  for (const marker of longestFirst(protect)) rest = rest.replaceAll(marker, '');
  return rest.replace(/\s+/g, '');
}

/** Rows that are the first of their key, ascending, and for every row the index of its key among them. */
export function uniqueTexts(
  texts: readonly string[],
  protect: readonly string[],
): { rows: Int32Array; unique: Int32Array } {
  const index = new Map<string, number>();
  const rows: number[] = [];
  const unique = Int32Array.from(texts, (text, row) => {
    const key = miningKey(text, protect);
    const known = index.get(key);
    if (known !== undefined) return known;
    index.set(key, rows.length);
    return rows.push(row) - 1;
  });
  return { rows: Int32Array.from(rows), unique };
}

/** What WordPiece pre-tokenizers cut off as words of their own, and what is no word at all. */
const NO_WORD = /^$|[\s\p{P}$+<=>^`|~]/u;
const LETTER = /\p{L}/u;

/** Numbers words in order of appearance. */
export class Lexicon {
  readonly words: Word[] = [];
  private readonly index = new Map<string, number>();

  constructor(private readonly options: Pick<CorpusOptions, 'stopWords' | 'normalize'>) {}

  /** @param source The word in the text that it was found in. */
  idOf(pieces: Int32Array, source: string): number {
    const { normalize, stopWords } = this.options;
    const key = pieces.join(' ');
    const known = this.index.get(key);
    if (known !== undefined) return known;
    const text = normalize(source);
    const content = LETTER.test(text) && !stopWords.has(text.toLowerCase());
    this.index.set(key, this.words.length);
    return this.words.push({ text, pieces: Int32Array.from(pieces), content }) - 1;
  }
}

/** Words of one text. */
export interface WordSequence {
  words: number[];
  barrier: boolean[];
  marker: boolean[];
  glued: boolean[];
  offsets: number[];
}

export function wordSequence(
  text: string,
  encoding: TokenizedText,
  lexicon: Lexicon,
  options: CorpusOptions,
): WordSequence {
  const { ids, word, offsets } = encoding;
  const isProtected = markedUnits(text, options.protect);
  const sequence: WordSequence = { words: [], barrier: [], marker: [], glued: [], offsets: [] };
  let endBefore = -1;
  let punctuationBefore = false;
  for (let begin = 0, end = 0; begin < ids.length; begin = end) {
    while (end < ids.length && word[end] === word[begin]) end++;
    const from = offsets[2 * begin]!;
    const to = offsets[2 * end - 1]!;
    const pieces = ids.subarray(begin, end);
    const id = lexicon.idOf(pieces, text.slice(from, to));
    const punctuation = NO_WORD.test(lexicon.words[id]!.text);
    sequence.words.push(id);
    sequence.offsets.push(from, to);
    const marker = isProtected(from, to);
    sequence.marker.push(marker);
    sequence.barrier.push(punctuation || marker || pieces.some((piece) => options.specialIds.has(piece)));
    // Words that touch without punctuation are ideographs, which the normalizer sets apart by spaces.
    sequence.glued.push(from === endBefore && (punctuation || punctuationBefore));
    endBefore = to;
    punctuationBefore = punctuation;
  }
  return sequence;
}

/**
 * @param rows Rows of the unique texts; `encodings` in the same order.
 * @param labels Label of each row of `texts`, if any; rows from `trainingRows` on have none.
 */
export function buildCorpus(
  { texts, labels, trainingRows }: { texts: readonly string[]; labels: readonly string[] | null; trainingRows: number },
  { rows, unique }: { rows: Int32Array; unique: Int32Array },
  encodings: readonly TokenizedText[],
  options: CorpusOptions,
): Corpus {
  const lexicon = new Lexicon(options);
  const sequences = encodings.map((encoding, i) => wordSequence(texts[rows[i]!]!, encoding, lexicon, options));
  const starts = new Int32Array(sequences.length + 1);
  sequences.forEach((sequence, i) => (starts[i + 1] = starts[i]! + sequence.words.length));
  const trainingTexts = rows.findIndex((row) => row >= trainingRows);
  return {
    words: Int32Array.from(sequences.flatMap((sequence) => sequence.words)),
    barrier: Uint8Array.from(
      sequences.flatMap((sequence) => sequence.barrier),
      Number,
    ),
    marker: Uint8Array.from(
      sequences.flatMap((sequence) => sequence.marker),
      Number,
    ),
    glued: Uint8Array.from(
      sequences.flatMap((sequence) => sequence.glued),
      Number,
    ),
    offsets: Int32Array.from(sequences.flatMap((sequence) => sequence.offsets)),
    starts,
    lexicon,
    rows,
    trainingTexts: trainingTexts === -1 ? rows.length : trainingTexts,
    ...textLabels(labels, unique, rows.length),
  };
}

function textLabels(
  labels: readonly string[] | null,
  unique: Int32Array,
  count: number,
): Pick<Corpus, 'labels' | 'labelNames'> {
  const sets = Array.from({ length: count }, () => new Set<number>());
  const labelNames = [...new Set(labels ?? [])].sort();
  const ids = new Map(labelNames.map((name, id) => [name, id]));
  labels?.forEach((label, row) => sets[unique[row]!]?.add(ids.get(label)!));
  return { labels: sets.map((set) => [...set].sort((a, b) => a - b)), labelNames };
}

/** The corpus as sequences for the miner: barriers are negative. */
export function wordSequences(corpus: Corpus): Int32Array[] {
  const items = corpus.words.map((word, at) => (corpus.barrier[at] ? -1 : word));
  return Array.from(corpus.rows, (_, text) => items.subarray(corpus.starts[text], corpus.starts[text + 1]));
}
