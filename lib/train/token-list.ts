/** Lists of tokens that a person wrote or edited: a phrase a line, or the report of `mine` as JSON, CSV or TSV. */
import { extname } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { AdaptuneError } from '../errors.js';
import { isBoundedByWords } from '../model/phrases.js';
import type { MiningEncoding } from '../model/tokenizer.js';
import { LONGEST_PHRASE } from '../mining/index.js';
import { readText } from '../util/files.js';
import { isObject, parseJson, show } from '../util/json.js';

const LIMIT = 2 ** 26;

export interface TokenEntry {
  /** Line of a text or table file, index in a JSON list; from 1. */
  line: number;
  phrase: string;
}

export interface RejectedEntry extends TokenEntry {
  reason: string;
}

/** What checking a list needs of a tokenizer. */
export interface PhraseTokenizer {
  normalize(text: string): string;
  encodeForMining(texts: readonly string[]): Promise<MiningEncoding[]>;
}

export interface CheckedPhrases {
  /** Normalized, each once. */
  phrases: string[];
  encodings: MiningEncoding[];
  rejected: RejectedEntry[];
}

/** E_FILE, E_DATA. */
export async function readTokenList(path: string): Promise<TokenEntry[]> {
  const text = (await readText(path, { limit: LIMIT })).replace(/^\ufeff/, '');
  switch (extname(path).toLowerCase()) {
    case '.json':
      return jsonEntries(text, path);
    case '.csv':
      return tableEntries(text, path, ',');
    case '.tsv':
      return tableEntries(text, path, '\t');
    default:
      return text
        .split(/\r?\n/)
        .map((phrase, index) => ({ line: index + 1, phrase }))
        .filter(({ phrase }) => phrase.trim() !== '');
  }
}

/** A list of phrases or of objects with a `phrase`; or the result of mining, whose `chosen` is such a list. */
function jsonEntries(text: string, path: string): TokenEntry[] {
  const value = parseJson(text, path, { code: 'E_DATA', length: LIMIT, keys: Infinity });
  const list = isObject(value) ? value.chosen : value;
  if (!Array.isArray(list))
    throw new AdaptuneError(
      'E_DATA',
      `${path}: expected a list of tokens, or an object with one as "chosen", came ${show(value)}`,
    );
  return list.map((entry: unknown, index) => {
    const phrase = isObject(entry) ? entry.phrase : entry;
    if (typeof phrase !== 'string')
      throw new AdaptuneError('E_DATA', `${path}: entry ${index + 1}: expected a phrase, came ${show(entry)}`);
    return { line: index + 1, phrase };
  });
}

function tableEntries(text: string, path: string, delimiter: string): TokenEntry[] {
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse<(typeof rows)[number]>(text, {
      columns: true,
      info: true,
      delimiter,
      skip_empty_lines: true,
      relax_column_count: true,
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new AdaptuneError('E_DATA', `${path}: ${cause.message}`, { cause });
  }
  return rows.map(({ record, info }) => {
    const phrase = new Map(Object.entries(record)).get('phrase');
    if (phrase === undefined)
      throw new AdaptuneError(
        'E_DATA',
        `${path}: line ${info.lines}: expected a column "phrase", came ${show(Object.keys(record))}`,
      );
    return { line: info.lines, phrase };
  });
}

/** Sorts out what cannot be a token of this tokenizer, each with its reason. Apostrophes and hyphens inside are allowed. */
export async function checkPhrases(
  entries: readonly TokenEntry[],
  tokenizer: PhraseTokenizer,
  specialIds: ReadonlySet<number>,
): Promise<CheckedPhrases> {
  const normal = entries.map(({ phrase }) => tokenizer.normalize(phrase));
  const encodings = await tokenizer.encodeForMining(normal);
  const checked: CheckedPhrases = { phrases: [], encodings: [], rejected: [] };
  const seen = new Set<string>();
  entries.forEach((entry, i) => {
    const phrase = normal[i] as string;
    const encoding = encodings[i] as MiningEncoding;
    const reason = rejection(phrase, encoding, specialIds) ?? (seen.has(phrase) ? 'it stands there twice' : null);
    if (reason !== null) checked.rejected.push({ ...entry, reason });
    else {
      seen.add(phrase);
      checked.phrases.push(phrase);
      checked.encodings.push(encoding);
    }
  });
  return checked;
}

function rejection(phrase: string, { ids, word }: MiningEncoding, specialIds: ReadonlySet<number>): string | null {
  const characters = [...phrase].length;
  if (!isBoundedByWords(phrase)) return 'a phrase begins and ends with a letter or digit';
  if (characters > LONGEST_PHRASE) return `a phrase has at most ${LONGEST_PHRASE} characters, this one ${characters}`;
  if (ids.some((id) => specialIds.has(id))) return 'it contains a special token, or a word unknown to the tokenizer';
  if (ids.length < 2) return 'it is one token already';
  if (word[0] === word.at(-1)) return 'a single word would also be found at the beginning of longer words';
  return null;
}
