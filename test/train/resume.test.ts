import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import type { TrainOptions } from '../../lib/train/options.js';
import type { TrainEvent, TrainStage } from '../../lib/train/run.js';
import { outcome, STEPS, tinyRun, TOKEN_STEPS } from './tiny-run.js';

let folder: string;
let runs = 0;
const newOut = () => join(folder, `run-${runs++}`);

/** Trains until `stop` says so, which must happen. */
async function interrupt(
  out: string,
  options: Partial<TrainOptions>,
  stop: (event: TrainEvent) => boolean,
): Promise<void> {
  const controller = new AbortController();
  const onProgress = (event: TrainEvent) => {
    if (stop(event)) controller.abort();
  };
  const error: unknown = await tinyRun(out, { ...options, signal: controller.signal, onProgress }).catch(
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_INTERRUPTED');
  expect(readdirSync(out)).to.deep.equal(['checkpoints']);
}

const isStep = (event: TrainEvent) => event.stage === 'tokens' || event.stage === 'units';

async function finish(out: string, options: Partial<TrainOptions> = {}): Promise<Record<string, unknown>> {
  await tinyRun(out, options);
  return outcome(out);
}

describe('train/resume', function () {
  this.timeout(120_000);
  let whole: Record<string, unknown>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-resume-'));
    const out = newOut();
    const result = await tinyRun(out);
    expect(result.steps).to.equal(STEPS);
    expect(result.new_tokens).to.be.greaterThan(2);
    whole = outcome(out);
    expect(whole['plan']).to.have.deep.property('phases', [
      { name: 'tokens', steps: TOKEN_STEPS },
      { name: 'units', steps: STEPS - TOKEN_STEPS },
    ]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('runs twice to the same bits, with another seed to others', async () => {
    expect(await finish(newOut())).to.deep.equal(whole);
    const other = await finish(newOut(), { seed: 6 });
    expect(other['model']).to.not.equal(whole['model']);
    expect(other['tensors']).to.not.equal(whole['tensors']);
  });

  it('depends neither on the number of threads nor on how often it saves', async () => {
    expect(await finish(newOut(), { threads: 1, saveEvery: 1000 })).to.deep.equal(whole);
    expect(await finish(newOut(), { threads: 3 })).to.deep.equal(whole);
  });

  for (let step = 1; step < STEPS; step++) {
    it(`ends bit for bit the same when interrupted after step ${step}`, async () => {
      const out = newOut();
      await interrupt(out, {}, (event) => isStep(event) && event.done === step);
      expect(await finish(out, { resume: true })).to.deep.equal(whole);
    });
  }

  for (const stage of ['mine', 'head fit', 'calibrate', 'evaluate'] satisfies TrainStage[]) {
    it(`resumes from the last finished stage when interrupted in "${stage}"`, async () => {
      const out = newOut();
      await interrupt(out, {}, (event) => event.stage === stage);
      expect(await finish(out, { resume: true })).to.deep.equal(whole);
    });
  }

  it('stands any number of interruptions of one run', async () => {
    const out = newOut();
    for (let step = 1; step < STEPS; step += 2) {
      await interrupt(out, { resume: true }, (event) => isStep(event) && event.done >= step);
    }
    expect(await finish(out, { resume: true })).to.deep.equal(whole);
  });

  it('notes that it goes on with another instruction set', async () => {
    const out = newOut();
    await interrupt(out, {}, (event) => isStep(event) && event.done === 6);
    const before = process.env['ADAPTUNE_ISA'];
    process.env['ADAPTUNE_ISA'] = 'ref';
    try {
      const result = await tinyRun(out, { resume: true });
      expect(result.notes.join()).to.match(/resumed on ref, begun on /);
      expect(result.steps).to.equal(STEPS);
    } finally {
      if (before === undefined) delete process.env['ADAPTUNE_ISA'];
      else process.env['ADAPTUNE_ISA'] = before;
    }
  });

  const METHODS: Partial<TrainOptions>[] = [
    { method: 'random' },
    { method: 'layers', layersBy: 'sensitive' },
    { method: 'lora' },
    { method: 'full' },
    { method: 'frozen' },
  ];
  for (const options of METHODS) {
    it(`resumes ${options.method} too`, async () => {
      const out = newOut();
      const expected = await finish(newOut(), options);
      await interrupt(out, options, (event) => isStep(event) && event.done === 5);
      expect(await finish(out, { ...options, resume: true })).to.deep.equal(expected);
    });
  }
});
