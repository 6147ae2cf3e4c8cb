/** Lists of tokens that a person wrote or edited: a phrase a line, or the report of `mine` as JSON or as a table. */
import { extname } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { AdaptuneError } from '../errors.js';
import { GAP, gappedName } from '../model/gapped.js';
import { isBoundedByWords } from '../model/phrases.js';
import type { MiningEncoding } from '../model/tokenizer.js';
import { LONGEST_PHRASE } from '../mining/index.js';
import { readBytes } from '../util/files.js';
import { sha256 } from '../util/hash.js';
import { isObject, parseJson, show } from '../util/json.js';
import { fromSpreadsheetCell } from '../util/spreadsheet.js';
import { invalidUtf8At } from '../util/utf8.js';

const LIMIT = 2 ** 26;

export interface TokenEntry {
  /** Line of a text or table file, index in a JSON list; from 1. */
  line: number;
  phrase: string;
  /** Of a row of a report: the mark of the phrase that stood there. */
  id?: string;
}

/** Why an entry is left out. */
export type Rejection =
  /** The phrase is not the one of the row's id. */
  | 'changed'
  | 'empty'
  | 'repeated'
  /** It begins or ends within punctuation. */
  | 'border'
  | 'long'
  /** It holds a special token or a word unknown to the tokenizer. */
  | 'unknown'
  /** It is a base token. */
  | 'one-piece'
  | 'single-word'
  /** A single word whose rest in a longer word cannot be cut. */
  | 'spoils'
  /** A gapped pattern where those are off, or one with parts that are no words. */
  | 'gapped';

export interface RejectedEntry extends TokenEntry {
  code: Rejection;
  /** For people. */
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
  /** Where each stood. */
  entries: TokenEntry[];
  encodings: MiningEncoding[];
  rejected: RejectedEntry[];
}

/** Mark of a phrase. It begins with a letter, so that no spreadsheet takes it for a number. */
export function tokenId(phrase: string): string {
  return `t${sha256(phrase).slice(0, 12)}`;
}

/** E_FILE, E_DATA. */
export async function readTokenList(path: string): Promise<TokenEntry[]> {
  const text = decode(await readBytes(path, { limit: LIMIT }), path);
  const extension = extname(path).toLowerCase();
  if (extension === '.json') return jsonEntries(text, path);
  const header = /^[^\r\n]*/.exec(text)![0];
  const delimiter = delimiterOf(header);
  if (extension === '.csv' || extension === '.tsv' || hasPhraseColumn(header, delimiter))
    return tableEntries(text, path, delimiter ?? ',');
  return text
    .split(/\r\n|\n|\r/)
    .map((phrase, index) => ({ line: index + 1, phrase }))
    .filter(({ phrase }) => phrase.trim() !== '');
}

/** UTF-8, or UTF-16 with its mark, as spreadsheets write "Unicode text"; without the byte order mark. */
function decode(bytes: Uint8Array, path: string): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AdaptuneError(
      'E_DATA',
      `${path}: expected UTF-8, came other bytes at byte ${invalidUtf8At(bytes)}; spreadsheets save it as “CSV UTF-8”`,
    );
  }
}

/** What separates the columns of a header: many spreadsheets write semicolons, and tabs into .txt. Null: one column. */
function delimiterOf(header: string): string | null {
  const bare = header.replaceAll(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((mark) => ({ mark, count: bare.split(mark).length - 1 }));
  const most = counts.reduce((a, b) => (b.count > a.count ? b : a));
  return most.count === 0 ? null : most.mark;
}

const hasPhraseColumn = (header: string, delimiter: string | null): boolean =>
  delimiter !== null && header.split(delimiter).some((name) => name.replaceAll('"', '').trim() === 'phrase');

export interface GappedEntry extends TokenEntry {
  /** Its words, as they stand there. */
  members: string[];
}

/** Entries with gaps ("between … and") apart from phrases. */
export function apartGapped(entries: readonly TokenEntry[]): { phrases: TokenEntry[]; gapped: GappedEntry[] } {
  const phrases: TokenEntry[] = [];
  const gapped: GappedEntry[] = [];
  for (const entry of entries) {
    const members = entry.phrase.trim().split(new RegExp(`\\s+${GAP}\\s+`));
    if (members.length > 1) gapped.push({ ...entry, members });
    else phrases.push(entry);
  }
  return { phrases, gapped };
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
    const id = isObject(entry) ? entry.id : undefined;
    return { line: index + 1, phrase, ...(typeof id === 'string' && id !== '' ? { id } : {}) };
  });
}

function tableEntries(text: string, path: string, delimiter: string): TokenEntry[] {
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    rows = parse(text, {
      info: true,
      delimiter,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      relax_column_count: true,
    }) as unknown as typeof rows;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new AdaptuneError('E_DATA', `${path}: ${cause.message}`, { cause });
  }
  const names = (rows[0]?.record ?? []).map((name) => name.trim());
  const [phraseAt, idAt] = [names.indexOf('phrase'), names.indexOf('id')];
  if (phraseAt === -1)
    throw new AdaptuneError('E_DATA', `${path}: line 1: expected a column "phrase", came ${show(names)}`);
  return rows.slice(1).flatMap(({ record, info }) => {
    // What is left of a row whose cells were cleared.
    if (record.every((cell) => cell.trim() === '')) return [];
    const id = (idAt === -1 ? '' : (record[idAt] ?? '')).trim();
    return [{ line: info.lines, phrase: fromSpreadsheetCell(record[phraseAt] ?? ''), ...(id === '' ? {} : { id }) }];
  });
}

export interface PhraseRules {
  specialIds: ReadonlySet<number>;
  /** Phrases may be single words. */
  singleWords: boolean;
}

/**
 * Sorts out what cannot be a token of this tokenizer, or is no longer the phrase of its row's id, each with its reason. Apostrophes
 * and hyphens inside are allowed.
 */
export async function checkPhrases(
  entries: readonly TokenEntry[],
  tokenizer: PhraseTokenizer,
  rules: PhraseRules,
): Promise<CheckedPhrases> {
  const normal = entries.map(({ phrase }) => tokenizer.normalize(phrase));
  const encodings = await tokenizer.encodeForMining(normal);
  const checked: CheckedPhrases = { phrases: [], entries: [], encodings: [], rejected: [] };
  const seen = new Set<string>();
  entries.forEach((entry, i) => {
    const phrase = normal[i]!;
    const encoding = encodings[i]!;
    const rejection =
      changed(entry, phrase) ??
      refused(phrase, encoding, rules) ??
      (seen.has(phrase) ? ({ code: 'repeated', reason: 'it stands there twice' } as const) : null);
    if (rejection !== null) checked.rejected.push({ ...entry, ...rejection });
    else {
      seen.add(phrase);
      checked.phrases.push(phrase);
      checked.entries.push(entry);
      checked.encodings.push(encoding);
    }
  });
  return checked;
}

/** Sorts out what cannot be a gapped pattern, each with its reason; of the others, the words. `mode` off: none can. */
export function checkGapped(
  entries: readonly GappedEntry[],
  tokenizer: { normalize(text: string): string; cutWord(word: string): number[] | null },
  mode: 'off' | 'first' | 'insert',
): { patterns: string[][]; rejected: RejectedEntry[] } {
  const patterns: string[][] = [];
  const rejected: RejectedEntry[] = [];
  const seen = new Set<string>();
  for (const { members, ...entry } of entries) {
    const words = members.map((member) => tokenizer.normalize(member));
    const name = gappedName(words);
    const wrong = words.find((word) => tokenizer.cutWord(word) === null);
    const rejection =
      changed(entry, name) ??
      (mode === 'off'
        ? ({ code: 'gapped', reason: 'it has gaps: --gapped first or insert allows it' } as const)
        : wrong !== undefined
          ? ({
              code: 'gapped',
              reason: `between gaps stand single words known to the tokenizer, not ${show(wrong)}`,
            } as const)
          : seen.has(name)
            ? ({ code: 'repeated', reason: 'it stands there twice' } as const)
            : null);
    if (rejection !== null) rejected.push({ ...entry, ...rejection });
    else {
      seen.add(name);
      patterns.push(words);
    }
  }
  return { patterns, rejected };
}

type Reason = Pick<RejectedEntry, 'code' | 'reason'>;

/** Null when the phrase is still that of the row's id. */
function changed({ id }: TokenEntry, phrase: string): Reason | null {
  if (id === undefined || id === tokenId(phrase)) return null;
  const reason = `it is not the phrase of the row's id ${id}; put that back, or empty the id to add a phrase of your own`;
  return { code: 'changed', reason };
}

function refused(
  phrase: string,
  { ids, word }: MiningEncoding,
  { specialIds, singleWords }: PhraseRules,
): Reason | null {
  const characters = [...phrase].length;
  if (characters === 0) return { code: 'empty', reason: 'there is no phrase' };
  if (!isBoundedByWords(phrase)) return { code: 'border', reason: 'a phrase begins and ends with a letter or digit' };
  if (characters > LONGEST_PHRASE)
    return { code: 'long', reason: `a phrase has at most ${LONGEST_PHRASE} characters, this one ${characters}` };
  if (ids.some((id) => specialIds.has(id)))
    return { code: 'unknown', reason: 'it contains a special token, or a word unknown to the tokenizer' };
  if (ids.length < 2) return { code: 'one-piece', reason: 'it is one token already' };
  if (word[0] === word.at(-1) && !singleWords)
    return {
      code: 'single-word',
      reason: 'a single word would also be found at the beginning of longer words; --single-words allows it',
    };
  return null;
}
