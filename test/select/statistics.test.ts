import { expect } from 'chai';
import * as fc from 'fast-check';
import { jaccard, percentiles, ranks, spearman, zScores } from '../../lib/select/statistics.js';

describe('select/statistics', () => {
  it('gives equal values the mean of their ranks', () => {
    expect([...ranks([10, 30, 20, 30, 10, 30])]).to.deep.equal([1.5, 5, 3, 5, 1.5, 5]);
    expect([...percentiles([10, 30, 20, 30])]).to.deep.equal([0.125, 0.75, 0.375, 0.75]);
    expect([...ranks([])]).to.deep.equal([]);
  });

  it("computes Spearman's correlation with ties", () => {
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).to.be.closeTo(8 / Math.sqrt(95), 1e-15);
    expect(spearman([1, 2, 3], [9, 4, 1])).to.equal(-1);
    expect(spearman([1, 1, 1], [1, 2, 3])).to.be.NaN;
    expect(() => spearman([1], [1, 2])).to.throw('received 1 and 2');
  });

  it('takes population deviations for z-scores, 0 for constants', () => {
    expect([...zScores([2, 4, 4, 4, 5, 5, 7, 9])]).to.deep.equal([-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2]);
    expect([...zScores([0.1, 0.1, 0.1])]).to.deep.equal([0, 0, 0]);
  });

  it('weighs the members of a Jaccard overlap', () => {
    expect(jaccard(new Set('abc'), new Set('bcd'))).to.equal(0.5);
    expect(jaccard(new Set('ab'), new Set('bc'), (m) => (m === 'b' ? 8 : 1))).to.equal(0.8);
    expect(jaccard(new Set(), new Set())).to.equal(1);
  });

  it('keeps percentiles in order, centred and blind to monotone changes', () => {
    const values = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(values, (list) => {
        const p = percentiles(list);
        expect(p.reduce((a, b) => a + b, 0) / list.length).to.be.closeTo(0.5, 1e-12);
        for (const [i, a] of list.entries()) {
          for (const [j, b] of list.entries()) expect(Math.sign(p[i]! - p[j]!)).to.equal(Math.sign(a - b));
        }
        expect([...percentiles(list.map((x) => x ** 3))]).to.deep.equal([...p]);
      }),
    );
  });
});
