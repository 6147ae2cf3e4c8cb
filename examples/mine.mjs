/**
 * Mines closed frequent sequences, with nothing but the miner: no model, no addon. Items are integers, here words.
 *
 *   node examples/mine.mjs
 */
import { mineClosedSequences } from 'adaptune/mining';
import { tickets } from './corpus.mjs';

const ids = new Map();
const id = (word) => ids.get(word) ?? ids.set(word, ids.size).get(word);
const sequences = tickets(1000, 1).map(({ text }) => Int32Array.from(text.split(' '), id));
const words = [...ids.keys()];

for (const [name, maxGap] of [
  ['side by side', 0],
  ['with anything between', Infinity],
]) {
  // A fraction of the sequences, or a count. Closed: no longer sequence has the same support.
  const patterns = await mineClosedSequences(sequences, { minSupport: 0.02, maxGap });
  const longer = patterns.filter(({ items }) => items.length > 1);
  console.log(`${longer.length} closed sequences of two or more words, ${name}; the most frequent:`);
  for (const { items, support } of longer.slice(0, 5))
    console.log(`  ${Array.from(items, (item) => words[item]).join(' ')} (${support})`);
}
