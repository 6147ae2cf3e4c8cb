import { AdaptuneError } from '../errors.js';
import type { Pattern } from './collector.js';

const LARGEST_ITEM = 0x7fffffff;

/**
 * Reads the text format of SPMF: a sequence a line, each itemset ended by -1, the sequence by -2. Only itemsets of one item are
 * sequences of items; others are refused. Lines that begin with `@`, `#` or `%` and empty lines are skipped, as SPMF does. Errors (E_DATA) name the line, after `source`.
 */
export function parseSpmf(text: string, source?: string): Int32Array[] {
  const sequences: Int32Array[] = [];
  const where = (line: number) => `${source === undefined ? '' : `${source}: `}line ${line}`;
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (line !== '' && !/^[@#%]/.test(line)) sequences.push(parseLine(line, where(index + 1)));
  });
  return sequences;
}

function parseLine(line: string, where: string): Int32Array {
  const words = line.split(/\s+/);
  const fail = (expected: string, got: string): never => {
    throw new AdaptuneError('E_DATA', `${where}: expected ${expected}, got ${JSON.stringify(got.slice(0, 40))}`);
  };
  if (words.pop() !== '-2') fail('-2 at the end of the sequence', line.slice(-40));
  if (words.length % 2 !== 0) fail('items that each are followed by -1', words.slice(-3).join(' '));
  const items = new Int32Array(words.length / 2);
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i]!;
    const end = words[i + 1]!;
    if (!/^\d{1,10}$/.test(word) || Number(word) > LARGEST_ITEM) fail(`an item from 0 to ${LARGEST_ITEM}`, word);
    if (end !== '-1') fail('-1 after each item (itemsets of several items are not supported)', end);
    items[i / 2] = Number(word);
  }
  return items;
}

/** Writes patterns as SPMF does: `1 -1 2 -1 #SUP: 5`, a line each. */
export function formatSpmf(patterns: readonly Pattern[]): string {
  return patterns.map(({ items, support }) => `${items.join(' -1 ')} -1 #SUP: ${support}\n`).join('');
}
