import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import type { TensorSource } from '../../lib/model/safetensors.js';
import { checkLoss, nothingLearned, WeightWatch } from '../../lib/train/divergence.js';
import { CheckpointStore } from '../../lib/train/checkpoint.js';
import { classificationMetrics } from '../../lib/train/metrics.js';
import type { TrainOptions } from '../../lib/train/options.js';
import { failure } from '../helpers/failure.js';
import { tinyRun } from './tiny-run.js';

let folder: string;
let runs = 0;
const newOut = () => join(folder, `run-${runs++}`);
/** Newest first, as a resumed run looks at them. */
const checkpoints = (out: string) =>
  readdirSync(join(out, 'checkpoints'))
    .filter((name) => /^(step|stage)-/.test(name))
    .toSorted((a, b) => (a[1] === b[1] ? (a < b ? 1 : -1) : a.startsWith('step') ? -1 : 1));

/** Runs to E_DIVERGED and checks what is left: the checkpoint that the message names is the newest, and sound. */
async function diverge(out: string, options: Partial<TrainOptions>): Promise<{ message: string; lastGood: string }> {
  const { code, message } = await failure(tinyRun(out, options));
  expect(code, message).to.equal('E_DIVERGED');
  const lastGood =
    /The last good checkpoint, (\S+), is kept; --resume would take .*: begin anew with a lower rate/.exec(message)![1]!;
  expect(checkpoints(out)[0], message).to.equal(lastGood);
  expect(existsSync(join(out, 'adaptune.json'))).to.equal(false);
  const current: unknown = JSON.parse(readFileSync(join(out, 'checkpoints', 'current.json'), 'utf8'));
  expect(current).to.deep.equal({ checkpoint: lastGood });
  for (const [name, values] of await new CheckpointStore(join(out, 'checkpoints')).readTensors(lastGood))
    expect(
      values.every((value) => Math.abs(value) < 100),
      name,
    ).to.equal(true);
  return { message, lastGood };
}

describe('train/divergence', function () {
  this.timeout(120_000);
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'adaptune-divergence-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  // Two steps: the last update is seen by no step after it, and the logits are finite.
  const short = { epochs: 1, batch: 64 };
  for (const lr of [10, 1e3, 1e6])
    it(`ends a run of two steps at the rate ${lr} by its weights`, async () => {
      for (const method of ['adapt', 'full'] as const) {
        const { message, lastGood } = await diverge(newOut(), { ...short, method, lr });
        expect(message).to.match(/root mean square of e\S+ went from [\d.]+ to [\d.e+]+ \(/);
        expect(message).to.contain(`(lr ${lr}, headLr 0.001, tokenLr 0.001)`);
        expect(lastGood).to.equal('stage-3-plan');
      }
      const { message } = await diverge(newOut(), { ...short, tokenLr: lr });
      expect(message).to.contain('root mean square of rows went');
    });

  it('ends a run by the loss of its head', async () => {
    for (const headLr of [10, 1e6]) {
      const frozen = await diverge(newOut(), { ...short, method: 'frozen', headLr });
      expect(frozen.message).to.match(
        /expected a loss near or below 0\.69, .* of 2 labels, came \S+ for the validation/,
      );
      const adapt = await diverge(newOut(), { ...short, headLr });
      expect(adapt.message).to.match(/ at the end of the head fit \(headLr \d+\)/);
      expect(adapt.lastGood).to.equal('stage-1-tokens');
    }
  });

  it('ends after three steps without a finite loss', async () => {
    const { message } = await diverge(newOut(), { method: 'full', lr: 1e9, saveEvery: 1000 });
    expect(message).to.contain('but 3 steps in a row up to step 4 had none (lr 1000000000,');
  });

  it('forgets the checkpoints behind the last good one, and comes to the same end when resumed', async () => {
    // The head's weights are not watched: only the loss after them says that the first checkpoints are bad.
    const head = { method: 'frozen', headLr: 10, saveEvery: 1 } as const;
    expect((await diverge(newOut(), head)).lastGood).to.equal('stage-3-plan');
    // The rate rises until the run diverges.
    const rising = { method: 'full', lr: 5, warmup: 1, saveEvery: 1 } as const;
    const out = newOut();
    const first = await diverge(out, rising);
    expect(first.lastGood).to.match(/^step-/);
    expect(await diverge(out, { ...rising, resume: true })).to.deep.equal(first);
    const lower = await failure(tinyRun(out, { ...rising, lr: 1e-3, resume: true }));
    expect(lower.code).to.equal('E_RESUME');
    expect(lower.message).to.contain('lr (5 then, 0.001 now)');
  });

  it('lets a run end that only learned nothing, and says so', async () => {
    const told: string[] = [];
    const note = (text: string) => void told.push(text);
    const result = await tinyRun(newOut(), { method: 'full', lr: 0.3, onNote: note });
    expect(told.join('\n')).to.match(
      /^nothing was learned: .* training loss, 0\.\d+, is not below .* 0\.693, and all/m,
    );
    expect(result.notes).to.deep.equal(told);
    expect(result.validation.loss).to.be.closeTo(Math.log(2), 0.2);
  });
});

describe('train/divergence, bounds', () => {
  const source = (name: string, values: number[]): TensorSource => ({
    name,
    shape: [values.length],
    read: () => Promise.resolve(Float32Array.from(values)),
  });
  const pass = async (first: number[], then: number[], name = 'value/w') => {
    const watch = await WeightWatch.begin([source('value/w', first)]);
    return watch.watched([source(name, then)])[0]!.read();
  };

  it('are a hundredfold growth, or values that are not finite', async () => {
    expect([...(await pass([0.1, -0.1], [9, -9]))]).to.deep.equal([9, -9]);
    expect((await failure(pass([0.1, -0.1], [11, -11]))).message).to.contain('of w went from 0.10 to 11');
    for (const bad of [NaN, Infinity]) expect((await failure(pass([1], [0, bad]))).code).to.equal('E_DIVERGED');
    expect((await failure(pass([1], [0, NaN], 'm/w'))).message).to.contain('m/w');
    // What is not a matrix of the encoder may grow; a matrix of zeros counts as one of usual size.
    await pass([0.1], [1e9], 'value/classifier.weight');
    await pass([0, 0], [1, 1]);
    await pass([], []);
    expect((await failure(pass([0, 0], [3, 3]))).code).to.equal('E_DIVERGED');
  });

  it('are a hundred times the loss of guessing', () => {
    for (const loss of [0, 3.4, 100 * Math.log(7)]) checkLoss(loss, 7, 'here');
    for (const loss of [200, Infinity, NaN])
      expect(() => checkLoss(loss, 7, 'in the test')).to.throw(AdaptuneError, /one of 7 labels, came \S+ in the test$/);
  });

  it('find that nothing was learned only where loss and labels are a guess', () => {
    const train = Int32Array.of(0, 0, 0, 1);
    const entropy = -0.75 * Math.log(0.75) - 0.25 * Math.log(0.25);
    const metrics = (...predicted: number[]) =>
      classificationMetrics(Int32Array.of(0, 1, 1), Int32Array.from(predicted), ['a', 'b']);
    expect(nothingLearned(train, entropy + 0.01, metrics(0, 0, 0))).to.contain('0.562');
    expect(nothingLearned(train, entropy - 0.01, metrics(0, 0, 0))).to.equal(null);
    expect(nothingLearned(train, entropy + 0.01, metrics(0, 1, 0))).to.equal(null);
  });
});
