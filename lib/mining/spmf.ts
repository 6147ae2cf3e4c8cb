import { AdaptuneError } from '../errors.js';
import { FlatSequences } from './database.js';
import type { Pattern } from './packed-patterns.js';

const LARGEST_ITEM = 0x7fffffff;
/** Lines of a chunk of output. */
const CHUNK_LINES = 1024;

const [TAB, LINE_FEED, RETURN, SPACE, NUMBER_SIGN, PERCENT, MINUS, ZERO, NINE, AT] = [
  9, 10, 13, 32, 35, 37, 45, 48, 57, 64,
];
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Reads the text format of SPMF: a sequence a line, each itemset ended by -1, the sequence by -2. Only itemsets of one item are
 * sequences of items; others are refused. Lines that begin with `@`, `#` or `%` and empty lines are skipped, as SPMF does. Errors (E_DATA) name the line, after `source`.
 */
export function parseSpmf(text: string, source?: string): Int32Array[] {
  const { items, offsets, count } = parseSpmfBytes(new TextEncoder().encode(text), source);
  return Array.from({ length: count }, (_, s) => items.slice(offsets[s], offsets[s + 1]));
}

/** The same of bytes that lie in one array. */
export function parseSpmfBytes(bytes: Uint8Array, source?: string): FlatSequences {
  const reader = new SpmfReader(bytes.length, source);
  reader.take(bytes, true);
  return reader.finish();
}

/** The same of a file that comes in pieces, into one array: what mining needs. */
export class SpmfReader {
  private readonly items: Int32Array;
  private readonly offsets: Int32Array;
  private count = 0;
  private sequences = 0;
  private line = 0;

  /** @param size Bytes of the whole file. The arrays have room for all that it can hold; the system gives memory as it is touched. */
  constructor(
    size: number,
    private readonly source?: string,
  ) {
    // An item and its -1 take five characters at least, with the blanks after them; a sequence three.
    this.items = new Int32Array(Math.ceil(size / 5) + 1);
    this.offsets = new Int32Array(Math.ceil(size / 3) + 2);
  }

  /** Reads the lines that end in this piece, and all of it if it is the last; returns how many bytes that were. */
  take(bytes: Uint8Array, isLast: boolean): number {
    const end = isLast ? bytes.length : bytes.lastIndexOf(LINE_FEED) + 1;
    let at = 0;
    if (this.line === 0 && BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte)) at = BYTE_ORDER_MARK.length;
    while (at < end) at = this.readLine(bytes, at, end) + 1;
    return end;
  }

  finish(): FlatSequences {
    return new FlatSequences(this.items.subarray(0, this.count), this.offsets.subarray(0, this.sequences + 1));
  }

  /** Returns where the line ends: at its line feed, or at `end`. */
  private readLine(bytes: Uint8Array, begin: number, end: number): number {
    this.line += 1;
    let at = begin;
    while (at < end && isBlank(bytes[at]!)) at++;
    if (at === end || bytes[at] === LINE_FEED) return at;
    if (isComment(bytes[at]!)) return lineEnd(bytes, at, end);
    const stop = this.parseLine(bytes, at, end);
    if (stop === -1)
      refuse(
        new TextDecoder().decode(bytes.subarray(at, lineEnd(bytes, at, end))).trim(),
        `${this.source === undefined ? '' : `${this.source}: `}line ${this.line}`,
      );
    this.offsets[++this.sequences] = this.count;
    return stop;
  }

  /** Takes the items of a line that begins at `at` and returns where it ends; -1 when it is not a sequence of single items. */
  private parseLine(bytes: Uint8Array, at: number, end: number): number {
    const { items } = this;
    let { count } = this;
    // After an item: -1 must come.
    let open = false;
    for (;;) {
      const negative = bytes[at] === MINUS;
      if (negative) at++;
      const first = at;
      let value = 0;
      for (; at < end; at++) {
        const code = bytes[at]!;
        if (code < ZERO || code > NINE) break;
        value = value * 10 + (code - ZERO);
      }
      if (at === first || at - first > (negative ? 1 : 10) || value > LARGEST_ITEM) return -1;
      if (at < end && !isBlank(bytes[at]!) && bytes[at] !== LINE_FEED) return -1;
      while (at < end && isBlank(bytes[at]!)) at++;
      const isOver = at === end || bytes[at] === LINE_FEED;
      if (negative) {
        if (value === 2 && !open && isOver) {
          this.count = count;
          return at;
        }
        if (value !== 1 || !open) return -1;
        open = false;
      } else {
        if (open) return -1;
        items[count++] = value;
        open = true;
      }
      if (isOver) return -1;
    }
  }
}

const isComment = (code: number): boolean => code === AT || code === NUMBER_SIGN || code === PERCENT;
const isBlank = (code: number): boolean => code === SPACE || code === TAB || code === RETURN;

const lineEnd = (bytes: Uint8Array, at: number, end: number): number => {
  const stop = bytes.indexOf(LINE_FEED, at);
  return stop === -1 ? end : stop;
};

/** Says what is wrong with a line. */
function refuse(line: string, where: string): never {
  const words = line.split(/\s+/);
  const fail = (expected: string, got: string): never => {
    throw new AdaptuneError('E_DATA', `${where}: expected ${expected}, got ${JSON.stringify(got.slice(0, 40))}`);
  };
  if (words.pop() !== '-2') fail('-2 at the end of the sequence', line.slice(-40));
  if (words.length % 2 !== 0) fail('items that each are followed by -1', words.slice(-3).join(' '));
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i]!;
    if (!/^\d{1,10}$/.test(word) || Number(word) > LARGEST_ITEM) fail(`an item from 0 to ${LARGEST_ITEM}`, word);
    if (words[i + 1] !== '-1') fail('-1 after each item (itemsets of several items are not supported)', words[i + 1]!);
  }
  return fail('items separated by blanks', line);
}

/** Writes patterns as SPMF does: `1 -1 2 -1 #SUP: 5`, a line each. */
export function formatSpmf(patterns: readonly Pattern[]): string {
  return patterns.map(lineOf).join('');
}

const lineOf = ({ items, support }: Pattern): string => `${items.join(' -1 ')} -1 #SUP: ${support}\n`;

/** The same in pieces, for files of any size. */
export function* spmfChunks(patterns: Iterable<Pattern>): Generator<string> {
  let lines = '';
  let count = 0;
  for (const pattern of patterns) {
    lines += lineOf(pattern);
    if (++count % CHUNK_LINES !== 0) continue;
    yield lines;
    lines = '';
  }
  if (lines !== '') yield lines;
}
