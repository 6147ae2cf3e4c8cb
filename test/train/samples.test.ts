import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Encoding } from '../../lib/model/tokenization.js';
import { budgetBatches, packBatch } from '../../lib/model/batching.js';
import { AdaptuneError } from '../../lib/errors.js';
import { TrainBatches } from '../../lib/train/batches.js';
import { labelIds, labelList } from '../../lib/train/labels.js';
import { linearSchedule, ratesAt } from '../../lib/train/schedule.js';
import { proportionalShares, splitValidation, stratifiedHalves } from '../../lib/train/split.js';

/** Text i has `lengths[i]` tokens, all of id i. */
const encodings = (lengths: number[]): Encoding[] =>
  lengths.map((length, i) => ({
    ids: new Int32Array(length).fill(i),
    typeIds: new Int32Array(length),
    offsets: new Int32Array(2 * length),
    baseTokens: 2 * length,
    truncated: false,
  }));

describe('train/labels', () => {
  it('sorts by UTF-16 code unit, whatever the locale', () => {
    expect(labelList(['b', 'a', 'Z', '10', '9', 'é', 'a', '__proto__', '😀', '\uffff'], 'f')).to.deep.equal([
      '10',
      '9',
      'Z',
      '__proto__',
      'a',
      'b',
      'é',
      '😀',
      '\uffff',
    ]);
  });

  it('wants two labels', () => {
    expect(() => labelList(['x', 'x'], 'f'))
      .to.throw(AdaptuneError, /^f: expected at least two different labels, came only "x"$/)
      .with.property('code', 'E_LABELS');
  });

  it('names labels that training has not seen', () => {
    expect([...labelIds(['b', 'a'], ['a', 'b'], 'f')]).to.deep.equal([1, 0]);
    expect(() => labelIds(['b', 'toString', 'toString'], ['a', 'b'], 'the test data'))
      .to.throw(AdaptuneError, 'came "toString" (2 rows, the first at index 1)')
      .with.property('code', 'E_LABELS');
    expect(() => labelIds(['b', 'c'], ['a', 'b'], 'f.csv', [2, 4])).to.throw(
      AdaptuneError,
      /^f\.csv: expected only the 2 labels that were trained \("a", "b"\), came "c" \(line 4\)$/,
    );
  });
});

describe('train/schedule', () => {
  it('rises to 1 over the warm-up and falls to almost 0', () => {
    const factors = Array.from({ length: 100 }, (_, step) => linearSchedule(step, 100, 0.06));
    expect(factors[0]).to.be.closeTo(1 / 6, 1e-15);
    expect(factors[5]).to.equal(1);
    expect(factors[6]).to.equal(1);
    expect(factors[7]).to.be.closeTo(93 / 94, 1e-15);
    expect(factors[99]).to.be.closeTo(1 / 94, 1e-15);
  });

  it('never starts at 0, even in one step or without warm-up', () => {
    expect(linearSchedule(0, 1, 0.06)).to.equal(1);
    expect(linearSchedule(0, 10, 0)).to.equal(1);
  });

  it('gives new rows a schedule of their own inside the token phase', () => {
    const peak = { units: 1, head: 2, rows: 4 };
    expect(ratesAt(29, 100, 30, 0.06, peak).rows).to.be.closeTo(4 * (1 / 28), 1e-15);
    expect(ratesAt(30, 100, 30, 0.06, peak).rows).to.equal(0);
    const { units, head } = ratesAt(30, 100, 30, 0.06, peak);
    expect(head).to.equal(2 * units);
    expect(units).to.equal(linearSchedule(30, 100, 0.06));
  });
});

describe('train/batches', () => {
  it('visits every text once an epoch in an order that differs by epoch and seed only', () => {
    const data = encodings(Array.from({ length: 10 }, (_, i) => i + 1));
    const labels = Int32Array.from({ length: 10 }, (_, i) => i % 3);
    const batches = new TrainBatches(data, labels, { batch: 4, seed: 1 });
    expect(batches.perEpoch).to.equal(3);
    const epoch = (b: TrainBatches, e: number) => [0, 1, 2].flatMap((s) => [...b.rows(3 * e + s)]);
    expect([...epoch(batches, 0)].sort((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.rows(2)).to.have.length(2);
    const first = epoch(batches, 0);
    expect(epoch(batches, 1)).to.not.deep.equal(first);
    // Going back gives the same: nothing has state.
    expect(epoch(batches, 0)).to.deep.equal(first);
    expect(epoch(new TrainBatches(data, labels, { batch: 4, seed: 1 }), 1)).to.deep.equal(epoch(batches, 1));
    expect(epoch(new TrainBatches(data, labels, { batch: 4, seed: 2 }), 0)).to.not.deep.equal(first);
  });

  it('packs ids, labels and base tokens of its rows', () => {
    const data = encodings([3, 1, 2]);
    const batches = new TrainBatches(data, Int32Array.of(5, 6, 7), { batch: 3, seed: 4 });
    const rows = [...batches.rows(0)];
    const { batch, labels, baseTokens } = batches.at(0);
    expect([...labels]).to.deep.equal(rows.map((row) => 5 + row));
    expect([...batch.ids]).to.deep.equal(rows.flatMap((row) => new Array<number>([3, 1, 2][row]!).fill(row)));
    expect(batch.offsets.at(-1)).to.equal(6);
    expect(baseTokens).to.equal(12);
    expect(batch.typeIds).to.equal(undefined);
  });

  it('keeps the types of pairs', () => {
    const [one, two] = encodings([2, 3]) as [Encoding, Encoding];
    two.typeIds.set([0, 1, 1]);
    expect([...packBatch([one, two], [0, 1]).typeIds!]).to.deep.equal([0, 0, 0, 1, 1]);
  });

  it('fills inference batches up to the budget, longest first, no text twice', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (lengths) => {
        const batches = budgetBatches(encodings(lengths), 50);
        const rows = batches.flatMap((batch) => [...batch]);
        expect([...rows].sort((a, b) => a - b)).to.deep.equal([...lengths.keys()]);
        for (const batch of batches) expect(batch.reduce((sum, row) => sum + lengths[row]!, 0)).to.be.at.most(50);
        const sorted = rows.map((row) => lengths[row]!);
        expect(sorted).to.deep.equal([...sorted].sort((a, b) => b - a));
      }),
    );
    expect(budgetBatches(encodings([90, 10]), 50).map((batch) => [...batch])).to.deep.equal([[0], [1]]);
  });
});

describe('train/split', () => {
  it('shares by largest remainder', () => {
    expect(proportionalShares([5, 3, 2], 5)).to.deep.equal([3, 1, 1]);
    expect(proportionalShares([1, 1, 1], 1)).to.deep.equal([1, 0, 0]);
    expect(proportionalShares([0, 4], 9)).to.deep.equal([0, 4]);
  });

  it('takes a tenth, by label, and keeps equal texts together', () => {
    const labels = Int32Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 0 : i % 10 < 4 ? 1 : 2));
    // Texts 2i and 2i + 1 are equal.
    const keys = Int32Array.from({ length: 1000 }, (_, i) => i >> 1);
    const { train, validation } = splitValidation(keys, labels, 7);
    expect([...train, ...validation].sort((a, b) => a - b)).to.deep.equal([...labels.keys()]);
    const counts = [0, 1, 2].map((label) => validation.filter((row) => labels[row] === label).length);
    // Rows of labels 0 and 1 come in pairs, so the last of them may fit no more.
    [10, 30, 60].forEach((target, label) => expect(counts[label]).to.be.within(target - 2, target));
    const held = new Set(validation);
    for (const row of validation) expect(held.has(row ^ 1)).to.equal(true);
    expect(splitValidation(keys, labels, 7).validation).to.deep.equal(validation);
    expect(splitValidation(keys, labels, 8).validation).to.not.deep.equal(validation);
  });

  it('never takes the last training row of a label', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ label: fc.nat(4), key: fc.nat(30) }), { minLength: 2, maxLength: 80 }),
        fc.nat(100),
        (rows, seed) => {
          const labels = Int32Array.from(rows, (row) => row.label);
          const keys = Int32Array.from(rows, (row) => row.key);
          const { train, validation } = splitValidation(keys, labels, seed, 0.4);
          expect(new Set(train.map((row) => labels[row]))).to.deep.equal(new Set(labels));
          const trained = new Set(train.map((row) => keys[row]));
          for (const row of validation) expect(trained.has(keys[row])).to.equal(false);
        },
      ),
    );
  });

  it('makes two disjoint halves with every label in both', () => {
    const labels = Int32Array.from({ length: 400 }, (_, i) => (i < 40 ? 0 : 1));
    const [a, b] = stratifiedHalves(labels, 100, { seed: 3, stream: 'calibration' });
    expect([a.length, b.length]).to.deep.equal([50, 50]);
    expect(new Set([...a, ...b]).size).to.equal(100);
    for (const half of [a, b]) expect(half.filter((row) => labels[row] === 0)).to.have.length(5);
    const [all, rest] = stratifiedHalves(labels, 1000, { seed: 3, stream: 'calibration' });
    expect(new Set([...all, ...rest]).size).to.equal(400);
  });
});
