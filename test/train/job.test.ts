import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { Encoder } from '../../lib/model/encoder.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import { binding } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import type { TrainOptions } from '../../lib/train/options.js';
import { TRAIN_STAGES, type TrainEvent, type TrainStage } from '../../lib/train/run.js';
import { scratchConfig, scratchInitializerRange } from '../../lib/train/scratch.js';
import { failure } from '../helpers/failure.js';
import { sampleTexts } from './sample-corpus.js';
import { STEPS, tinyRun } from './tiny-run.js';

let folder: string;
let runs = 0;
const newOut = () => join(folder, `run-${runs++}`);
const refusal = async (options: Partial<TrainOptions>): Promise<AdaptuneError> => {
  const error: unknown = await tinyRun(newOut(), options).catch((reason: unknown) => reason);
  expect(error).to.be.instanceOf(AdaptuneError);
  return error as AdaptuneError;
};

describe('train/job', function () {
  this.timeout(120_000);
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'adaptune-job-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('goes through its stages in order, tells how far it is, and times them', async () => {
    const events: TrainEvent[] = [];
    const epochs: unknown[] = [];
    const result = await tinyRun(newOut(), {
      test: sampleTexts(20, 4),
      onProgress: (event) => events.push(event),
      onEpoch: (epoch) => epochs.push(epoch),
    });
    expect(epochs).to.deep.equal(result.evaluations);
    expect(epochs).to.have.length(2);
    const order = events.map(({ stage }) => stage).filter((stage, i, all) => stage !== all[i - 1]);
    const expected: TrainStage[] = [
      'mine',
      'head fit',
      'calibrate',
      'tokens',
      'units',
      'evaluate',
      'units',
      'evaluate',
    ];
    expect(order).to.deep.equal(expected);
    for (const { done, total, rate } of events) {
      expect(done).to.be.within(0, total);
      expect(rate).to.be.at.least(0);
    }
    const steps = events.filter(({ stage }) => stage === 'tokens' || stage === 'units');
    expect(steps.map(({ done }) => done)).to.deep.equal(Array.from({ length: STEPS }, (_, i) => i + 1));
    expect(steps.map(({ epoch }) => epoch)).to.deep.equal([1, 1, 1, 1, 2, 2, 2, 2]);
    for (const { loss, lr } of steps) {
      expect(loss).to.be.within(0, 10);
      expect(lr).to.be.within(1e-6, 2e-3);
    }
    expect(Object.keys(result.stages)).to.deep.equal([...TRAIN_STAGES]);
    for (const seconds of Object.values(result.stages)) expect(seconds).to.be.greaterThan(0);
    expect(result.train_s).to.be.within(0, result.stages['tokens']! + result.stages['units']!);
    expect(result.tokens_per_s).to.equal(Math.round(result.tokens / result.train_s));
  });

  it('returns the keys of common finetuning scripts, and its own', async () => {
    const result = await tinyRun(newOut(), { test: sampleTexts(20, 4) });
    const keys =
      'method seed epochs lr head_lr batch trainable parameters train_s steps tokens tokens_per_s validation_macro_f1 ' +
      'validation_accuracy test_macro_f1 test_accuracy peak_rss_mb new_tokens length_ratio stages predicted_cost';
    expect(result).to.include.keys(keys.split(' '));
    expect(result.new_tokens).to.be.greaterThan(0);
    expect(result.length_ratio).to.be.within(0.5, 0.99);
    expect(result.encoder_trainable / result.encoder_parameters).to.be.within(0.05, 0.1);
    expect(result.test!.rows).to.equal(20);
    expect(result.peak_rss_mb).to.be.within(20, 4000);
    expect(JSON.parse(JSON.stringify(result))).to.deep.equal(result);
  });

  it('writes a folder that says where it comes from', async () => {
    const out = newOut();
    const result = await tinyRun(out, { validation: null });
    expect(readdirSync(out)).to.deep.equal([
      'adaptune.json',
      'checkpoints',
      'config.json',
      'model.safetensors',
      'report.html',
      'report.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'validation.jsonl',
    ]);
    const json = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>;
    const manifest = json('adaptune.json');
    expect(manifest).to.include({ version: 1, maxLength: 128 });
    expect(manifest['labels']).to.deep.equal(['10', 'constructor']);
    expect(manifest['options']).to.include({ seed: 5, budget: 0.1, train: '110 texts in memory', validation: null });
    expect(manifest['plan']).to.include({ method: 'adapt', version: 1 });
    expect(json('config.json')['id2label']).to.deep.equal({ 0: '10', 1: 'constructor' });
    // A tenth of the 110 texts, taken away from training.
    expect(result.rows).to.deep.equal({ train: 99, validation: 11, test: 0 });
    const saved = readFileSync(join(out, 'validation.jsonl'), 'utf8').trim().split('\n');
    expect(saved).to.have.length(11);
    expect(JSON.parse(saved[0]!)).to.have.all.keys('text', 'label');
  });

  it('trains without dropout when told so', async () => {
    const first = async (dropout?: number): Promise<number> => {
      const losses: number[] = [];
      await tinyRun(newOut(), {
        method: 'full',
        epochs: 1,
        ...(dropout === undefined ? {} : { dropout }),
        onProgress: ({ stage, loss }) => void (stage === 'units' && losses.push(loss!)),
      });
      return losses[0]!;
    };
    const usual = await first();
    expect(await first(0.1)).to.equal(usual);
    expect(await first(0)).to.not.equal(usual);
  });

  it('leaves a frozen encoder as it was, bit for bit', async () => {
    const out = newOut();
    await tinyRun(out, { method: 'frozen' });
    const saved = await readSafetensors(join(out, 'model.safetensors'));
    const rows = saved.get('bert.embeddings.word_embeddings.weight')!.length / 128;
    const config = scratchConfig('scratch:tiny', rows, 2);
    await using device = Device.open();
    const initializerRange = scratchInitializerRange(config.hidden);
    await using encoder = await Encoder.random(device, config, { seed: 5, initializerRange });
    const changed: string[] = [];
    for (const tensor of encoder.tensors()) {
      const bytes = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      if (!bytes(saved.get(tensor.name)!).equals(bytes(await tensor.read()))) changed.push(tensor.name);
    }
    expect(changed).to.have.members([
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      'classifier.weight',
      'classifier.bias',
    ]);
  });

  it('takes a list of tokens instead of mining, and says what it leaves out', async () => {
    const tokens = join(folder, 'tokens.txt');
    writeFileSync(tokens, 'return manifold\nleak alarm\npump\n');
    const notes: string[] = [];
    const result = await tinyRun(newOut(), { tokens, onNote: (note) => notes.push(note) });
    expect(result.mined.map(({ phrase }) => phrase)).to.deep.equal(['return manifold', 'leak alarm']);
    expect(notes.join('\n')).to.match(/line 3: "pump" is left out \(one-piece\): .+/);
  });

  it('keeps the cost under the bound asked for', async () => {
    // Head fit and calibration weigh less the longer the run.
    const long = { epochs: 12, newTokens: 0 };
    const free = await tinyRun(newOut(), long);
    const result = await tinyRun(newOut(), { ...long, cost: free.predicted_cost - 0.1 });
    expect(result.predicted_cost).to.be.within(0.1, free.predicted_cost - 0.1);
    expect(result.floor).to.be.greaterThan(free.floor);
    // 8 of 24 steps with new tokens, .3 of them asked for.
    const phased = await tinyRun(newOut(), { epochs: 6, cost: 0.7 });
    expect(phased.predicted_cost).to.be.within(0.68, 0.7);
  });

  it('refuses a cost that no plan keeps as early as that is known', async () => {
    const stages = async (options: Partial<TrainOptions>) => {
      const seen = new Set<string>();
      const out = newOut();
      const error = await failure(tinyRun(out, { ...options, onProgress: ({ stage }) => seen.add(stage) }));
      expect(error.code).to.equal('E_COST_UNREACHABLE');
      const [, least, why] = /at least (\d\.\d{3}) of full finetuning \((.*)\) but/.exec(error.message)!;
      return { seen: [...seen], least: Number(least), why, folder: existsSync(out) };
    };
    const { least, ...none } = await stages({ epochs: 12, cost: 0.01, newTokens: 0 });
    expect(none).to.deep.equal({ seen: [], why: 'without new tokens', folder: false });
    // The least cost named is one that a plan keeps.
    await tinyRun(newOut(), { epochs: 12, cost: least, newTokens: 0 });
    await stages({ epochs: 12, cost: least - 0.002, newTokens: 0 });
    // No number of new tokens would do; some might have.
    expect(await stages({ epochs: 12, cost: 0.1 })).to.deep.equal({ ...none, least });
    const mined = await stages({ epochs: 12, cost: 0.8 * least });
    expect(mined).to.deep.include({ seen: ['mine'], why: 'token phase 0.313' }); // 15 of 48 steps
  });

  it('refuses what cannot be, before it works', async () => {
    expect((await refusal({ maxLength: 513 })).message).to.include('at most 512');
    expect((await refusal({ model: 'scratch:huge' })).message).to.include('scratch:tiny');
    const labels = await refusal({ test: { texts: ['a'], labels: ['unknown'] } });
    expect(labels.code).to.equal('E_LABELS');
    expect(labels.message).to.match(/^the test texts: .* came "unknown" \(index 0\)$/);
    const none = await refusal({ train: { texts: ['a', 'b'], labels: ['x', 'x'] } });
    expect(none.code).to.equal('E_LABELS');
    expect((await refusal({ model: join(folder, 'absent') })).code).to.equal('E_FILE');
    const few = await refusal({ train: { texts: ['a', 'b'], labels: ['x', 'y'] }, validation: null });
    expect(few.code).to.equal('E_DATA');
  });

  it('leaves no native memory behind', async () => {
    // The dispatcher frees a closed device's memory after its last job, a moment after that job's result is here.
    const settled = async (goal: number): Promise<number> => {
      for (let i = 0; i < 50 && binding().memory().live > goal; i++) await new Promise((done) => setTimeout(done, 20));
      return binding().memory().live;
    };
    const before = await settled(0);
    await tinyRun(newOut());
    await refusal({ maxLength: 513 });
    expect(await settled(before)).to.be.at.most(before);
  });
});
