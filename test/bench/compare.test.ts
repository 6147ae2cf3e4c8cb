/** Verdicts on two results: what is noise, what is slower, and what must not be compared. */
import { expect } from 'chai';
import { compare } from '../../lib/bench/compare.js';
import { parseLengths } from '../../lib/bench/lengths.js';
import type { Report, Trial } from '../../lib/bench/report.js';
import { geometricMean, median, spread } from '../../lib/bench/statistics.js';

const trials = (...seconds: number[]): Trial[] => seconds.map((s) => ({ seconds: s }));

function report(list: Trial[], more: Partial<Report> = {}): Report {
  const seconds = median(list.map((trial) => trial.seconds));
  const result = { name: 'a product', engine: 'adaptune', threads: 1, seconds, spread: 0, trials: list };
  const machine = { cpu: 'some', isa: 'avx2', threads: 2 };
  return { what: 'kernels', date: '', commit: null, machine, results: [result], ...more };
}

const verdict = (before: Trial[], now: Trial[]) => {
  const [row] = compare(report(before), report(now)).differences;
  return [row!.verdict, Number(row!.ratio.toFixed(3))];
};

describe('bench, comparison', () => {
  it('calls slower what is above all earlier trials by three percent', () => {
    expect(verdict(trials(1, 1.02, 1.01), trials(1.06, 1.05, 1.07))).to.deep.equal(['slower', 1.05]);
    expect(verdict(trials(1.06, 1.05, 1.07), trials(1, 1.02, 1.01))).to.deep.equal(['faster', 0.953]);
  });

  it('calls the same what overlaps, or differs by less', () => {
    expect(verdict(trials(1, 1.3, 1.01), trials(1.1, 1.2, 1.15))).to.deep.equal(['same', 1.139]);
    expect(verdict(trials(1, 1.001, 1.002), trials(1.02, 1.021, 1.022))).to.deep.equal(['same', 1.02]);
  });

  it('wants a larger difference of single trials', () => {
    expect(verdict(trials(1), trials(1.09))[0]).to.equal('same');
    expect(verdict(trials(1), trials(1.11))[0]).to.equal('slower');
  });

  it('allows for a machine that is slower as a whole', () => {
    const at = (speed: number, ...seconds: number[]): Trial[] =>
      seconds.map((s) => ({ seconds: s / speed, peak: 1e11 * speed }));
    expect(verdict(at(1, 1, 1.01), at(0.5, 1, 1.01))).to.deep.equal(['same', 1]);
    expect(verdict(at(1, 1, 1.01), at(2, 1.2, 1.21))).to.deep.equal(['slower', 1.199]);
  });

  it('compares our own results of the same work alone, and notes another machine', () => {
    const before = report(trials(1));
    expect(() => compare({ ...before, what: 'infer' }, before)).to.throw(/expected an earlier result of kernels/);
    expect(() => compare(report(trials(1), { settings: { batch: 1 } }), before)).to.throw(/settings/);
    const other = report(trials(1), { machine: { cpu: 'another', isa: 'avx512', threads: 2 } });
    expect(compare(other, before).notes[0]).to.match(/another machine: another, avx512 then, some, avx2 now/);
    const [result] = before.results;
    const results = [
      { ...result!, threads: 2 },
      { ...result!, engine: 'blas' },
    ];
    expect(compare(before, report(trials(1), { results }))).to.deep.equal({
      differences: [],
      fresh: ['a product, 2 threads'],
      notes: [],
    });
  });

  it('has medians, spreads and means', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])]).to.deep.equal([2, 2.5, 7]);
    expect(spread([4, 5, 6])).to.equal(0.4);
    expect(geometricMean([1, 4])).to.be.closeTo(2, 1e-12);
  });

  it('reads lengths, or says what they may be', () => {
    expect(parseLengths('fixed:128')).to.deep.equal({ kind: 'fixed', low: 128, high: 128, folder: '' });
    expect(parseLengths('uniform:16:64')).to.deep.equal({ kind: 'uniform', low: 16, high: 64, folder: '' });
    expect(parseLengths('data:/some/where:else')).to.include({ kind: 'data', folder: '/some/where:else' });
    for (const text of [
      '',
      'fixed',
      'fixed:0',
      'fixed:513',
      'fixed:1:2',
      'uniform:5',
      'uniform:9:8',
      'data:',
      'fixed:x',
    ])
      expect(() => parseLengths(text), text).to.throw(/expected fixed:N, uniform:LOW:HIGH or data:FOLDER/);
  });
});
