/**
 * The one file that wraps the npm package `tokenizers` (Rust). The library only cuts texts into pieces; special tokens,
 * the cut to a length and UTF-16 offsets are added here, so that one rule holds for training, evaluation and serving.
 * Padding and truncation of a file are dropped. Texts go in small batches to the library's threads, and results are
 * taken over a batch at a time: the JavaScript thread is never held for more than a few milliseconds.
 */
import { join, sep } from 'node:path';
import { bertPreTokenizer, Tokenizer as Library, type Encoding as LibraryEncoding, type Normalizer } from 'tokenizers';
import { AdaptuneError } from '../errors.js';
import { GAPPED_FILE, GappedPatterns, parseGapped, type GappedRules } from './gapped.js';
import { cutWord, isBoundedByWords, isPhrase, piecesWithEntry, type WordPieces } from './phrases.js';
import { checkConfig, configJson, readTokenizerFiles, type TokenizerConfig } from './tokenizer-files.js';
import { checkTokenizer, tokenizerJson, type TokenizerParts } from './tokenizer-check.js';
import { firstTokens, fitPair, head, utf16Offsets, type Encoding, type Part } from './tokenization.js';
import { UnitSplitter, type PlacedPart, type Units } from './word-units.js';

/** A batch for the library's threads: at most this many texts, and no further text beyond this many UTF-16 units. */
const BATCH_TEXTS = 256;
const BATCH_UNITS = 2 ** 17;
/** Batches under way at once: one is taken over while the next is cut into pieces. */
const BATCHES = 2;
/**
 * A token stands for at most 100 characters (longer words are unknown as a whole) and the space after it: text beyond
 * this many UTF-16 units a token is not read, whatever its length, so that time is bounded by the maximum length.
 */
const UNITS_PER_TOKEN = 128;

export interface EncodeOptions {
  /** In tokens after merging, with special tokens. */
  maxLength: number;
  /** Second texts, one for each text. */
  pairs?: readonly string[];
}

/** Base pieces of one text, without special tokens and uncut. */
export interface MiningEncoding {
  ids: Int32Array;
  /** Index of the word that each piece belongs to; ascending. */
  word: Int32Array;
  /** UTF-16 [start, end) in the text of each piece. */
  offsets: Int32Array;
}

export interface SpecialIds {
  unknown: number;
  classifier: number;
  separator: number;
  padding: number | null;
  mask: number | null;
}

/** Tokens of a whole text, phrases merged, gapped patterns not: what gapped patterns are mined from. */
export interface UnitEncoding extends Units {
  ids: Int32Array;
  /** UTF-16 [start, end) in the text of each token. */
  offsets: Int32Array;
}

/** Texts of files, by name. */
export interface TokenizerFiles {
  'tokenizer.json': string;
  'tokenizer_config.json': string;
  /** With gapped patterns only. */
  'gapped.json'?: string;
}

export class Tokenizer {
  readonly #parts: TokenizerParts;
  readonly #config: TokenizerConfig;
  readonly #library: Library;
  #baseLibrary: Library | undefined;
  readonly #normalizer: Normalizer;
  readonly #pieces: WordPieces;
  /** Ids by entry, phrases included. */
  readonly #ids: ReadonlyMap<string, number>;
  readonly #specialIds: ReadonlySet<number>;
  readonly #hasSingleWord: boolean;
  /** Words of each phrase. */
  readonly #widths: Uint8Array;
  /** Base pieces that each new token counts for. */
  readonly #counts: Int32Array;
  /** Contents of tokenizer.json. */
  readonly json: object;
  /** Entries, phrases and gapped patterns: rows of the embedding table. */
  readonly vocabularySize: number;
  /** Entries alone. */
  readonly baseVocabularySize: number;
  /** The phrases, as the normalizer leaves them; phrase i has the id baseVocabularySize + i. */
  readonly phrases: readonly string[];
  /** Patterns that are put in after tokenizer.json; their ids follow those of the phrases. */
  readonly gapped: GappedPatterns | null;
  /** Base ids that each new token stands for: of the phrases, then of the gapped patterns. */
  readonly pieces: readonly Int32Array[];
  readonly special: Readonly<SpecialIds>;

  private constructor(parts: TokenizerParts, config: TokenizerConfig, gapped: GappedRules | null) {
    this.#parts = parts;
    this.#config = config;
    this.json = tokenizerJson(parts);
    this.#library = openLibrary(this.json);
    const { entries, baseSize } = parts;
    this.vocabularySize = entries.length + (gapped?.patterns.length ?? 0);
    this.baseVocabularySize = baseSize;
    this.phrases = entries.slice(baseSize);

    const idsOf = (list: readonly string[]) => new Map(list.map((entry, id) => [entry, id]));
    this.#ids = idsOf(entries);
    const ids = this.phrases.length === 0 ? this.#ids : idsOf(entries.slice(0, baseSize));
    this.special = {
      unknown: ids.get(parts.unknown)!,
      classifier: ids.get(parts.classifier)!,
      separator: ids.get(parts.separator)!,
      padding: ids.get(config.padding) ?? null,
      mask: ids.get(config.mask) ?? null,
    };
    this.#pieces = { ids, unknown: this.special.unknown, continuation: parts.continuation, maxWord: parts.maxWord };
    this.#normalizer = this.#library.getNormalizer()!;
    this.#widths = Uint8Array.from(this.phrases, (phrase) => wordsOf(phrase).length);
    this.#hasSingleWord = this.#widths.includes(1);
    const phrases = this.phrases.map((phrase) => this.#cutPhrase(phrase));
    this.#specialIds = new Set(Object.values(this.special).filter((id) => id !== null));
    this.gapped =
      gapped &&
      new GappedPatterns(gapped, {
        firstId: entries.length,
        splitter: this.#splitter(gapped.protect),
        cut: (word) => this.cutWord(word),
      });
    const patterns = gapped?.patterns.map((words) => this.#cutPhrase(words.join(' '))) ?? [];
    this.pieces = [...phrases, ...patterns];
    // Where everything stays, what is put in counts for nothing.
    const inserted = gapped?.mode === 'insert' ? phrases.length : Infinity;
    this.#counts = Int32Array.from(this.pieces, (pieces, i) => (i < inserted ? pieces.length : 0));
  }

  /** Reads tokenizer.json and, where there is one, tokenizer_config.json. E_FILE, E_MODEL_FORMAT (a link out), E_TOKENIZER. */
  static async load(folder: string): Promise<Tokenizer> {
    const { json, config, gapped } = await readTokenizerFiles(folder);
    try {
      return Tokenizer.fromJson(json, config, gapped);
    } catch (error) {
      if (!(error instanceof AdaptuneError)) throw error;
      // The message begins with the file's name.
      throw new AdaptuneError(error.code, join(folder, sep) + error.message, { cause: error });
    }
  }

  /** From the parsed contents of tokenizer.json, tokenizer_config.json and, where there is one, gapped.json. E_TOKENIZER. */
  static fromJson(json: unknown, config: unknown = {}, gapped: unknown = null): Tokenizer {
    const parts = checkTokenizer(json);
    if (gapped === null) return new Tokenizer(parts, checkConfig(config), null);
    try {
      return new Tokenizer(parts, checkConfig(config), parseGapped(gapped, parts.entries.length));
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new AdaptuneError('E_TOKENIZER', `${GAPPED_FILE}: ${cause.message}`, { cause });
    }
  }

  /** `model_max_length` of tokenizer_config.json, where it sets one. */
  get maxLength(): number | null {
    return this.#config.maxLength;
  }

  /** Text as phrases are stored and matched: normalized, runs of whitespace as one space, none at the ends. */
  normalize(text: string): string {
    return this.#normalizer
      .normalizeString(text)
      .replace(/\p{White_Space}+/gu, ' ')
      .replace(/^ | $/g, '');
  }

  /** Words and punctuation marks of a text, normalized: what WordPiece cuts into pieces. */
  words(text: string): string[] {
    return wordsOf(this.#normalizer.normalizeString(text));
  }

  /**
   * Encodes texts or pairs of texts: special tokens added, cut to `maxLength` (the longer text of a pair first, as in
   * transformers). Texts of more than 128 UTF-16 units a token are cut before, and reported as truncated.
   */
  async encode(texts: readonly string[], { maxLength, pairs }: EncodeOptions): Promise<Encoding[]> {
    const specials = pairs ? 3 : 2;
    if (!Number.isInteger(maxLength) || maxLength <= specials)
      throw new AdaptuneError(
        'E_ARGUMENT',
        `maxLength: expected an integer above ${specials} (${specials} are special tokens), came ${maxLength}`,
      );
    if (pairs && pairs.length !== texts.length)
      throw new AdaptuneError('E_ARGUMENT', `pairs: expected ${texts.length}, one for each text, came ${pairs.length}`);
    const room = maxLength - specials;
    const all = pairs ? texts.flatMap((text, i) => [text, pairs[i]!]) : texts;
    const read = all.map((text) => head(text, UNITS_PER_TOKEN * maxLength));
    const whole = await this.#run(this.#library, read, (encoding, text) => this.#takePart(encoding, text));
    const fitted = pairs
      ? texts.flatMap((_, i) => {
          const [first, second] = [whole[2 * i]!, whole[2 * i + 1]!];
          const [a, b] = fitPair(first.ids.length, second.ids.length, room);
          return [firstTokens(first, a), firstTokens(second, b)];
        })
      : whole.map((part) => firstTokens(part, room));
    const base = fitted.map((part) => this.#countBase(part));
    const cut = fitted.map((part, i) => part !== whole[i] || part.text.length < all[i]!.length);
    const step = pairs ? 2 : 1;
    return texts.map((_, i) => {
      const span = [step * i, step * (i + 1)] as const;
      return {
        ...this.#frame(fitted.slice(...span)),
        baseTokens: base.slice(...span).reduce((sum, count) => sum + count + 1, 1),
        truncated: cut.slice(...span).includes(true),
      };
    });
  }

  /** Base pieces of whole texts, for mining. */
  encodeForMining(texts: readonly string[]): Promise<MiningEncoding[]> {
    return this.#run(this.#base(), texts, (encoding, text) => ({
      ids: Int32Array.from(encoding.getIds()),
      // Every piece of a text belongs to a word; null stands for padding and template tokens only.
      word: Int32Array.from(encoding.getWordIds() as number[]),
      offsets: utf16Offsets(encoding.getOffsets(), text),
    }));
  }

  /** Tokens of whole texts in units of words, gapped patterns not put in; no unit spans a `protect` string. */
  encodeUnits(texts: readonly string[], protect: readonly string[]): Promise<UnitEncoding[]> {
    const splitter = this.#splitter(protect);
    return this.#run(this.#library, texts, (encoding, text) => {
      const part = this.#place(encoding, text);
      return { ids: part.ids, offsets: part.offsets, ...splitter.split(part) };
    });
  }

  /**
   * The tokenizer with more phrases after those that it has. Phrases are normalized first. E_ARGUMENT names a phrase
   * that is empty, begins or ends with punctuation, is too long, one base token, or there already.
   */
  withPhrases(phrases: readonly string[]): Tokenizer {
    if (phrases.length > 0) this.#requireNoPatterns();
    const known = new Set(this.#parts.entries);
    const added = phrases.map((phrase) => {
      const normal = this.normalize(phrase);
      const refuse = (reason: string) => new AdaptuneError('E_ARGUMENT', `phrase ${JSON.stringify(phrase)}: ${reason}`);
      const { maxWord } = this.#pieces;
      if (!isPhrase(normal, maxWord))
        throw refuse(`expected at most ${maxWord} characters, the first and the last of them no punctuation`);
      const special = this.#parts.addedTokens.find(({ content }) => phrase.includes(content));
      if (special) throw refuse(`expected no special token, came ${special.content}`);
      if (known.has(normal) || this.#cutPhrase(normal).length < 2)
        throw refuse('expected no token that is there already');
      known.add(normal);
      return normal;
    });
    if (added.length === 0) return this;
    return new Tokenizer({ ...this.#parts, entries: [...this.#parts.entries, ...added] }, this.#config, null);
  }

  /** The tokenizer with gapped patterns. E_ARGUMENT names one that cannot be. */
  withGapped(rules: GappedRules): Tokenizer {
    if (rules.patterns.length === 0) return this;
    this.#requireNoPatterns();
    try {
      return new Tokenizer(this.#parts, this.#config, rules);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new AdaptuneError('E_ARGUMENT', cause.message, { cause });
    }
  }

  /** Their ids follow those of the phrases, so they come last. */
  #requireNoPatterns(): void {
    if (!this.gapped) return;
    throw new AdaptuneError('E_ARGUMENT', 'expected a tokenizer without gapped patterns: it takes no more tokens');
  }

  /** Ids of a single word, those of phrases of one word included; null for what is no word, not normalized, or unknown. */
  cutWord(word: string): number[] | null {
    if (this.normalize(word) !== word || wordsOf(word).length !== 1 || !isBoundedByWords(word)) return null;
    const pieces = { ...this.#pieces, ids: this.#ids };
    const ids = cutWord(word, pieces);
    return ids.some((id) => this.#specialIds.has(id)) ? null : ids;
  }

  /** Base ids of words as the normalizer leaves them. */
  basePieces(words: readonly string[]): Int32Array {
    return this.#cutPhrase(words.join(' '));
  }

  /** See `piecesWithEntry` of phrases.ts: what a single word as a phrase does to longer words, both as the normalizer leaves them. */
  piecesWithEntry(word: string, entry: string): number | null {
    return piecesWithEntry(word, entry, this.#pieces);
  }

  /** Texts of the files of a model folder. */
  files(maxLength: number): TokenizerFiles {
    const text = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
    const isEntry = (name: string) => this.#pieces.ids.has(name);
    return {
      'tokenizer.json': text(this.json),
      'tokenizer_config.json': text(configJson(this.#config, this.#parts, maxLength, isEntry)),
      ...(this.gapped ? { [GAPPED_FILE]: text(this.gapped.json) } : {}),
    };
  }

  #base(): Library {
    if (this.phrases.length === 0) return this.#library;
    const { entries, baseSize } = this.#parts;
    return (this.#baseLibrary ??= openLibrary(tokenizerJson({ ...this.#parts, entries: entries.slice(0, baseSize) })));
  }

  #cutPhrase(phrase: string): Int32Array {
    return Int32Array.from(wordsOf(phrase).flatMap((word) => cutWord(word, this.#pieces)));
  }

  /** Runs texts through the library in batches, `BATCHES` at a time, and converts what comes back in order. */
  async #run<T>(
    library: Library,
    texts: readonly string[],
    convert: (e: LibraryEncoding, text: string) => T,
  ): Promise<T[]> {
    const results = new Array<T>(texts.length);
    let next = 0;
    const work = async () => {
      while (next < texts.length) {
        const begin = next;
        let units = 0;
        do units += texts[next++]!.length;
        while (next < texts.length && next - begin < BATCH_TEXTS && units < BATCH_UNITS);
        const batch = texts.slice(begin, next);
        const encodings = await library.encodeBatch(batch, { addSpecialTokens: false });
        for (let i = 0; i < batch.length; i++) results[begin + i] = convert(encodings[i]!, batch[i]!);
      }
    };
    await Promise.all(Array.from({ length: BATCHES }, work));
    return results;
  }

  #splitter(protect: readonly string[]): UnitSplitter {
    const { entries, baseSize, continuation } = this.#parts;
    const width = (id: number) => (id < baseSize ? 1 : this.#widths[id - baseSize]!);
    return new UnitSplitter(entries, width, { continuation, special: this.#specialIds }, protect);
  }

  #place(encoding: LibraryEncoding, text: string): PlacedPart {
    const ids = Int32Array.from(encoding.getIds());
    const words = encoding.getWordIds();
    const places = new Int32Array(ids.length);
    const { baseVocabularySize: size } = this;
    let next = 0;
    for (let i = 0; i < ids.length; i++) {
      if (i > 0 && words[i] === words[i - 1]) places[i] = places[i - 1]!;
      else {
        places[i] = next;
        next += ids[i]! < size ? 1 : this.#widths[ids[i]! - size]!;
      }
    }
    return { text, ids, offsets: utf16Offsets(encoding.getOffsets(), text), places };
  }

  #takePart(encoding: LibraryEncoding, text: string): Part {
    if (this.gapped) return this.gapped.apply(this.#place(encoding, text));
    if (this.#hasSingleWord) return this.#place(encoding, text);
    return { text, ids: Int32Array.from(encoding.getIds()), offsets: utf16Offsets(encoding.getOffsets(), text) };
  }

  /** Pieces before merging of a part's tokens, without special tokens. */
  #countBase({ text, ids, offsets, places }: Part): number {
    const { baseVocabularySize: size } = this;
    let count = 0;
    for (let i = 0, end = 0; i < ids.length; i = end) {
      end = i + 1;
      const id = ids[i]!;
      if (id >= size && this.#widths[id - size] !== 1) count += this.#counts[id - size]!;
      else if (!this.#hasSingleWord) count++;
      else {
        // A phrase of one word is also the beginning of longer words, whose pieces differ.
        while (end < ids.length && places![end] === places![i]) end++;
        const surface = text.slice(offsets[2 * i], offsets[2 * end - 1]);
        const changed = id >= size || id === this.special.unknown;
        count += changed ? this.#cutPhrase(this.#normalizer.normalizeString(surface)).length : end - i;
      }
    }
    return count;
  }

  /** [CLS] A [SEP], or [CLS] A [SEP] B [SEP]. */
  #frame(parts: readonly Part[]): Pick<Encoding, 'ids' | 'typeIds' | 'offsets'> {
    const length = parts.reduce((sum, part) => sum + part.ids.length + 1, 1);
    const ids = new Int32Array(length);
    const typeIds = new Int32Array(length);
    const offsets = new Int32Array(2 * length);
    ids[0] = this.special.classifier;
    let at = 1;
    parts.forEach((part, type) => {
      const end = at + part.ids.length;
      ids.set(part.ids, at);
      offsets.set(part.offsets, 2 * at);
      ids[end] = this.special.separator;
      typeIds.fill(type, at, end + 1);
      at = end + 1;
    });
    return { ids, typeIds, offsets };
  }
}

const wordSplitter = bertPreTokenizer();
/** Words and punctuation marks of normalized text. */
const wordsOf = (text: string) => wordSplitter.preTokenizeString(text).map(([word]) => word);

function openLibrary(json: object): Library {
  try {
    return Library.fromString(JSON.stringify(json));
  } catch (cause) {
    throw new AdaptuneError('E_TOKENIZER', `tokenizer.json: the library refuses it: ${(cause as Error).message}`, {
      cause,
    });
  }
}
