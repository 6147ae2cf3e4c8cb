/** Choosing units again: what trains before and after, what stays, and that a resumed run takes the same steps. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import type { Plan } from '../../lib/select/plan.js';
import { evaluate } from '../../lib/train/evaluate.js';
import type { TrainOptions } from '../../lib/train/options.js';
import { choosesAgain, reselectStep, sameSlice } from '../../lib/train/reselect.js';
import type { TrainResult } from '../../lib/train/result.js';
import type { TrainEvent } from '../../lib/train/run.js';
import { trainedElements } from '../helpers/fixture.js';
import { sampleTexts } from './sample-corpus.js';
import { outcome, STEPS, tinyRun, TOKEN_STEPS } from './tiny-run.js';

let folder: string;
let runs = 0;
const newOut = () => join(folder, `run-${runs++}`);

interface Saved {
  plan: Plan;
  tensors: Map<string, Float32Array>;
}

async function checkpoint(out: string, name: string): Promise<Saved> {
  const path = join(out, 'checkpoints', name);
  const { plan } = JSON.parse(readFileSync(join(path, 'state.json'), 'utf8')) as { plan: Plan };
  return { plan, tensors: new Map(await readSafetensors(join(path, 'tensors.safetensors'))) };
}

const SHAPES = new Map([
  ['attention.self.query.weight', [128, 128]],
  ['attention.self.key.weight', [128, 128]],
  ['attention.self.value.weight', [128, 128]],
  ['attention.output.dense.weight', [128, 128]],
  ['intermediate.dense.weight', [512, 128]],
  ['output.dense.weight', [128, 512]],
]);

/** Elements of a matrix that a plan trains. */
function trained(plan: Plan, name: string): Set<number> {
  const shape = SHAPES.get(name.replace(/^encoder\.layer\.\d\./, ''))!;
  return new Set(trainedElements({ config: { headWidth: 64 } }, plan, name, shape));
}

/** Stopped right after the checkpoint at the second choice and, where it is asked for, before a later step ends. */
async function interrupted(options: Partial<TrainOptions>, stop: (event: TrainEvent) => boolean): Promise<string> {
  const out = newOut();
  const controller = new AbortController();
  const error: unknown = await tinyRun(out, {
    ...options,
    signal: controller.signal,
    onProgress: (event) => void (stop(event) && controller.abort()),
  }).catch((reason: unknown) => reason);
  expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_INTERRUPTED');
  return out;
}

/** Of the calibrations, the one that is under way. */
function calibrations(): (event: TrainEvent) => number {
  let before = Infinity;
  let count = 0;
  return ({ stage, done }) => {
    if (stage !== 'calibrate') return 0;
    if (done <= before) count++;
    before = done;
    return count;
  };
}

const SCORED = { layersBy: 'top', score: 'rank' } as const;
const isStep = (event: TrainEvent) => event.stage === 'tokens' || event.stage === 'units';
const checkpoints = (out: string) => readdirSync(join(out, 'checkpoints')).filter((name) => name.startsWith('step-'));

describe('train/reselect', function () {
  this.timeout(120_000);
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'adaptune-reselect-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('knows when: after an epoch or the token phase, for what is chosen by score, with a step to follow', () => {
    const plan = (tokens: number) => ({
      phases: [
        { name: 'tokens' as const, steps: tokens },
        { name: 'units' as const, steps: 12 - tokens },
      ],
    });
    const at = (reselect: number | 'tokens' | null, tokens = 5, method: TrainOptions['method'] = 'adapt') =>
      reselectStep({ ...SCORED, method: method!, reselect, epochs: 3 }, plan(tokens), 4);
    expect([at(1), at(2), at(3), at(9), at(null)]).to.deep.equal([4, 8, null, null, null]);
    expect([at('tokens'), at('tokens', 0), at('tokens', 12)]).to.deep.equal([5, null, null]);
    for (const method of ['random', 'layers', 'full', 'lora', 'frozen'] as const)
      expect(at(1, 5, method)).to.equal(null);
    expect(choosesAgain({ ...SCORED, method: 'adapt', reselect: 1, epochs: 2 }, 0)).to.equal(true);
    expect(choosesAgain({ ...SCORED, method: 'adapt', score: 'random', reselect: 1, epochs: 2 }, 0)).to.equal(false);
  });

  it('lets the moments of a slice go on where its units are the same', () => {
    const layers = (groups: number[], neurons: number[]) => ({ layers: [{ groups, neurons, extras: true }] });
    const same = (name: string) => sameSlice(name, layers([0], [1, 2]), layers([0], [1, 3]));
    expect(same('encoder.layer.0.attention.self.key.weight')).to.equal(true);
    expect(same('encoder.layer.0.attention.output.dense.weight')).to.equal(true);
    expect(same('encoder.layer.0.intermediate.dense.weight')).to.equal(false);
    expect(same('encoder.layer.0.output.dense.weight')).to.equal(false);
    expect(same('encoder.layer.0.output.dense.bias')).to.equal(true);
    expect(same('encoder.layer.0.output.LayerNorm.weight')).to.equal(true);
    expect(same('classifier.weight')).to.equal(true);
    expect(sameSlice('encoder.layer.0.attention.self.key.weight', layers([0], []), layers([], []))).to.equal(false);
  });

  it('trains other units from then on; the first ones keep what they learned, and the rest what it had', async () => {
    const options = { reselect: 1, score: 'zscore', beta: 1000, newTokens: 0 } as const;
    const out = newOut();
    // The best epoch's checkpoint is kept: the first one's, where both are equal.
    const result = await tinyRun(out, options);
    expect(result.notes.join()).to.match(/units chosen again after step 4: 0\.\d\d of their weights/);
    expect(result.predicted_cost).to.be.above((await tinyRun(newOut(), { ...options, reselect: null })).predicted_cost);
    const last = await checkpoint(out, 'step-000008');
    const half = await checkpoint(
      await interrupted(options, (event) => isStep(event) && event.done === 4),
      'step-000004',
    );
    expect(last.plan.layers).to.not.deep.equal(half.plan.layers);
    expect(result.selected).to.deep.equal(
      last.plan.layers.map(({ groups, neurons }) => ({ groups: groups.length, neurons: neurons.length })),
    );
    const base = await checkpoint(
      await interrupted({ ...options, lr: 0 }, (event) => isStep(event) && event.done === 4),
      'step-000004',
    );
    let dropped = 0;
    let added = 0;
    for (const layer of [0, 1])
      for (const matrix of SHAPES.keys()) {
        const name = `encoder.layer.${layer}.${matrix}`;
        const [first, second] = [trained(half.plan, name), trained(last.plan, name)];
        const [a, b, c] = [base, half, last].map(({ tensors }) => tensors.get(`whole/${name}`)!);
        for (let i = 0; i < a!.length; i++) {
          if (!first.has(i) && a![i] !== b![i]) throw new Error(`${name}[${i}] moved before it was chosen`);
          if (!second.has(i) && b![i] !== c![i]) throw new Error(`${name}[${i}] moved after it was left out`);
          if (first.has(i) && !second.has(i) && a![i] !== c![i]) dropped++;
          if (!first.has(i) && second.has(i) && b![i] !== c![i]) added++;
        }
      }
    expect(dropped).to.be.greaterThan(100);
    expect(added).to.be.greaterThan(100);
  });

  it('changes nothing when the same units are chosen again', async () => {
    const [once, twice] = [newOut(), newOut()];
    await tinyRun(once, { budget: 1 });
    await tinyRun(twice, { budget: 1, reselect: 1 });
    expect(outcome(twice)['model']).to.equal(outcome(once)['model']);
    const [a, b] = [await checkpoint(once, 'step-000008'), await checkpoint(twice, 'step-000008')];
    for (const [name, values] of a.tensors) expect(b.tensors.get(name), name).to.deep.equal(values);
  });

  for (const [reselect, at] of [
    [1, 4],
    ['tokens', TOKEN_STEPS],
  ] as const) {
    const options = { reselect, importance: 'fisher' } as const;

    it(`ends bit for bit the same wherever it was interrupted (${reselect})`, async () => {
      const whole = newOut();
      await tinyRun(whole, options);
      const expected = outcome(whole);
      for (const step of [at - 1, at, at + 1, STEPS - 1]) {
        const out = await interrupted(options, (event) => isStep(event) && event.done === step);
        await tinyRun(out, { ...options, resume: true });
        expect(outcome(out), `after step ${step}`).to.deep.equal(expected);
      }
      const count = calibrations();
      const out = await interrupted(options, (event) => count(event) === 2);
      expect(checkpoints(out)).to.include(`step-${String(at).padStart(6, '0')}`);
      await tinyRun(out, { ...options, resume: true });
      expect(outcome(out), 'in the second calibration').to.deep.equal(expected);
    });
  }

  it('saves the best epoch, also when it lies before the second choice', async () => {
    const noise = (count: number) => {
      const { texts } = sampleTexts(count, 2);
      return { texts, labels: texts.map((_, i) => ['constructor', '10'][i % 2]!) };
    };
    const options = { validation: noise(500), epochs: 3, batch: 8, reselect: 2, score: 'zscore', beta: 1000 } as const;
    let found: { out: string; result: TrainResult } | null = null;
    for (let seed = 1; seed < 12 && !found; seed++) {
      const out = newOut();
      const result = await tinyRun(out, { ...options, seed });
      if (result.best_epoch === 1 && result.best_validation_macro_f1 > result.evaluations[2]!.macroF1)
        found = { out, result };
    }
    expect(found!.result.chosen).to.deep.equal({ epoch: 1, by: 'validation macro-F1' });
    expect(found!.result.validation_macro_f1).to.equal(found!.result.evaluations[0]!.macroF1);
    expect((await evaluate(found!.out, noise(500))).macroF1).to.equal(found!.result.evaluations[0]!.macroF1);
    // To the bit, in the layers too: units chosen later are back where they were.
    const best = await checkpoint(found!.out, `step-${String(found!.result.evaluations[0]!.step).padStart(6, '0')}`);
    const saved = await readSafetensors(join(found!.out, 'model.safetensors'));
    for (const [name, values] of best.tensors)
      if (name.startsWith('whole/')) expect(saved.get(name.replace('whole/', 'bert.')), name).to.deep.equal(values);
  });
});
