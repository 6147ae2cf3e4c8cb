import { expect } from 'chai';
import fc from 'fast-check';
import { mineClosedSequences } from '../../lib/mining/index.js';
import { bruteForceClosed, show } from './brute-force.js';
import { hundredsProperty, optionsProperty, turnsProperty } from './properties.js';

describe('mining options', function () {
  this.timeout(60_000);

  it('combine as the definitions say', () => fc.assert(optionsProperty, { numRuns: 6000 }));
  it('find the same in hundreds of sequences', () => fc.assert(hundredsProperty, { numRuns: 300 }));
  it('give the same whichever search takes which first item', () => fc.assert(turnsProperty, { numRuns: 1000 }));
});

describe('mining extremes', () => {
  it('a sequence of 100,000 items holds a short one', async () => {
    const long = Int32Array.from({ length: 100_000 }, (_, i) => (i * i + (i >> 3)) % 997);
    const short = long.filter((_, i) => i % 4001 === 17);
    const found = await mineClosedSequences([long, short], { minSupport: 2, maxGap: Infinity });
    expect(found).to.deep.equal([{ items: short, support: 2 }]);
  });

  it('a sequence of 100,000 items is its own longest contiguous pattern', async () => {
    const long = Int32Array.from({ length: 100_000 }, (_, i) => (i * i + (i >> 3)) % 997);
    expect(await mineClosedSequences([long], { minSupport: 1, maxGap: 0 })).to.deep.equal([
      { items: long, support: 1 },
    ]);
  });

  it('100,000 short sequences', async () => {
    const rows = Array.from({ length: 100_000 }, (_, i) =>
      Int32Array.from({ length: i % 4 }, (_, j) => (i >> (3 * j)) % 7),
    );
    for (const maxGap of [0, 1, Infinity]) {
      const found = await mineClosedSequences(rows, { minSupport: 0.001, maxGap });
      expect(show(found)).to.deep.equal(show(bruteForceClosed(rows, 100, maxGap, Infinity)));
      expect(found.length).to.be.greaterThan(100);
    }
  });

  it('100,000 equal sequences', async () => {
    const row = Int32Array.of(3, 1, 3);
    const rows = Array.from({ length: 100_000 }, () => row);
    for (const maxGap of [0, Infinity])
      expect(await mineClosedSequences(rows, { minSupport: 1, maxGap })).to.deep.equal([
        { items: row, support: 100_000 },
      ]);
  });
});
