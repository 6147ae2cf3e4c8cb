/**
 * Trains a WordPiece vocabulary on texts, for models from scratch. Words are counted, then the most frequent pair of
 * neighbouring pieces becomes a piece, again and again, as the trainers of BERT-like vocabularies in use do (the first
 * description ranked by likelihood, which spends entries on rare pairs). Equal counts go by the pieces' text, so that a
 * vocabulary depends on the texts and options alone.
 *
 * A merge touches only the words that hold its pair, and a heap with entries that may be out of date finds the next:
 * O(total length of the distinct words x log) for the whole vocabulary.
 */
import { AdaptuneError } from '../errors.js';
import { tokenizerJson, type TokenizerParts } from './tokenizer-check.js';
import { Tokenizer } from './tokenizer.js';

export interface WordPieceTrainerOptions {
  /** Entries, special tokens included. Fewer come when the texts have no more pairs that are frequent enough. */
  vocabularySize: number;
  /** Lower case without accents, as bert-base-uncased; otherwise both stay. */
  lowercase?: boolean;
  /** Pairs that are rarer are not merged. */
  minFrequency?: number;
  /** Only the most frequent characters are known; words with another become [UNK]. */
  alphabetSize?: number;
}

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const CONTINUATION = '##';
const MAX_WORD = 100;

/** A tokenizer.json with [PAD] [UNK] [CLS] [SEP] [MASK] at 0 to 4, then characters, then merged pieces. */
export function trainWordPiece(texts: Iterable<string>, options: WordPieceTrainerOptions): object {
  const { vocabularySize, lowercase = true, minFrequency = 2, alphabetSize = 1000 } = options;
  for (const [name, value, least] of [
    ['vocabularySize', vocabularySize, SPECIAL.length + 2],
    ['minFrequency', minFrequency, 1],
    ['alphabetSize', alphabetSize, 1],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      throw new AdaptuneError('E_ARGUMENT', `${name}: expected an integer of at least ${least}, came ${value}`);

  const parts = uncased(lowercase);
  const counts = countWords(texts, Tokenizer.fromJson(tokenizerJson(parts)));
  const room = Math.floor((vocabularySize - SPECIAL.length) / 2);
  const alphabet = frequentCharacters(counts, Math.min(alphabetSize, room));
  const entries = [...SPECIAL, ...alphabet, ...alphabet.map((character) => CONTINUATION + character)];
  merge(counts, entries, vocabularySize, minFrequency);
  return tokenizerJson({ ...parts, entries, baseSize: entries.length });
}

function uncased(lowercase: boolean): TokenizerParts {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true } as const;
  return {
    entries: SPECIAL,
    baseSize: SPECIAL.length,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      // As lowercase says.
      strip_accents: null,
      lowercase,
    },
    addedTokens: SPECIAL.map((content, id) => ({ id, content, ...flags })),
    unknown: '[UNK]',
    classifier: '[CLS]',
    separator: '[SEP]',
    continuation: CONTINUATION,
    maxWord: MAX_WORD,
  };
}

/** Distinct words as characters, with how often each occurs; longer words than WordPiece reads are left out. */
function countWords(texts: Iterable<string>, tokenizer: Tokenizer): [string[], number][] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of tokenizer.words(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .map(([word, count]): [string[], number] => [[...word], count])
    .filter(([characters]) => characters.length <= MAX_WORD);
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function frequentCharacters(words: readonly [string[], number][], size: number): string[] {
  const counts = new Map<string, number>();
  for (const [characters, count] of words)
    for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + count);
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || byText(a, b))
    .slice(0, size)
    .map(([character]) => character)
    .sort(byText);
}

/** A pair of neighbouring pieces. */
interface Pair {
  left: number;
  right: number;
  /** Occurrences in the texts. */
  count: number;
  /** Words that hold it, or held it once. */
  words: Set<number>;
}

/** Appends merged pieces to `entries` until there are `size`, or no pair occurs `minFrequency` times. */
function merge(words: readonly [string[], number][], entries: string[], size: number, minFrequency: number): void {
  const ids = new Map(entries.map((entry, id) => [entry, id]));
  const counts: number[] = [];
  const pieces: number[][] = [];
  for (const [characters, count] of words) {
    const cut = characters.map((character, i) => ids.get((i > 0 ? CONTINUATION : '') + character));
    if (cut.includes(undefined)) continue;
    counts.push(count);
    pieces.push(cut as number[]);
  }

  const pairs = new Map<number, Pair>();
  const add = (left: number, right: number, word: number, sign: 1 | -1): Pair => {
    // Ids stay below 2^20 (tokenizer-check.ts), so that the key is exact.
    const key = left * 2 ** 20 + right;
    let pair = pairs.get(key);
    if (!pair) pairs.set(key, (pair = { left, right, count: 0, words: new Set() }));
    pair.count += sign * counts[word]!;
    if (sign > 0) pair.words.add(word);
    return pair;
  };
  pieces.forEach((cut, word) => {
    for (let i = 1; i < cut.length; i++) add(cut[i - 1]!, cut[i]!, word, 1);
  });

  const heap = new PairHeap(entries);
  for (const pair of pairs.values()) heap.push(pair);
  while (entries.length < size) {
    const best = heap.pop();
    if (!best || best.count < minFrequency) return;
    const { left, right } = best;
    const text = entries[left]! + entries[right]!.slice(CONTINUATION.length);
    // Another pair may have made the same piece before ("ab" + "##c", "a" + "##bc").
    let merged = ids.get(text);
    if (merged === undefined) {
      merged = entries.push(text) - 1;
      ids.set(text, merged);
    }
    const grown = new Set<Pair>();
    for (const word of best.words) {
      const cut = pieces[word]!;
      for (let i = 1; i < cut.length; i++) {
        if (cut[i - 1] !== left || cut[i] !== right) continue;
        // before left right after -> before merged after
        add(left, right, word, -1);
        if (i > 1) {
          add(cut[i - 2]!, left, word, -1);
          grown.add(add(cut[i - 2]!, merged, word, 1));
        }
        if (i + 1 < cut.length) {
          add(right, cut[i + 1]!, word, -1);
          grown.add(add(merged, cut[i + 1]!, word, 1));
        }
        cut.splice(i - 1, 2, merged);
      }
    }
    for (const pair of grown) heap.push(pair);
  }
}

/**
 * Most frequent pair first, equal counts by text. Counts change while pairs wait: one that fell is put back when it
 * comes up, one that rose is pushed again by the caller.
 */
class PairHeap {
  readonly #items: { pair: Pair; count: number }[] = [];
  constructor(private readonly entries: readonly string[]) {}

  push(pair: Pair): void {
    const items = this.#items;
    let at = items.push({ pair, count: pair.count }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): Pair | undefined {
    const items = this.#items;
    while (items.length > 0) {
      this.#swap(0, items.length - 1);
      const { pair, count } = items.pop()!;
      this.#sink();
      if (count === pair.count) {
        if (count > 0) return pair;
      } else if (pair.count > 0 && count > pair.count) this.push(pair);
    }
    return undefined;
  }

  #sink(): void {
    const { length } = this.#items;
    for (let at = 0; ;) {
      let first = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < length; child++)
        if (this.#before(child, first)) first = child;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#items[a]!, this.#items[b]!];
    if (x.count !== y.count) return x.count > y.count;
    const { entries } = this;
    return (
      (byText(entries[x.pair.left]!, entries[y.pair.left]!) || byText(entries[x.pair.right]!, entries[y.pair.right]!)) <
      0
    );
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b]!, items[a]!];
  }
}
