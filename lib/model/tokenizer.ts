/**
 * The one file that wraps the npm package `tokenizers` (Rust). The library only cuts texts into pieces; special tokens,
 * the cut to a length and UTF-16 offsets are added here, so that one rule holds for training, evaluation and serving.
 * Padding and truncation of a file are dropped. Texts go in small batches to the library's threads, and results are
 * taken over a batch at a time: the JavaScript thread is never held for more than a few milliseconds.
 */
import { join, sep } from 'node:path';
import { bertPreTokenizer, Tokenizer as Library, type Encoding as LibraryEncoding, type Normalizer } from 'tokenizers';
import { AdaptuneError } from '../errors.js';
import { exists, readText } from '../util/files.js';
import { isObject, parseJson, show } from '../util/json.js';
import { modelFile } from './model-files.js';
import { cutWord, isPhrase, piecesWithEntry, type WordPieces } from './phrases.js';
import { checkTokenizer, tokenizerJson, type TokenizerParts } from './tokenizer-check.js';
import { firstTokens, fitPair, head, utf16Offsets, type Encoding, type Part } from './tokenization.js';

/** tokenizer.json of a large vocabulary with all its phrases stays far below. */
const LIMITS = { code: 'E_TOKENIZER', length: 2 ** 26, depth: 32, keys: 2 ** 21 } as const;
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

/** What of tokenizer_config.json is kept. */
interface Config {
  padding: string;
  mask: string;
  maxLength: number | null;
}

export class Tokenizer {
  readonly #parts: TokenizerParts;
  readonly #config: Config;
  readonly #library: Library;
  #baseLibrary: Library | undefined;
  readonly #normalizer: Normalizer;
  readonly #pieces: WordPieces;
  readonly #hasSingleWord: boolean;
  /** Contents of tokenizer.json. */
  readonly json: object;
  /** Entries with phrases: rows of the embedding table. */
  readonly vocabularySize: number;
  /** Entries without phrases. */
  readonly baseVocabularySize: number;
  /** The phrases, as the normalizer leaves them; phrase i has the id baseVocabularySize + i. */
  readonly phrases: readonly string[];
  /** Base ids that each phrase stands for. */
  readonly pieces: readonly Int32Array[];
  readonly special: Readonly<SpecialIds>;

  private constructor(parts: TokenizerParts, config: Config) {
    this.#parts = parts;
    this.#config = config;
    this.json = tokenizerJson(parts);
    this.#library = openLibrary(this.json);
    const { entries, baseSize } = parts;
    this.vocabularySize = entries.length;
    this.baseVocabularySize = baseSize;
    this.phrases = entries.slice(baseSize);

    const ids = new Map(entries.slice(0, baseSize).map((entry, id) => [entry, id]));
    this.special = {
      unknown: ids.get(parts.unknown)!,
      classifier: ids.get(parts.classifier)!,
      separator: ids.get(parts.separator)!,
      padding: ids.get(config.padding) ?? null,
      mask: ids.get(config.mask) ?? null,
    };
    this.#pieces = { ids, unknown: this.special.unknown, continuation: parts.continuation, maxWord: parts.maxWord };
    this.#normalizer = this.#library.getNormalizer()!;
    this.pieces = this.phrases.map((phrase) => this.#cutPhrase(phrase));
    this.#hasSingleWord = this.phrases.some((phrase) => wordsOf(phrase).length === 1);
  }

  /** Reads tokenizer.json and, where there is one, tokenizer_config.json. E_FILE, E_MODEL_FORMAT (a link out), E_TOKENIZER. */
  static async load(folder: string): Promise<Tokenizer> {
    const there = (name: string) => exists(join(folder, name));
    const read = async (name: string) => {
      const path = await modelFile(folder, name);
      return parseJson(await readText(path, { limit: LIMITS.length }), join(folder, name), LIMITS);
    };
    if (!(await there('tokenizer.json'))) {
      const vocabulary = (await there('vocab.txt'))
        ? `vocab.txt, of a slow one; convert it once: ${conversion(folder)}`
        : 'nothing';
      throw new AdaptuneError(
        'E_TOKENIZER',
        `${join(folder, 'tokenizer.json')}: expected the file of a fast tokenizer, came ${vocabulary}`,
      );
    }
    const json = await read('tokenizer.json');
    const config = (await there('tokenizer_config.json')) ? await read('tokenizer_config.json') : {};
    try {
      return Tokenizer.fromJson(json, config);
    } catch (error) {
      if (!(error instanceof AdaptuneError)) throw error;
      // The message begins with the file's name.
      throw new AdaptuneError(error.code, join(folder, sep) + error.message, { cause: error });
    }
  }

  /** From the parsed contents of tokenizer.json and tokenizer_config.json. E_TOKENIZER. */
  static fromJson(json: unknown, config: unknown = {}): Tokenizer {
    return new Tokenizer(checkTokenizer(json), checkConfig(config));
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
    const whole = await this.#run(this.#library, read, takePart);
    const fitted = pairs
      ? texts.flatMap((_, i) => {
          const [first, second] = [whole[2 * i]!, whole[2 * i + 1]!];
          const [a, b] = fitPair(first.ids.length, second.ids.length, room);
          return [firstTokens(first, a), firstTokens(second, b)];
        })
      : whole.map((part) => firstTokens(part, room));
    const base = await this.#countBase(fitted);
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

  /**
   * The tokenizer with more phrases after those that it has. Phrases are normalized first. E_ARGUMENT names a phrase
   * that is empty, begins or ends with punctuation, is too long, one base token, or there already.
   */
  withPhrases(phrases: readonly string[]): Tokenizer {
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
    return new Tokenizer({ ...this.#parts, entries: [...this.#parts.entries, ...added] }, this.#config);
  }

  /** See `piecesWithEntry` of phrases.ts: what a single word as a phrase does to longer words, both as the normalizer leaves them. */
  piecesWithEntry(word: string, entry: string): number | null {
    return piecesWithEntry(word, entry, this.#pieces);
  }

  /** Texts of the files of a model folder. transformers must not rebuild the pipeline, which the class name ensures. */
  files(maxLength: number): { 'tokenizer.json': string; 'tokenizer_config.json': string } {
    const { unknown, classifier, separator, normalizer } = this.#parts;
    const { padding, mask } = this.#config;
    // Of names that are no entries, transformers would make new ones, beyond the embedding table.
    const config = {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: maxLength,
      do_lower_case: normalizer.lowercase,
      unk_token: unknown,
      cls_token: classifier,
      sep_token: separator,
      ...(this.special.padding === null ? {} : { pad_token: padding }),
      ...(this.special.mask === null ? {} : { mask_token: mask }),
    };
    const text = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
    return { 'tokenizer.json': text(this.json), 'tokenizer_config.json': text(config) };
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

  /** Pieces before merging of the tokens of each part, without special tokens. */
  async #countBase(parts: readonly Part[]): Promise<number[]> {
    // A phrase of one word is also the beginning of longer words, whose pieces differ: the text tells.
    if (this.#hasSingleWord) {
      const surviving = parts.map(({ text, offsets }) => text.slice(0, offsets.at(-1) ?? 0));
      return this.#run(this.#base(), surviving, (encoding) => encoding.getLength());
    }
    const { baseVocabularySize: size, pieces } = this;
    return parts.map(({ ids }) => {
      let count = 0;
      for (const id of ids) count += id < size ? 1 : pieces[id - size]!.length;
      return count;
    });
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

function takePart(encoding: LibraryEncoding, text: string): Part {
  return { text, ids: Int32Array.from(encoding.getIds()), offsets: utf16Offsets(encoding.getOffsets(), text) };
}

/** A command that adds tokenizer.json to a folder that has a vocabulary only. */
const conversion = (folder: string) =>
  `python -c "import sys; from transformers import AutoTokenizer; AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])" ${JSON.stringify(folder)}`;

function openLibrary(json: object): Library {
  try {
    return Library.fromString(JSON.stringify(json));
  } catch (cause) {
    throw new AdaptuneError('E_TOKENIZER', `tokenizer.json: the library refuses it: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Names and the length limit of tokenizer_config.json; a limit as large as "none" (1e30) is none. */
function checkConfig(config: unknown): Config {
  if (!isObject(config))
    throw new AdaptuneError('E_TOKENIZER', `tokenizer_config.json: expected an object, came ${show(config)}`);
  const { pad_token, mask_token, model_max_length: limit } = config;
  // A token is given by its text or as an object with its text.
  const name = (token: unknown, usual: string) => {
    const content = isObject(token) ? token['content'] : token;
    return typeof content === 'string' ? content : usual;
  };
  return {
    padding: name(pad_token, '[PAD]'),
    mask: name(mask_token, '[MASK]'),
    maxLength: typeof limit === 'number' && Number.isInteger(limit) && limit > 0 && limit < 2 ** 31 ? limit : null,
  };
}
