/** Records of CSV and TSV, as the bytes come: whatever is wrong with one is said after those before it. */
import { CsvError, parse } from 'csv-parse/sync';
import type { AdaptuneError } from '../errors.js';
import { LINE_LIMIT } from './lines.js';
import type { Line } from './lines.js';

export type Delimiter = ',' | '\t';

export interface SeparatedRecord {
  /** Its first line. */
  line: number;
  values: string[];
}

/** `lines` with their ends; `wrong` makes the error for what came in a line instead of CSV. */
export async function* separatedRecords(
  lines: AsyncIterable<Line>,
  delimiter: Delimiter,
  wrong: Wrong,
): AsyncGenerator<SeparatedRecord> {
  for await (const piece of pieces(lines, delimiter, wrong)) yield* parsed(piece, delimiter, wrong);
}

export type Wrong = (line: number, came: string, cause?: unknown) => AdaptuneError;

/** Text of a record, and its first line. */
interface RecordText {
  line: number;
  text: string;
}

/** The fields of each record. The parser takes all in one call, which is fast, and one by one when one of them is wrong. */
function* parsed(piece: readonly RecordText[], delimiter: Delimiter, wrong: Wrong): Generator<SeparatedRecord> {
  const fields = (text: string): string[][] =>
    parse(text, { delimiter, record_delimiter: ['\r\n', '\n'], relax_column_count: true });
  let all: string[][] | null = null;
  try {
    all = fields(piece.map(({ text }) => text).join(''));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
  }
  for (const [i, { line, text }] of piece.entries()) {
    try {
      yield { line, values: all ? all[i]! : fields(text)[0]! };
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      const came = error.code.includes('QUOTE')
        ? 'a misplaced quote (a field that holds quotes stands in quotes, with two for each of them)'
        : error.message;
      throw wrong(line, came, error);
    }
  }
}

/** What separates the columns of a header that has no delimiter but another one: spreadsheets write semicolons in many countries. */
function otherDelimiter(header: string, delimiter: Delimiter): string | null {
  if (header.includes(delimiter)) return null;
  if (/\S;\S/.test(header)) return 'semicolons';
  if (header.trim().includes('\t')) return 'tabs (.tsv)';
  return /\S,\S/.test(header) ? 'commas (.csv)' : null;
}

/** Records of about this many characters are parsed at once. */
const PIECE = 1 << 16;

/**
 * Whole records without blank lines. A record goes on while a quote is open, that is after an odd number of quotes: inside of
 * quoted fields they are doubled.
 */
async function* pieces(lines: AsyncIterable<Line>, delimiter: Delimiter, wrong: Wrong): AsyncGenerator<RecordText[]> {
  let piece: RecordText[] = [];
  let length = 0;
  let header = true;
  let open: RecordText | null = null;
  let failure: { error: unknown } | null = null;
  try {
    for await (const { line, text } of lines) {
      if (open === null && (text === '\n' || text === '\r\n')) continue;
      if (header) {
        const other = otherDelimiter(text, delimiter);
        if (other !== null) throw wrong(line, `columns separated by ${other}`);
        header = false;
      }
      const record: RecordText = open ?? { line, text: '' };
      record.text += text;
      if (record.text.length > LINE_LIMIT)
        throw wrong(record.line, `a record of over ${LINE_LIMIT} characters (a quote never closed?)`);
      let quotes = 0;
      for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++;
      if (quotes % 2 === 1) open = open === null ? record : null;
      if (open !== null) continue;
      piece.push(record);
      length += record.text.length;
      if (length < PIECE) continue;
      yield piece;
      piece = [];
      length = 0;
    }
    if (open !== null) throw wrong(open.line, 'a quote that is never closed');
  } catch (error) {
    failure = { error };
  }
  if (piece.length > 0) yield piece;
  if (failure !== null) throw failure.error;
}
