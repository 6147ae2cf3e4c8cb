import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { mineClosedSequences, type MiningOptions, type Pattern, resolveSupport } from '../../lib/mining/index.js';
import { show } from './brute-force.js';
import { failure } from '../helpers/failure.js';

const databases = fc
  .array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }), { minLength: 2, maxLength: 10 })
  .map((rows) => rows.map((row) => Int32Array.from(row)));
const gaps = fc.constantFrom(0, 1, Infinity);

/** The error's code and message; fails when there is none. */
const refusal = (sequences: Int32Array[], options: MiningOptions) => failure(mineClosedSequences(sequences, options));

describe('mining limits', () => {
  it('takes a count, a fraction, or text', () => {
    expect(resolveSupport(5, 1000)).to.equal(5);
    expect(resolveSupport('5', 1000)).to.equal(5);
    expect(resolveSupport(0.01, 1000)).to.equal(10);
    expect(resolveSupport(0.0101, 1000)).to.equal(11);
    expect(resolveSupport(0.07, 100)).to.equal(7);
    expect(resolveSupport(1, 1000)).to.equal(1);
    expect(resolveSupport('1.0', 1000)).to.equal(1000);
    expect(resolveSupport(0.5, 0)).to.equal(1);
    for (const wrong of [0, -1, 1.5, NaN, Infinity, '', 'x', '2.5']) {
      expect(() => resolveSupport(wrong, 10), String(wrong))
        .to.throw(AdaptuneError)
        .with.property('code', 'E_ARGUMENT');
    }
  });

  it('refuses options out of range', async () => {
    for (const wrong of [{ maxGap: -1 }, { maxGap: 0.5 }, { maxPattern: 0 }, { topK: 0 }, { maxPatterns: NaN }]) {
      expect((await refusal([], wrong)).code).to.equal('E_ARGUMENT');
    }
    expect((await refusal([Int32Array.of(1, -1)], { maxGap: Infinity })).code).to.equal('E_ARGUMENT');
  });

  it('finds nothing in nothing', async () => {
    for (const maxGap of [0, 1, Infinity]) {
      expect(await mineClosedSequences([], { maxGap, minSupport: 1 })).to.deep.equal([]);
      expect(await mineClosedSequences([new Int32Array(0)], { maxGap, minSupport: 1 })).to.deep.equal([]);
    }
  });

  it('top k is the head of the whole list', () =>
    fc.assert(
      fc.asyncProperty(databases, gaps, fc.integer({ min: 1, max: 12 }), async (sequences, maxGap, topK) => {
        const all = await mineClosedSequences(sequences, { minSupport: 1, maxGap });
        const top = await mineClosedSequences(sequences, { minSupport: 1, maxGap, topK });
        expect(show(top)).to.deep.equal(show(all.slice(0, topK)));
      }),
      { numRuns: 1000 },
    ));

  it('names the least support that fits when there are too many patterns', () =>
    fc.assert(
      fc.asyncProperty(databases, gaps, fc.integer({ min: 1, max: 12 }), async (sequences, maxGap, maxPatterns) => {
        const all = await mineClosedSequences(sequences, { minSupport: 1, maxGap });
        const count = (support: number): number => all.filter((pattern) => pattern.support >= support).length;
        if (all.length <= maxPatterns) {
          expect(await mineClosedSequences(sequences, { minSupport: 1, maxGap, maxPatterns })).to.deep.equal(all);
          return;
        }
        const error = await refusal(sequences, { minSupport: 1, maxGap, maxPatterns });
        expect(error.code).to.equal('E_MINING');
        let fits = 1;
        while (count(fits) > maxPatterns) fits++;
        expect(error.message).to.contain(`support ${fits} gives ${count(fits)}`);
      }),
      { numRuns: 1000 },
    ));

  it('orders by support, then items, whatever the order of the sequences', () =>
    fc.assert(
      fc.asyncProperty(databases, gaps, async (sequences, maxGap) => {
        const found = await mineClosedSequences(sequences, { minSupport: 1, maxGap });
        expect(await mineClosedSequences(sequences.toReversed(), { minSupport: 1, maxGap })).to.deep.equal(found);
        const key = ({ items, support }: Pattern): string =>
          [1000 - support, ...items].map((n) => String(n).padStart(4, '0')).join(' ');
        expect(found.map(key)).to.deep.equal(found.map(key).sort());
      }),
      { numRuns: 500 },
    ));
});

describe('long mining jobs', () => {
  /** Enough for seconds of work: 60 sequences of 400 items over a small alphabet without gap limits. */
  const large = Array.from({ length: 60 }, (_, s) =>
    Int32Array.from({ length: 400 }, (_, i) => (i * i + s * i * 7) % 23),
  );

  it('stop at an abort signal and leave the event loop alive', async () => {
    const controller = new AbortController();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    setTimeout(() => controller.abort('enough'), 150);
    const begin = performance.now();
    const { signal } = controller;
    const error = await refusal(large, { minSupport: 30, maxGap: Infinity, signal }).finally(() =>
      clearInterval(timer),
    );
    expect(error.code).to.equal('E_ABORTED');
    expect(error.cause).to.equal('enough');
    expect(performance.now() - begin).to.be.below(3000);
    expect(ticks).to.be.above(1);
  });

  it('do not start under an aborted signal', async () => {
    expect((await refusal(large, { signal: AbortSignal.abort() })).code).to.equal('E_ABORTED');
  });

  it('report progress that only grows and ends at one', async () => {
    const done: number[] = [];
    await mineClosedSequences(large, {
      minSupport: 60,
      maxGap: 1,
      maxPattern: 4,
      onProgress: (p) => done.push(p.done),
    });
    expect(done).to.deep.equal(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).to.equal(1);
    expect(Math.min(...done)).to.be.at.least(0);
  });
});
