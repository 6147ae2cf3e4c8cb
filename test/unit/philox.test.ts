import { expect } from 'chai';
import fc from 'fast-check';
import { binding } from '../../lib/native/binding.js';
import { fillNormal, permutation, philox4x32, shuffle, STREAMS, Words } from '../../lib/util/philox.js';

const hex = (words: Uint32Array) => Array.from(words, (w) => w.toString(16).padStart(8, '0')).join(' ');

/** The generator once more, over 64-bit integers. */
function plain(key: bigint, counter: bigint[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint];
  let k0 = key & mask;
  let k1 = key >> 32n;
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}

describe('philox', () => {
  it('gives the known answers of Random123', () => {
    const ones = 0xffffffff;
    expect(hex(philox4x32(0, 0, 0, 0, 0))).to.equal('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(hex(philox4x32(2n ** 64n - 1n, ones, ones, ones, ones))).to.equal('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(hex(philox4x32(0x299f31d0a4093822n, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344))).to.equal(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    );
  });

  it('agrees with 64-bit arithmetic', () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), word, word, word, word, (key, ...counter) => {
        expect(Array.from(philox4x32(key, ...counter))).to.deep.equal(plain(key, counter.map(BigInt)));
      }),
      { numRuns: 2000 },
    );
  });

  it('is the function of the native code', () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(fc.maxSafeNat(), word, word, word, word, (seed, ...counter) => {
        expect(Array.from(binding().philox(seed, ...counter))).to.deep.equal(Array.from(philox4x32(seed, ...counter)));
      }),
      { numRuns: 1000 },
    );
  });

  it('places words by element, site, step and stream', () => {
    const words = new Words({ seed: 2 ** 40 + 5, stream: 'sample', step: 7, site: 3 });
    const expected = philox4x32(2 ** 40 + 5, 2, 3, 7, STREAMS.sample);
    expect([8, 9, 10, 11].map((e) => words.word(e))).to.deep.equal(Array.from(expected));
    expect(() => new Words({ seed: -1, stream: 'init' })).to.throw(RangeError, /came -1/);
    expect(() => new Words({ seed: 0.5, stream: 'init' })).to.throw(RangeError);
  });

  it('draws normal numbers that do not depend on where a fill begins', () => {
    const place = { seed: 11, stream: 'init', site: 4 } as const;
    const all = fillNormal(new Float32Array(20_000), place, 0.02);
    for (const first of [1, 2, 3, 4, 1001]) {
      expect(fillNormal(new Float32Array(50), place, 0.02, first)).to.deep.equal(all.slice(first, first + 50));
    }
    const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
    const moment = (p: number) => all.reduce((sum, x) => sum + ((x - mean) / 0.02) ** p, 0) / all.length;
    // Four standard errors of 20,000 draws.
    expect(Math.abs(mean) / 0.02).to.be.below(4 / Math.sqrt(20_000));
    expect(Math.abs(moment(2) - 1)).to.be.below(4 * Math.sqrt(2 / 20_000));
    expect(Math.abs(moment(4) - 3)).to.be.below(4 * Math.sqrt(96 / 20_000));
  });

  it('draws bounded integers without bias', () => {
    // With n = 3 * 2^30 a plain remainder would be below 2^30 half of the time, not a third.
    const words = new Words({ seed: 1, stream: 'sample' });
    const n = 3 * 2 ** 30;
    let low = 0;
    for (let i = 0; i < 30_000; i++) if (words.below(n) < 2 ** 30) low++;
    expect(Math.abs(low - 10_000)).to.be.below(4 * Math.sqrt(30_000 * (2 / 9)));
  });

  it('shuffles to a permutation that the place decides', () => {
    const place = fc.record({ seed: fc.nat(), step: fc.nat(1000), stream: fc.constant('order' as const) });
    fc.assert(
      fc.property(place, fc.integer({ min: 0, max: 200 }), (at, n) => {
        const order = permutation(n, at);
        expect(Array.from(order).sort((a, b) => a - b)).to.deep.equal(Array.from({ length: n }, (_, i) => i));
        expect(permutation(n, at)).to.deep.equal(order);
        const items = Array.from({ length: n }, (_, i) => `item ${i}`);
        expect(shuffle(items, at)).to.deep.equal(Array.from(order, (i) => `item ${i}`));
      }),
      { numRuns: 300 },
    );
    const at = (seed: number, step: number, stream: 'order' | 'split') =>
      permutation(50, { seed, step, stream }).join();
    const different = [at(1, 0, 'order'), at(2, 0, 'order'), at(1, 1, 'order'), at(1, 0, 'split')];
    expect(new Set(different).size).to.equal(4);
  });

  it('gives every order of four items equally often', () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 24_000; epoch++) {
      const order = permutation(4, { seed: 5, stream: 'order', step: epoch }).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    let chi2 = 0;
    for (const count of counts.values()) chi2 += (count - 1000) ** 2 / 1000;
    expect(counts.size).to.equal(24);
    // 0.999 quantile of chi-squared with 23 degrees of freedom.
    expect(chi2).to.be.below(49.73);
  });
});
