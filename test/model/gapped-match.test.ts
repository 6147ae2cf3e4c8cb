import { expect } from 'chai';
import fc from 'fast-check';
import { GappedMatcher, OTHER, WALL } from '../../lib/model/gapped-match.js';
import { oracleMatches } from '../helpers/gapped-oracle.js';

const match = (patterns: number[][], maxGap: number, keys: number[]) => new GappedMatcher(patterns, maxGap).match(keys);

describe('gapped patterns: matching', () => {
  it('allows so many words between neighbours, and no wall', () => {
    expect(match([[1, 2]], 1, [1, 2])).to.deep.equal([{ pattern: 0, members: [0, 1] }]);
    expect(match([[1, 2]], 1, [1, OTHER, 2])).to.deep.equal([{ pattern: 0, members: [0, 2] }]);
    expect(match([[1, 2]], 1, [1, OTHER, OTHER, 2])).to.deep.equal([]);
    expect(match([[1, 2]], 1, [1, WALL, 2])).to.deep.equal([]);
    expect(match([[1, 2]], 1, [2, 1])).to.deep.equal([]);
    // Words of a phrase count one by one.
    expect(new GappedMatcher([[1, 2]], 2).match([1, OTHER, 2], [0, 1, 4])).to.deep.equal([]);
    expect(new GappedMatcher([[1, 2]], 3).match([1, OTHER, 2], [0, 1, 4])).to.have.length(1);
  });

  it('prefers more members, then those further left', () => {
    expect(
      match(
        [
          [1, 2],
          [1, 2, 3],
        ],
        2,
        [1, 2, 2, 3],
      ),
    ).to.deep.equal([{ pattern: 1, members: [0, 1, 3] }]);
    expect(match([[1, 2]], 2, [1, 2, 2])).to.deep.equal([{ pattern: 0, members: [0, 1] }]);
    // The leftmost 2 leads nowhere within the gap: another one does.
    expect(match([[1, 2, 3]], 1, [1, 2, 2, OTHER, 3])).to.deep.equal([{ pattern: 0, members: [0, 2, 4] }]);
    expect(
      match(
        [
          [1, 2],
          [1, 3],
        ],
        2,
        [1, 3, 2],
      ),
    ).to.deep.equal([{ pattern: 1, members: [0, 1] }]);
  });

  it('leaves the words of gaps to others, and takes no word twice', () => {
    expect(
      match(
        [
          [1, 2],
          [3, 4],
        ],
        2,
        [1, 3, 2, 4],
      ),
    ).to.deep.equal([
      { pattern: 0, members: [0, 2] },
      { pattern: 1, members: [1, 3] },
    ]);
    expect(
      match(
        [
          [1, 2],
          [3, 2],
        ],
        2,
        [1, 3, 2],
      ),
    ).to.deep.equal([{ pattern: 0, members: [0, 2] }]);
    expect(match([[1, 1]], 1, [1, 1, 1, 1])).to.deep.equal([
      { pattern: 0, members: [0, 1] },
      { pattern: 0, members: [2, 3] },
    ]);
  });

  it('finds what trying every occurrence finds, whatever the order of the patterns', () => {
    let found = 0;
    const key = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.array(key, { minLength: 2, maxLength: 4 }), { maxLength: 6, selector: String }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(
          fc.tuple(fc.oneof({ weight: 6, arbitrary: key }, fc.constantFrom(OTHER, WALL)), fc.constantFrom(1, 1, 1, 2)),
          {
            maxLength: 14,
          },
        ),
        (patterns, maxGap, units) => {
          const keys = units.map(([unit]) => unit);
          let next = 0;
          const places = units.map(
            ([unit, width]) => (next += unit === OTHER ? width : 1) - (unit === OTHER ? width : 1),
          );
          const matches = new GappedMatcher(patterns, maxGap).match(keys, places);
          expect(matches).to.deep.equal(oracleMatches(patterns, maxGap, keys, places));
          found += matches.length;
          const reversed = new GappedMatcher(patterns.toReversed(), maxGap).match(keys, places);
          const last = patterns.length - 1;
          expect(reversed.map(({ pattern, members }) => ({ pattern: last - pattern, members }))).to.deep.equal(matches);
        },
      ),
      { numRuns: 3000 },
    );
    expect(found).to.be.greaterThan(500);
  });

  it('takes a time that the length of the text bounds, also where every word is the same', () => {
    const same = (count: number) => Array.from({ length: count }, () => 0);
    const lengths = Array.from({ length: 29 }, (_, i) => same(i + 2));
    const words = same(2000);
    const begin = performance.now();
    expect(match([[...same(31), 1]], 32, words)).to.deep.equal([]);
    expect(match([...lengths, [...same(31), 1]], 32, words)).to.have.length(Math.ceil(2000 / 30));
    expect(
      match(
        [
          [...same(31), 1],
          [0, 0],
        ],
        32,
        [...words, 1],
      ),
    ).to.have.length(1000 - 15);
    expect(performance.now() - begin).to.be.lessThan(10_000);
  });
});
