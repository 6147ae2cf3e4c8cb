import { expect } from 'chai';
import fc from 'fast-check';
import { falseDiscoveryRates, Hypergeometric } from '../../lib/mining/significance.js';

const choose = (n: number, k: number): number =>
  k < 0 || k > n ? 0 : Array.from({ length: k }, (_, i) => (n - i) / (i + 1)).reduce((a, b) => a * b, 1);

describe('significance', () => {
  it('knows the lady who tastes tea', () => {
    const exact = new Hypergeometric(8);
    const p = (hits: number): number => exact.upperTail({ hits, drawn: 4, marked: 4, texts: 8 });
    expect(p(3)).to.be.closeTo(17 / 70, 1e-12);
    expect(p(4)).to.be.closeTo(1 / 70, 1e-12);
    expect(p(0)).to.equal(1);
  });

  it('sums the chances of all draws', () => {
    const exact = new Hypergeometric(60);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(60),
        fc.nat(60),
        fc.nat(60),
        (texts, drawnOf, markedOf, hits) => {
          const [drawn, marked] = [drawnOf % (texts + 1), markedOf % (texts + 1)];
          let sum = 0;
          for (let k = hits; k <= drawn; k++) sum += choose(marked, k) * choose(texts - marked, drawn - k);
          const expected = sum / choose(texts, drawn);
          expect(exact.upperTail({ hits, drawn, marked, texts })).to.be.closeTo(expected, 1e-9);
        },
      ),
    );
  });

  it('stays exact far out', () => {
    const exact = new Hypergeometric(2000);
    // All 100 drawn of 1,000 marked among 2,000.
    const p = exact.upperTail({ hits: 100, drawn: 100, marked: 1000, texts: 2000 });
    const log = Array.from({ length: 100 }, (_, i) => Math.log((1000 - i) / (2000 - i))).reduce((a, b) => a + b, 0);
    expect(Math.log(p)).to.be.closeTo(log, 1e-8);
  });

  it('corrects as Benjamini and Hochberg do', () => {
    const q = falseDiscoveryRates([0.01, 0.04, 0.03, 0.005, 1]);
    [0.025, 0.05, 0.05, 0.025, 1].forEach((expected, i) => expect(q[i]).to.be.closeTo(expected, 1e-12));
    expect(falseDiscoveryRates([])).to.deep.equal([]);
    expect(falseDiscoveryRates([0.2])).to.deep.equal([0.2]);
  });

  it('accepts at q <= x what the step-up procedure accepts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (p, level) => {
          const sorted = p.toSorted((a, b) => a - b);
          const last = sorted.findLastIndex((value, i) => (value * p.length) / (i + 1) <= level);
          const threshold = last === -1 ? -1 : sorted[last]!;
          falseDiscoveryRates(p).forEach((q, i) => expect(q <= level).to.equal(p[i]! <= threshold));
        },
      ),
    );
  });
});
