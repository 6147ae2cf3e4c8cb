/** What each method trains, seen in the saved weights: all of what its plan names has moved, all else has the bytes that it had. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Encoder } from '../../lib/model/encoder.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import { Device } from '../../lib/native/device.js';
import type { Plan } from '../../lib/select/plan.js';
import type { TrainOptions } from '../../lib/train/options.js';
import { evaluate } from '../../lib/train/evaluate.js';
import type { TrainResult } from '../../lib/train/result.js';
import { scratchConfig, scratchInitializerRange } from '../../lib/train/scratch.js';
import type { LabelledTexts } from '../../lib/train/labelled-texts.js';
import { Trainer } from '../../lib/train/trainer.js';
import { failure } from '../helpers/failure.js';
import { relativeError, trainedElements } from '../helpers/fixture.js';
import { TINY_RUN, tinyRun } from './tiny-run.js';

let folder: string;
let runs = 0;
const newOut = () => join(folder, `run-${runs++}`);

interface Outcome {
  result: TrainResult;
  plan: Plan;
  /** By tensor: shape and values before and after. */
  weights: Map<string, { shape: readonly number[]; before: Float32Array; after: Float32Array }>;
}

/** Without new tokens, so that the first weights are those of `Encoder.random`. */
async function run({ out = newOut(), ...options }: Partial<TrainOptions>): Promise<Outcome> {
  const result = await tinyRun(out, { newTokens: 0, ...options });
  const { plan } = JSON.parse(readFileSync(join(out, 'adaptune.json'), 'utf8')) as { plan: Plan };
  const saved = await readSafetensors(join(out, 'model.safetensors'));
  const config = scratchConfig('scratch:tiny', saved.get('bert.embeddings.word_embeddings.weight')!.length / 128, 2);
  await using device = Device.open();
  const initializerRange = scratchInitializerRange(config.hidden);
  await using encoder = await Encoder.random(device, config, { seed: TINY_RUN.seed!, initializerRange });
  const weights: Outcome['weights'] = new Map();
  for (const { name, shape, read } of encoder.tensors()) {
    weights.set(name.replace('bert.', ''), { shape, before: await read(), after: saved.get(name)! });
  }
  return { result, plan, weights };
}

const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

/** Frozen elements that changed, and by tensor the share of its trained ones that did. */
function changes({ plan, weights }: Outcome): { frozen: string[]; trained: Map<string, number> } {
  const frozen: string[] = [];
  const trained = new Map<string, number>();
  for (const [name, { shape, before, after }] of weights) {
    const elements = new Set(trainedElements({ config: { headWidth: 64 } }, plan, name, [...shape]));
    const [a, b] = [bits(before), bits(after)];
    let moved = 0;
    for (let i = 0; i < a.length; i++) {
      if (a[i] === b[i]) continue;
      if (elements.has(i)) moved++;
      else frozen.push(`${name}[${i}]`);
    }
    if (elements.size > 0) trained.set(name, moved / elements.size);
  }
  return { frozen, trained };
}

function expectTrained(outcome: Outcome): void {
  const { frozen, trained } = changes(outcome);
  expect(frozen).to.deep.equal([]);
  expect(trained.size).to.be.at.least(4);
  // The gradient of key biases is 0 but for rounding.
  for (const [name, share] of trained) if (!name.endsWith('key.bias')) expect(share, name).to.be.above(0.9);
}

describe('train/methods', function () {
  this.timeout(120_000);
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'adaptune-methods-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('trains random units at the cost, floor and rates of adapt, and no others', async () => {
    const [adapt, random] = [await run({ method: 'adapt' }), await run({ method: 'random' })];
    expect(random.result).to.include({
      method: 'random',
      predicted_cost: adapt.result.predicted_cost,
      floor: adapt.result.floor,
      trainable: adapt.result.trainable,
      lr: adapt.result.lr,
      diagnostics: null,
    });
    expect(random.result.selected).to.deep.equal(adapt.result.selected);
    expect(random.plan.layers).to.not.deep.equal(adapt.plan.layers);
    expect(random.plan.phases).to.deep.equal(adapt.plan.phases);
    const other = await run({ method: 'random', seed: 6 });
    expect(other.plan.layers).to.not.deep.equal(random.plan.layers);
    expectTrained(adapt);
    expectTrained(random);
  });

  it('chooses units by lot without calibration, others with another seed, and from the floor up', async () => {
    const lot = await run({ score: 'random' });
    const scored = await run({ score: 'rank' });
    expect(lot.result.stages).to.not.have.any.keys('calibrate', 'select');
    expect(lot.result.diagnostics).to.equal(null);
    expect(lot.plan.layers).to.not.deep.equal(scored.plan.layers);
    expect(lot.result.predicted_cost).to.be.below(scored.result.predicted_cost);
    for (const { groups, neurons } of lot.result.selected) expect(groups + neurons).to.be.above(0);
    expectTrained(lot);
    const [again, other] = [await run({ score: 'random' }), await run({ score: 'random', seed: 6 })];
    expect(again.plan).to.deep.equal(lot.plan);
    expect(other.plan.layers).to.not.deep.equal(lot.plan.layers);
    const upper = await run({ score: 'random', floor: 1 });
    expect(upper.result.floor).to.equal(1);
    expectTrained(upper);
    const cheap = await run({ score: 'random', cost: 0.8 });
    expect(cheap.result.predicted_cost).to.be.at.most(0.8);
  });

  it('trains whole modules, a layer’s attention or its neurons, and refuses a budget that holds none', async () => {
    // Two layers: a sixth of the matrices is the attention of one.
    const one = await run({ granularity: 'module', budget: 0.2 });
    const selected = one.result.selected.filter(({ groups, neurons }) => groups + neurons > 0);
    expect(selected).to.deep.equal([{ groups: 2, neurons: 0 }]);
    expect(one.result.encoder_trainable / one.result.encoder_parameters).to.equal(1 / 6);
    expectTrained(one);
    const random = await run({ method: 'random', granularity: 'module', budget: 0.7 });
    const scored = await run({ granularity: 'module', budget: 0.7 });
    expect(random.result.predicted_cost).to.equal(scored.result.predicted_cost);
    expect(random.result.trainable).to.equal(scored.result.trainable);
    expectTrained(random);
    for (const [options, message] of [
      [{ budget: 0.16 }, 'at least 0.166667, what the smallest module of this model takes'],
      [{ budget: 0.3, spread: 'layer' }, 'at least 0.333334, what the smallest module of each layer takes'],
    ] as const) {
      const error = await failure(tinyRun(newOut(), { granularity: 'module', ...options }));
      expect([error.code, error.message.split(',').slice(0, 2).join()]).to.deep.equal([
        'E_ARGUMENT',
        `expected ${message}`,
      ]);
    }
  });

  it('trains the same whether everything is selected as modules or as units', async () => {
    const [units, modules] = [newOut(), newOut()];
    await tinyRun(units, { budget: 1, granularity: 'unit' });
    const { selected } = await tinyRun(modules, { budget: 1, granularity: 'module' });
    expect(selected).to.deep.equal([1, 2].map(() => ({ groups: 2, neurons: 512 })));
    const weights = (out: string) => readFileSync(join(out, 'model.safetensors'));
    expect(weights(modules).equals(weights(units))).to.equal(true);
  });

  it('runs a preset and says which', async () => {
    const result = await tinyRun(newOut(), { preset: 'paper', budget: 0.2, dispersion: 'ratio' });
    expect(result.preset).to.equal('paper');
    expect(result.selected.reduce((sum, { groups }) => sum + groups, 0)).to.equal(2);
    expect((await tinyRun(newOut())).preset).to.equal(null);
  });

  it('mines the same tokens for random as for adapt', async () => {
    const [adapt, random] = [await tinyRun(newOut()), await tinyRun(newOut(), { method: 'random' })];
    expect(random.mined).to.deep.equal(adapt.mined);
    expect(random.new_tokens).to.be.greaterThan(2);
  });

  it('trains whole layers, and nothing of the others', async () => {
    const whole = { groups: 2, neurons: 512 };
    const none = { groups: 0, neurons: 0 };
    const top = await run({ method: 'layers' });
    expect(top.result).to.deep.include({ selected: [none, whole], floor: 1, lr: 2e-4, diagnostics: null });
    expect(top.plan.layers.map((layer) => layer.extras)).to.deep.equal([false, true]);
    expect(top.result.stages).to.not.have.property('calibrate');
    expectTrained(top);
    const both = await run({ method: 'layers', layers: 2 });
    expect(both.result.selected).to.deep.equal([whole, whole]);
    expect(both.result.encoder_trainable).to.equal(both.result.encoder_parameters);
    expectTrained(both);
    const sensitive = await run({ method: 'layers', layersBy: 'sensitive' });
    expect(sensitive.result.selected.filter(({ neurons }) => neurons > 0)).to.deep.equal([whole]);
    expect(sensitive.result.stages).to.include.keys('calibrate', 'select');
    expect(sensitive.result.diagnostics!.jaccard.weights).to.be.oneOf([0, 1]);
    expectTrained(sensitive);
  });

  it('trains no unit below the floor asked for, and as many above it as the budget buys', async () => {
    const [all, upper] = [
      await run({ method: 'adapt', budget: 0.2 }),
      await run({ method: 'adapt', budget: 0.2, floor: 1 }),
    ];
    expect(upper.result.floor).to.equal(1);
    expect(upper.result.selected[0]).to.deep.equal({ groups: 0, neurons: 0 });
    expect(upper.plan.layers.map((layer) => layer.extras)).to.deep.equal([false, true]);
    expect(upper.result.predicted_cost).to.be.below(all.result.predicted_cost);
    const weights = ({ selected }: TrainResult) =>
      selected.reduce((sum, { groups, neurons }) => sum + 128 * groups + neurons, 0);
    expect(weights(upper.result) / weights(all.result)).to.be.within(0.8, 1.25);
    expectTrained(upper);
  });

  it('merges adapters into the matrices that have one, and changes no others', async () => {
    const out = newOut();
    const { result, plan, weights } = await run({ method: 'lora', loraTargets: ['value', 'query', 'down'], out });
    expect(result).to.deep.include({
      lora: { rank: 8, alpha: 16, dropout: 0.05, targets: ['query', 'value', 'down'] },
      floor: 0,
      lr: 1e-3,
      selected: [1, 2].map(() => ({ groups: 0, neurons: 0 })),
      encoder_trainable: 2 * 8 * (2 * (128 + 128) + 128 + 512),
    });
    expect(plan.layers[0]!.adapters).to.deep.equal(['query', 'value', 'down']);
    const checkpoint = await readSafetensors(join(out, 'checkpoints', 'step-000008', 'tensors.safetensors'));
    const adapted = new Set<string>();
    for (const [name, { shape, before, after }] of weights) {
      const module = name.replace(/\.weight$/, '');
      const a = checkpoint.get(`value/${module}.lora_A.weight`);
      const b = checkpoint.get(`value/${module}.lora_B.weight`);
      if (/^(bert\.)?(pooler|classifier)/.test(name)) continue;
      if (!a || !b) {
        expect(bits(after), name).to.deep.equal(bits(before));
        continue;
      }
      adapted.add(name);
      const [rows, cols] = shape as [number, number];
      let largest = 0;
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < cols; c++) {
          let sum = before[r * cols + c]!;
          for (let k = 0; k < 8; k++) sum += (16 / 8) * b[r * 8 + k]! * a[k * cols + c]!;
          largest = Math.max(largest, Math.abs(sum - after[r * cols + c]!));
        }
      expect(largest, name).to.be.below(1e-6);
      expect(relativeError(after, before), name).to.be.above(1e-4);
    }
    expect(adapted.size).to.equal(2 * 3);
    // The saved model is the one that the scores are of; the epoch's were of adapters beside the matrices.
    const saved = await evaluate(out, TINY_RUN.validation as LabelledTexts);
    expect(saved.loss).to.equal(result.validation.loss);
    expect(saved.macroF1).to.be.closeTo(result.evaluations.at(-1)!.macroF1, 1e-9);
  });

  it('draws first adapters as PEFT does: A uniform within 1 / sqrt(in), B 0', async () => {
    await using device = Device.open();
    const config = scratchConfig('scratch:tiny', 100, 2);
    await using encoder = await Encoder.random(device, config, { seed: 1, initializerRange: 0.02 });
    const drawn = async (seed: number) => {
      const none = { groups: [], neurons: [], extras: false };
      const layers = [none, { ...none, adapters: ['query' as const, 'down' as const] }];
      const lora = { rank: 8, alpha: 16, dropout: 0 };
      const trainer = new Trainer(encoder, { layers, lora, embeddings: false, newRowsFirst: -1, head: false });
      await trainer.initializeAdapters(seed);
      const tensors = new Map<string, Float32Array>();
      for (const { name, read } of trainer.tensors())
        if (name.startsWith('value/')) tensors.set(name.replace('value/encoder.layer.1.', ''), await read());
      trainer.close();
      return tensors;
    };
    const first = await drawn(1);
    expect([...first.keys()]).to.deep.equal(
      ['attention.self.query', 'output.dense'].flatMap((name) => [`${name}.lora_A.weight`, `${name}.lora_B.weight`]),
    );
    for (const [name, into] of [
      ['attention.self.query', 128],
      ['output.dense', 512],
    ] as const) {
      const a = first.get(`${name}.lora_A.weight`)!;
      expect(a).to.have.length(8 * into);
      const bound = 1 / Math.sqrt(into);
      for (const value of a) expect(Math.abs(value)).to.be.at.most(bound);
      // The standard deviation of a uniform distribution is its half width / sqrt(3); of n draws, within 4 / sqrt(5 n) of that.
      const deviation = Math.hypot(...a) / Math.sqrt(a.length);
      expect((deviation * Math.sqrt(3)) / bound).to.be.closeTo(1, 4 / Math.sqrt(5 * a.length));
      expect(first.get(`${name}.lora_B.weight`)!.every((value) => value === 0)).to.equal(true);
    }
    expect(await drawn(1)).to.deep.equal(first);
    expect(await drawn(2)).to.not.deep.equal(first);
  });

  it('refuses layers that the model does not have', async () => {
    for (const [options, message] of [
      [
        { method: 'layers', layers: 3 },
        'at most 2, the layers that the model has, for layers (--layers) but received 3',
      ],
      [{ floor: 2 }, 'at most 1, the uppermost layer that the model has, for floor (--floor) but received 2'],
    ] as const) {
      const error = await failure(tinyRun(newOut(), options));
      expect([error.code, error.message]).to.deep.equal(['E_ARGUMENT', `expected ${message}`]);
    }
  });
});
