import { AdaptuneError } from '../errors.js';
import type { Pattern } from './collector.js';
import { FlatSequences } from './database.js';

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

/** The same of the bytes of a file, in one array: what mining needs. */
export function parseSpmfBytes(bytes: Uint8Array, source?: string): FlatSequences {
  // An item and its -1 take five characters at least, with the blanks after them.
  const items = new Int32Array(Math.ceil(bytes.length / 5) + 1);
  const offsets = [0];
  let count = 0;
  let line = 0;
  const first = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? BYTE_ORDER_MARK.length : 0;
  for (let begin = first, end = 0; begin <= bytes.length; begin = end + 1) {
    line += 1;
    end = bytes.indexOf(LINE_FEED, begin);
    if (end === -1) end = bytes.length;
    let at = begin;
    while (at < end && isBlank(bytes[at]!)) at++;
    if (at === end || isComment(bytes[at]!)) continue;
    count = parseLine(bytes, at, end, items, count);
    if (count < 0)
      refuse(
        new TextDecoder().decode(bytes.subarray(at, end)).trim(),
        `${source === undefined ? '' : `${source}: `}line ${line}`,
      );
    offsets.push(count);
  }
  return new FlatSequences(items.subarray(0, count), Int32Array.from(offsets));
}

const isComment = (code: number): boolean => code === AT || code === NUMBER_SIGN || code === PERCENT;
const isBlank = (code: number): boolean => code === SPACE || code === TAB || code === RETURN || code === LINE_FEED;

/** Writes the items of a line that begins at `at` from `items[count]` and returns their new count; -1 when the line is not a sequence of single items. */
function parseLine(bytes: Uint8Array, at: number, end: number, items: Int32Array, count: number): number {
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
    if (at < end && !isBlank(bytes[at]!)) return -1;
    while (at < end && isBlank(bytes[at]!)) at++;
    if (negative) {
      if (value === 2 && !open && at === end) return count;
      if (value !== 1 || !open || at === end) return -1;
      open = false;
    } else {
      if (open) return -1;
      items[count++] = value;
      open = true;
    }
    if (at === end) return -1;
  }
}

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
  return patterns.map(({ items, support }) => `${items.join(' -1 ')} -1 #SUP: ${support}\n`).join('');
}

/** The same in pieces, for files of any size. */
export function* spmfChunks(patterns: readonly Pattern[]): Generator<string> {
  for (let i = 0; i < patterns.length; i += CHUNK_LINES) yield formatSpmf(patterns.slice(i, i + CHUNK_LINES));
}
