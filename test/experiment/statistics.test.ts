/** Intervals and p values against slow oracles that share no code with them. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ranges, unranged } from '../../lib/experiment/result.js';
import {
  bootstrap,
  bootstrapMean,
  bootstrapTexts,
  holm,
  interval,
  RESAMPLES,
  signFlipP,
  spreadOf,
  tailP,
} from '../../lib/experiment/statistics.js';
import { classificationMetrics } from '../../lib/train/metrics.js';
import { Words } from '../../lib/util/philox.js';

/** Means of all n^n samples with replacement, each as likely as any other. */
function allMeans(values: readonly number[]): number[] {
  let sums = [0];
  for (let i = 0; i < values.length; i++) sums = sums.flatMap((sum) => values.map((value) => sum + value));
  return sums.map((sum) => sum / values.length).sort((a, b) => a - b);
}
const shareBelow = (sorted: readonly number[], value: number) =>
  sorted.filter((other) => other < value - 1e-12).length / sorted.length;
const shareUpTo = (sorted: readonly number[], value: number) =>
  sorted.filter((other) => other <= value + 1e-12).length / sorted.length;

describe('experiment/statistics', () => {
  it('has the percentiles of all resamples that there are', () => {
    for (const values of [
      [0.01, 0.02, -0.005],
      [0.3, -0.2, 0.1, 0.11],
      [0.02, 0.018, 0.05, -0.01, 0.007],
      [1, 2, 3, 4, 5, 7],
    ]) {
      const exact = allMeans(values);
      for (const level of [0.5, 0.9, 0.95]) {
        const { low, high } = interval(bootstrapMean(values), level);
        const tail = (1 - level) / 2;
        // Five standard errors of a share of 10,000 resamples.
        const error = 5 * Math.sqrt((tail * (1 - tail)) / RESAMPLES) + 1 / RESAMPLES;
        expect(shareBelow(exact, low), `${values.join()} ${level} low`).to.be.at.most(tail + error);
        expect(shareUpTo(exact, low), `${values.join()} ${level} low`).to.be.at.least(tail - error);
        expect(shareBelow(exact, high), `${values.join()} ${level} high`).to.be.at.most(1 - tail + error);
        expect(shareUpTo(exact, high), `${values.join()} ${level} high`).to.be.at.least(1 - tail - error);
      }
    }
  });

  it('cuts as many resamples at either end', () => {
    const sorted = Float64Array.from({ length: 10_000 }, (_, i) => i);
    expect(interval(sorted, 0.95)).to.deep.equal({ low: 250, high: 9749 });
    expect(interval(sorted, 0.999)).to.deep.equal({ low: 5, high: 9994 });
  });

  it('covers less than it says with few values: as docs/experiments.md has it', () => {
    const words = new Words({ seed: 9, stream: 'sample' });
    let element = 0;
    for (const [n, covered] of [
      [3, 0.75],
      [5, 0.84],
      [10, 0.9],
    ] as const) {
      const trials = 600;
      let hits = 0;
      for (let seed = 0; seed < trials; seed++) {
        const values = Array.from({ length: n }, () => words.normal(element++));
        const { low, high } = interval(bootstrapMean(values, { resamples: 400, seed }), 0.95);
        if (low <= 0 && high >= 0) hits++;
      }
      expect(hits / trials, `${n}`).to.be.closeTo(covered, 4 * Math.sqrt((covered * (1 - covered)) / trials));
    }
  });

  it('gives the same resamples for the same seed', () => {
    const values = [0.1, 0.4, 0.2];
    expect(bootstrapMean(values)).to.deep.equal(bootstrapMean(values));
    expect(bootstrapMean(values)).not.to.deep.equal(bootstrapMean(values, { seed: 2 }));
    const seen = new Set<string>();
    bootstrap(2, (sample) => (seen.add(sample.join()), 0), { resamples: 50 });
    expect([...seen].sort()).to.deep.equal(['0,0', '0,1', '1,0', '1,1']);
  });

  it('counts every pattern of signs', () => {
    expect(signFlipP([0.01, 0.02, 0.03])).to.equal(2 / 8);
    expect(signFlipP([0.5])).to.equal(1);
    expect(signFlipP([0, 0, 0])).to.equal(1);
    // |±.1 ±.1 ±.1 ±.1| >= .2 for all but the 6 patterns whose sum is 0.
    expect(signFlipP([0.1, 0.1, 0.1, -0.1])).to.equal(10 / 16);
    expect(signFlipP(Array.from({ length: 12 }, () => 0.1))).to.equal(2 / 4096);
    // Above 12 by chance: differences of both signs, whose exact p is computed over all 2^14.
    const values = Array.from({ length: 14 }, (_, i) => (i % 5 === 0 ? -0.04 : 0.01 * (i % 4)));
    const sums = values.reduce<number[]>((all, value) => all.flatMap((sum) => [sum + value, sum - value]), [0]);
    const observed = Math.abs(values.reduce((a, b) => a + b, 0));
    const exact = sums.filter((sum) => Math.abs(sum) >= observed - 1e-12).length / sums.length;
    expect(signFlipP(values)).to.be.closeTo(exact, 5 * Math.sqrt((exact * (1 - exact)) / RESAMPLES));
  });

  it('doubles the smaller tail', () => {
    expect(tailP(Float64Array.of(1, 2, 3))).to.equal(2 / 4);
    expect(tailP(Float64Array.of(-1, -1, 2, 3, 4, 5, 6))).to.equal(6 / 8);
    expect(tailP(Float64Array.of(-1, 1))).to.equal(1);
  });

  it('rejects what Holm’s procedure rejects, step by step', () => {
    const rejected = (ps: readonly number[], alpha: number) => {
      const left = new Set(ps.keys());
      for (;;) {
        const smallest = [...left].reduce<number | null>(
          (best, i) => (best === null || ps[i]! < ps[best]! ? i : best),
          null,
        );
        if (smallest === null || ps[smallest]! > alpha / left.size) return ps.map((_, i) => !left.has(i));
        left.delete(smallest);
      }
    };
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
        fc.double({ min: 0.001, max: 0.5, noNaN: true }),
        (ps, alpha) => {
          // Away from ties with the border, where rounding decides.
          fc.pre(ps.every((p) => ps.every((_, k) => Math.abs(p * (k + 1) - alpha) > 1e-9)));
          expect(holm(ps).map(({ p }) => p <= alpha)).to.deep.equal(rejected(ps, alpha));
        },
      ),
    );
    expect(holm([0.04, 0.01, 0.03])).to.deep.equal([
      { p: 0.06, share: 1 },
      { p: 0.03, share: 1 / 3 },
      { p: 0.06, share: 1 / 2 },
    ]);
  });

  it('scores resampled texts as the metrics of training do', () => {
    const words = new Words({ seed: 3, stream: 'sample' });
    const n = 40;
    const draw = () => Int32Array.from({ length: n }, () => words.below(5));
    const [gold, a, b] = [draw(), draw(), draw()];
    const resamples = 50;
    const [ours, theirs] = bootstrapTexts(gold, [a, b], 6, { resamples });
    const again = new Words({ seed: 1, stream: 'sample', site: 4 });
    const labels = [...'abcdef'];
    for (let r = 0; r < resamples; r++) {
      const rows = Int32Array.from({ length: n }, () => again.below(n));
      const score = (predicted: Int32Array) =>
        classificationMetrics(
          rows.map((row) => gold[row]!),
          rows.map((row) => predicted[row]!),
          labels,
        ).macroF1;
      expect(ours![r]).to.be.closeTo(score(a), 1e-12);
      expect(theirs![r]).to.be.closeTo(score(b), 1e-12);
    }
  });

  it('takes the standard deviation of a sample', () => {
    expect(spreadOf([1, 2, 4]).sd).to.be.closeTo(Math.sqrt(7 / 3), 1e-15);
    expect(spreadOf([5])).to.deep.equal({ n: 1, mean: 5, sd: null });
  });

  it('writes units as ranges and reads them back', () => {
    expect(ranges([0, 1, 2, 5, 7, 8])).to.equal('0-2 5 7-8');
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200)), (list) => {
        const sorted = list.sort((a, b) => a - b);
        expect(unranged(ranges(sorted))).to.deep.equal(sorted);
      }),
    );
  });
});
