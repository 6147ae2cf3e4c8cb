/**
 * Labelled texts from JSONL, CSV and TSV files, streamed: the format is the file's extension, the columns are named, and
 * whatever is wrong is E_DATA with its line.
 */
import { AdaptuneError } from '../errors.js';
import { isObject, show } from './json.js';
import { readLines } from './lines.js';
import type { Line } from './lines.js';

export interface ReadTextsOptions {
  /** Name of the text column. */
  text?: string;
  /** Name of the label column. */
  label?: string;
  /** `optional`: read when the column is there. `none` also takes plain text, one a line (`.txt`, standard input). */
  labels: 'required' | 'optional' | 'none';
  /** Texts of nothing but white space; default: allowed only without labels. */
  emptyTexts?: 'allow' | 'refuse';
}

export interface Texts {
  texts: string[];
  /** As strings: 3 is "3", true is "true". Null when the file has none. */
  labels: string[] | null;
  /** Line of each text, from 1. */
  lines: number[];
}

/** One row before its columns are looked at. `values` by column; a plain line has the text column only. */
interface Row {
  line: number;
  /** Where the columns are named: the header's line, or the row's own. */
  header: number;
  get(column: string): unknown;
  columns: readonly string[];
}

export interface TextRow {
  text: string;
  /** Null when the file has none. */
  label: string | null;
  /** From 1. */
  line: number;
}

export async function readTexts(path: string, options: ReadTextsOptions): Promise<Texts> {
  const texts: string[] = [];
  const labels: string[] = [];
  const lines: number[] = [];
  for await (const { text, label, line } of readRows(path, options)) {
    texts.push(text);
    if (label !== null) labels.push(label);
    lines.push(line);
  }
  return { texts, labels: labels.length > 0 ? labels : null, lines };
}

/** The rows as they come, of a pipe too: none is kept. */
export async function* readRows(path: string, options: ReadTextsOptions): AsyncGenerator<TextRow> {
  const source = path === '-' ? 'standard input' : path;
  const textColumn = options.text ?? 'text';
  const labelColumn = options.label ?? 'label';
  const emptyTexts = options.emptyTexts ?? (options.labels === 'none' ? 'allow' : 'refuse');
  const fail = (line: number, expected: string, came: string) =>
    new AdaptuneError('E_DATA', `${source}: line ${line}: expected ${expected}, came ${came}`);

  let first = 0;
  // Decided by the first row; a later row that differs is an error.
  let labelled = options.labels === 'required';
  for await (const row of rows(path, source, textColumn, options.labels === 'none')) {
    if (first === 0 && options.labels === 'optional') labelled = row.columns.includes(labelColumn);
    first ||= row.line;
    const need = (flag: '--text' | '--label', column: string): unknown => {
      const value = row.get(column);
      if (value === undefined)
        throw fail(row.header, `a column ${show(column)}`, `${named(row.columns)}; ${flag} names the column`);
      return value;
    };
    const text = need('--text', textColumn);
    if (typeof text !== 'string') throw fail(row.line, `a string in column ${show(textColumn)}`, show(text));
    if (emptyTexts === 'refuse' && text.trim() === '') throw fail(row.line, 'a text', 'an empty one');
    let label: string | null = null;
    if (labelled)
      label = labelOf(need('--label', labelColumn), (came) =>
        fail(row.line, `a label in column ${show(labelColumn)}`, came),
      );
    else if (options.labels === 'optional' && row.columns.includes(labelColumn)) {
      throw fail(row.line, `no column ${show(labelColumn)}, as in line ${first}`, 'one');
    }
    yield { text, label, line: row.line };
  }
  if (first === 0) throw new AdaptuneError('E_DATA', `${source}: expected at least one row, came none`);
}

function named(columns: readonly string[]): string {
  if (columns.length === 0) return 'none';
  const more = columns.length > 20 ? `, ... (${columns.length})` : '';
  return `${columns
    .slice(0, 20)
    .map((column) => show(column))
    .join(', ')}${more}`;
}

function labelOf(value: unknown, fail: (came: string) => AdaptuneError): string {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    // 2^53 + 1 reads as 2^53: two labels would become one.
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw fail(`${show(value)}, an integer beyond 2^53`);
    return String(value);
  }
  if (typeof value !== 'string') throw fail(show(value));
  if (value.trim() === '') throw fail('an empty one');
  return value;
}

function rows(path: string, source: string, textColumn: string, plain: boolean): AsyncGenerator<Row> {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  if (path === '-') return standardInput(source, textColumn, plain);
  if (extension === 'jsonl' || extension === 'ndjson') return jsonRows(readLines(path), source);
  if (extension === 'csv') return separatedRows(path, source, ',');
  if (extension === 'tsv') return separatedRows(path, source, '\t');
  if (extension === 'txt' && plain) return plainRows(readLines(path), textColumn);
  throw new AdaptuneError(
    'E_DATA',
    `${source}: expected a file named .jsonl, .csv or .tsv${plain ? ' (or .txt)' : ''}, came ${extension ? `.${extension}` : 'no extension'}`,
  );
}

async function* jsonRows(lines: AsyncIterable<Line>, source: string): AsyncGenerator<Row> {
  for await (const { line, text } of lines) {
    if (text.trim() === '') continue;
    const fail = (came: string) =>
      new AdaptuneError('E_DATA', `${source}: line ${line}: expected a JSON object, came ${came}`);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw fail(`invalid JSON: ${(error as Error).message}`);
    }
    if (!isObject(value)) throw fail(show(value));
    const object = value;
    yield {
      line,
      header: line,
      get: (column) => (Object.hasOwn(object, column) ? object[column] : undefined),
      get columns() {
        return Object.keys(object);
      },
    };
  }
}

async function* plainRows(lines: AsyncIterable<Line>, textColumn: string): AsyncGenerator<Row> {
  for await (const { line, text } of lines) {
    yield { line, header: line, get: (column) => (column === textColumn ? text : undefined), columns: [textColumn] };
  }
}

/** JSONL when the first line is an object that has the text column (or labels are needed), else one plain text a line. */
async function* standardInput(source: string, textColumn: string, plain: boolean): AsyncGenerator<Row> {
  const lines = readLines('-');
  const first = await lines.next();
  if (first.done) return;
  const all = (async function* () {
    yield first.value;
    yield* lines;
  })();
  yield* plain && !isRow(first.value.text, textColumn) ? plainRows(all, textColumn) : jsonRows(all, source);
}

function isRow(text: string, textColumn: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && Object.hasOwn(value, textColumn);
  } catch {
    return false;
  }
}

/** RFC 4180 with a header row; TSV is the same with tabs, so a field with a quote in it is written in quotes. */
async function* separatedRows(path: string, source: string, delimiter: ',' | '\t'): AsyncGenerator<Row> {
  const format = delimiter === ',' ? 'CSV' : 'TSV';
  const fail = (line: number, expected: string, came: string, cause?: unknown) =>
    new AdaptuneError('E_DATA', `${source}: line ${line}: expected ${expected}, came ${came}`, { cause });
  const wrong = (line: number, came: string, cause?: unknown) => fail(line, format, came, cause);
  // A library of ten files, for these formats alone.
  const { separatedRecords } = await import('./csv.js');
  let header: { line: number; names: string[]; columns: Map<string, number> } | null = null;
  for await (const { line, values } of separatedRecords(readLines(path, { ends: true }), delimiter, wrong)) {
    if (header === null) {
      const twice = values.find((name, i) => values.indexOf(name) !== i);
      if (twice !== undefined) throw fail(line, 'every column once', `${show(twice)} twice`);
      header = { line, names: values, columns: new Map(values.map((name, i) => [name, i])) };
      continue;
    }
    const { names, columns } = header;
    if (values.length !== names.length) throw fail(line, `${names.length} columns`, `${values.length}`);
    yield {
      line,
      header: header.line,
      get: (column) => (columns.has(column) ? values[columns.get(column)!] : undefined),
      columns: names,
    };
  }
}
