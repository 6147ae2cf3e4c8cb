import { expect } from 'chai';
import fc from 'fast-check';
import { mineClosedSequences, mineSequences } from '../../lib/mining/index.js';
import { Collector } from '../../lib/mining/collector.js';
import { buildDatabase, FlatSequences } from '../../lib/mining/database.js';
import { GapSearch } from '../../lib/mining/gap-bide.js';
import { NgramSearch } from '../../lib/mining/ngram.js';
import { Tasks } from '../../lib/mining/tasks.js';
import { bruteForceClosed, show } from './brute-force.js';

const letters = (...words: string[]): Int32Array[] =>
  words.map((word) => Int32Array.from(word, (letter) => letter.charCodeAt(0) - 65));

/** `AB:4` lists as patterns of items, sorted as text: the oracles name sets. */
const spelled = (patterns: { items: Int32Array; support: number }[]): string[] =>
  patterns.map(({ items, support }) => `${String.fromCharCode(...items.map((i) => i + 65))}:${support}`).sort();

const sets = (...rows: number[][]): Int32Array[] => rows.map((row) => Int32Array.from(row));

describe('closed sequences: published and hand-checked examples', () => {
  const wangHan = letters('CAABC', 'ABCB', 'CABC', 'ABBCA');

  it('finds the example of the BIDE paper without gap limits', async () => {
    const found = await mineClosedSequences(wangHan, { minSupport: 2, maxGap: Infinity });
    expect(spelled(found)).to.deep.equal(['AA:2', 'ABB:2', 'ABC:4', 'CA:3', 'CABC:2', 'CB:3']);
  });

  it('finds its contiguous patterns', async () => {
    const found = await mineClosedSequences(wangHan, { minSupport: 2, maxGap: 0 });
    expect(spelled(found)).to.deep.equal(['AB:4', 'ABC:3', 'BC:4', 'CA:3']);
  });

  it('finds its patterns with a gap of one', async () => {
    const found = await mineClosedSequences(wangHan, { minSupport: 2, maxGap: 1 });
    expect(spelled(found)).to.deep.equal(['ABB:2', 'ABC:4', 'AC:3', 'CA:3', 'CABC:2', 'CAC:2', 'CB:2']);
  });

  it('finds repeated items', async () => {
    const database = sets([0, 1, 2, 3, 4], [1, 1, 1, 3, 4], [2, 1, 2, 2, 0], [1, 1, 1, 2, 2]);
    const found = await mineClosedSequences(database, { minSupport: 2, maxGap: Infinity });
    expect(show(found)).to.have.members(['0:2', '1:4', '1 2:3', '1 2 2:2', '1 3 4:2', '1 1 1:2']);
  });

  it('finds 20 patterns with a gap of two at support 3', async () => {
    const database = sets(
      [1, 2, 3, 4],
      [1, 4, 2, 3, 5],
      [1, 2, 4, 3, 1, 2, 3, 1],
      [1, 2, 4, 3, 1],
      [1, 3, 5],
      [2, 3, 4],
      [2, 1, 5],
      [3, 5, 3, 1],
      [2, 4, 1, 5, 2, 3, 3],
    );
    const expected =
      '1:8 2:7 3:8 4:6 5:5, 1 2 3:5, 1 2 4:3, 1 3:6, 1 4:4, 1 4 3:3, 1 5:3, 2 1:4, 2 3:6, 2 4:5, 2 4 1:3, 2 5:3, 3 1:3, 3 3:3, 3 5:3, 4 2 3:3';
    const found = await mineClosedSequences(database, { minSupport: 3, maxGap: 2 });
    expect(show(found)).to.have.members(expected.replace('1:8 2:7 3:8 4:6 5:5', '1:8, 2:7, 3:8, 4:6, 5:5').split(', '));
  });
});

describe('closed sequences: random databases against brute force', function () {
  this.timeout(60_000);
  /** Few items and short sequences, so that repeats, ties and nested patterns are the rule. */
  const databases = (least: number): fc.Arbitrary<number[][]> =>
    fc
      .integer({ min: 1, max: 4 })
      .chain((largest) =>
        fc.array(fc.array(fc.integer({ min: least, max: largest }), { maxLength: 8 }), { minLength: 1, maxLength: 6 }),
      );
  const bounds = fc.constantFrom(1, 2, 3, 4, Infinity);

  for (const { name, gaps, least, runs } of [
    { name: 'contiguous, with barriers', gaps: [0], least: -1, runs: 10_000 },
    { name: 'gaps of one to three, with barriers', gaps: [1, 2, 3], least: -1, runs: 10_000 },
    { name: 'any gap', gaps: [Infinity], least: 0, runs: 10_000 },
  ]) {
    it(name, () =>
      fc.assert(
        fc.asyncProperty(
          databases(least),
          fc.integer({ min: 1, max: 3 }),
          fc.constantFrom(...gaps),
          bounds,
          async (rows, minSupport, maxGap, maxPattern) => {
            const sequences = sets(...rows);
            const found = await mineClosedSequences(sequences, { minSupport, maxGap, maxPattern });
            expect(show(found)).to.deep.equal(show(bruteForceClosed(sequences, minSupport, maxGap, maxPattern)));
          },
        ),
        { numRuns: runs },
      ),
    );
  }

  it('the n-gram route equals Gap-BIDE without gaps on larger databases', () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: -1, max: 6 }), { maxLength: 60 }), { minLength: 2, maxLength: 40 }),
        fc.integer({ min: 2, max: 5 }),
        bounds,
        (rows, minSupport, maxPattern) => {
          const options = { minSupport, maxGap: 0, maxPattern, topK: Infinity, maxPatterns: Infinity };
          const database = buildDatabase(FlatSequences.of(sets(...rows)), minSupport, true);
          const [byNgrams, byGaps] = [NgramSearch, GapSearch].map((Kind) => {
            const collector = new Collector(options, rows.length);
            new Kind(database, maxPattern, collector, Tasks.of(database, minSupport), 0).advance(Infinity);
            return show([...collector.finish()]);
          });
          expect(byNgrams).to.deep.equal(byGaps);
        },
      ),
      { numRuns: 300 },
    ));

  it('keeps each occurrence once, however many ways lead to it', async () => {
    // a^n has (40 - n + 1) begins and at most 3 n ends each; the ways inside number 4^n.
    const run = new Int32Array(40);
    const found = await mineClosedSequences([run, run], { minSupport: 2, maxGap: 3 });
    expect(found.map(({ items }) => items.length)).to.deep.equal([40]);
  });

  it('visits all frequent n-grams under a length bound', () =>
    fc.assert(
      fc.asyncProperty(databases(0), async (rows) => {
        const { visited } = await mineSequences(sets(...rows), { minSupport: 2, maxPattern: 3 });
        const frequent = [0, 0, 0, 0];
        const grams = new Map<string, Set<number>>();
        rows.forEach((row, s) => {
          for (let i = 0; i < row.length; i++) {
            for (let n = 1; n <= 3 && i + n <= row.length; n++) {
              const key = row.slice(i, i + n).join(' ');
              grams.set(key, (grams.get(key) ?? new Set()).add(s));
            }
          }
        });
        for (const [key, found] of grams) {
          const length = key.split(' ').length;
          if (found.size >= 2) frequent[length] = (frequent[length] as number) + 1;
        }
        while (frequent.length > 0 && frequent.at(-1) === 0) frequent.pop();
        expect(visited).to.deep.equal(frequent);
      }),
      { numRuns: 300 },
    ));
});
