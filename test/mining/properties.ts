/** Properties of the miner, for the tests at hand and for the long ones. */
import { expect } from 'chai';
import fc from 'fast-check';
import { mineClosedSequences, type Pattern } from '../../lib/mining/index.js';
import { Collector } from '../../lib/mining/collector.js';
import { buildDatabase, FlatSequences } from '../../lib/mining/database.js';
import { openSearch } from '../../lib/mining/open-search.js';
import type { Search } from '../../lib/mining/search.js';
import { Tasks } from '../../lib/mining/tasks.js';
import { failure } from '../helpers/failure.js';
import { bruteForceClosed, show } from './brute-force.js';

/** Rows with repeats of whole rows, empty rows, and often one item only. */
const rowsOf = (least: number): fc.Arbitrary<number[][]> =>
  fc
    .record({
      rows: fc.array(fc.array(fc.integer({ min: least, max: 3 }), { maxLength: 7 }), { minLength: 1, maxLength: 5 }),
      copies: fc.array(fc.nat(4), { maxLength: 4 }),
      items: fc.integer({ min: 1, max: 4 }),
    })
    .map(({ rows, copies, items }) =>
      [...rows, ...copies.map((row) => rows[row % rows.length]!)].map((row) =>
        row.map((item) => (item < 0 ? item : item % items)),
      ),
    );

const limits = {
  minSupport: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(0.3, 0.5, '1.0')),
  maxPattern: fc.constantFrom(1, 2, 3, Infinity, undefined),
  topK: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 20 })),
  maxPatterns: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 20 })),
};

const sequencesOf = (rows: number[][]): Int32Array[] => rows.map((row) => Int32Array.from(row));

/** Patterns at each support and above, as the error words it. */
function supportThatFits(all: readonly Pattern[], most: number): string {
  for (let support = 1; ; support++) {
    const count = all.filter((pattern) => pattern.support >= support).length;
    if (count <= most) return `support ${support} gives ${count}`;
  }
}

/** All options at once, against brute force. */
export const optionsProperty = fc.asyncProperty(
  fc
    .constantFrom(0, 1, 2, 5, Infinity)
    .chain((maxGap) =>
      fc.record({ ...limits, maxGap: fc.constant(maxGap), rows: rowsOf(maxGap === Infinity ? 0 : -1) }),
    ),
  async ({ rows, ...options }) => {
    const sequences = sequencesOf(rows);
    const { minSupport, maxGap, maxPattern = Infinity, topK = Infinity, maxPatterns = Infinity } = options;
    const least =
      typeof minSupport === 'string' || minSupport < 1
        ? Math.max(1, Math.ceil(Number(minSupport) * rows.length))
        : minSupport;
    const all = bruteForceClosed(sequences, least, maxGap, maxPattern);
    if (all.length > maxPatterns && topK > maxPatterns) {
      const error = await failure(mineClosedSequences(sequences, options));
      expect(error.code).to.equal('E_MINING');
      expect(error.message).to.contain(supportThatFits(all, maxPatterns));
    } else {
      expect(show(await mineClosedSequences(sequences, options))).to.deep.equal(show(all.slice(0, topK)));
    }
  },
);

/** Enough sequences for whole chunks of a join, against brute force. */
export const hundredsProperty = fc.asyncProperty(
  fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }), { minLength: 130, maxLength: 400 }),
  fc.constantFrom(0, 1, Infinity),
  fc.integer({ min: 1, max: 60 }),
  async (rows, maxGap, minSupport) => {
    const sequences = sequencesOf(rows);
    const found = await mineClosedSequences(sequences, { minSupport, maxGap });
    expect(show(found)).to.deep.equal(show(bruteForceClosed(sequences, minSupport, maxGap, Infinity)));
  },
);

/** Several searches on the same tasks, one pattern at a time in any order: what threads do. */
export const turnsProperty = fc.asyncProperty(
  rowsOf(0),
  fc.constantFrom(0, 2, Infinity),
  fc.constantFrom(2, Infinity),
  fc.constantFrom(3, Infinity),
  fc.array(fc.nat(2), { minLength: 1 }),
  async (rows, maxGap, maxPattern, topK, turns) => {
    const sequences = sequencesOf(rows);
    const limits = { minSupport: 1, maxPatterns: Infinity, topK };
    const database = buildDatabase(FlatSequences.of(sequences), 1, true);
    const collector = new Collector(limits, rows.length);
    const tasks = Tasks.of(database, 1);
    const ended = new Set<Search>();
    const searches = await Promise.all(
      [0, 1, 2].map(() => openSearch(database, { maxGap, maxPattern }, collector, tasks)),
    );
    // One pattern at a time, in the given order of turns.
    for (let turn = 0; ended.size < searches.length; turn++) {
      const left = searches.filter((search) => !ended.has(search));
      const search = left[turns[turn % turns.length]! % left.length]!;
      if (search.advance(-Infinity)) ended.add(search);
    }
    const all = bruteForceClosed(sequences, 1, maxGap, maxPattern);
    expect(show([...collector.finish()])).to.deep.equal(show(all.slice(0, topK)));
    expect(tasks.done).to.equal(1);
  },
);
