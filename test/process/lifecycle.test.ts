/** Handles, jobs and memory: closing, cancelling, allocation failure (RELIABILITY 33, 42, 43). */
import { expect } from 'chai';
import { AdaptuneError, type ErrorCode } from '../../lib/errors.js';
import { binding } from '../../lib/native/binding.js';
import { withSignal } from '../../lib/native/device.js';
import { BATCH, CONFIG, LABELS, PLAN, STEP, busy, open, until } from './tiny.js';

async function codeOf(work: () => unknown): Promise<ErrorCode | 'none'> {
  try {
    await work();
    return 'none';
  } catch (error) {
    expect(error).to.be.instanceOf(AdaptuneError);
    return (error as AdaptuneError).code;
  }
}

/** No more is live than before (the dispatcher frees a closed device a moment later, so an earlier test's may go too). */
const freed = (before: number) => until(() => binding().memory().live <= before);

describe('handles and jobs', () => {
  let atStart: number;
  before(() => (atStart = binding().memory().live));
  afterEach(() => freed(atStart));

  it('close is idempotent, and what is closed says so', async () => {
    const { device, model } = await open();
    const trainer = binding().createTrainer(model, PLAN);
    const calibration = binding().createCalibration(model);
    for (const handle of [calibration, trainer, model, device, device, model, trainer, calibration])
      binding().close(handle);
    const calls: (() => unknown)[] = [
      () => binding().createModel(device, CONFIG),
      () => binding().modelParameters(model),
      () => binding().getParameter(model, 'pooler.dense.bias'),
      () => binding().forward(model, BATCH, 'logits'),
      () => binding().createTrainer(model, PLAN),
      () => binding().trainStep(trainer, BATCH, LABELS, null, STEP),
      () => binding().trainerFloor(trainer),
      () => binding().calibrationResult(calibration, -1),
    ];
    for (const call of calls) expect(await codeOf(call), String(call)).to.equal('E_CLOSED');
  });

  it('a model outlives its device, whose jobs are refused', async () => {
    const { device, model } = await open();
    binding().close(device);
    expect(binding().modelParameters(model)).to.not.be.empty;
    expect(await codeOf(() => binding().forward(model, BATCH, 'logits'))).to.equal('E_CLOSED');
    expect(await codeOf(() => binding().createTrainer(model, PLAN))).to.equal('E_CLOSED');
    binding().close(model);
  });

  it('jobs that were accepted finish after everything is closed', async () => {
    const before = binding().memory().live;
    const { model, close } = await open();
    const expected = await binding().forward(model, BATCH, 'logits');
    const slow = binding().forward(model, busy(20), 'logits');
    const job = binding().forward(model, BATCH, 'logits');
    close();
    expect((await slow).length).to.equal(60);
    expect([...(await job)]).to.deep.equal([...expected]);
    await freed(before);
  });

  it('a trainer keeps its model', async () => {
    const { model, close } = await open();
    const trainer = binding().createTrainer(model, PLAN);
    binding().close(model);
    const { finite, seconds } = await binding().trainStep(trainer, BATCH, LABELS, null, STEP);
    expect(finite).to.equal(true);
    expect(seconds).to.be.greaterThan(0);
    binding().close(trainer);
    close();
  });

  it('ten cycles leave no byte', async () => {
    const before = binding().memory().live;
    for (let i = 0; i < 10; ++i) {
      const { model, close } = await open('scalar', 1 + (i % 3));
      const trainer = binding().createTrainer(model, PLAN);
      await binding().trainStep(trainer, BATCH, LABELS, Float32Array.of(1, 2), STEP);
      await binding().freezeRows(trainer);
      await binding().trainStep(trainer, BATCH, LABELS, null, STEP);
      const calibration = binding().createCalibration(model);
      await binding().calibrate(calibration, BATCH, LABELS, 0.5, 0);
      await binding().forward(model, BATCH, 'cls');
      binding().close(calibration);
      binding().close(trainer);
      close();
    }
    await freed(before);
  });

  it('slots are read and restored', async () => {
    const { model, close } = await open();
    const trainer = binding().createTrainer(model, PLAN);
    await binding().trainStep(trainer, BATCH, LABELS, null, STEP);
    const slots = binding().trainerSlots(trainer);
    const index = slots.findIndex(({ name }) => name === 'encoder.layer.0.intermediate.dense.weight');
    const { rows, cols, t } = slots[index]!;
    expect({ rows, cols, t }).to.deep.equal({ rows: 3, cols: CONFIG.hidden, t: 1 });
    for (const field of ['value', 'm', 'v'] as const) {
      const data = Float32Array.from({ length: rows * cols }, (_, i) => i / 8);
      await binding().setSlot(trainer, index, field, data);
      expect([...(await binding().getSlot(trainer, index, field))]).to.deep.equal([...data]);
    }
    const stored = await binding().getParameter(model, slots[index]!.name);
    expect(stored[5 * CONFIG.hidden]).to.equal(CONFIG.hidden / 8);
    await binding().setSlotStep(trainer, index, 9);
    expect(binding().trainerSlots(trainer)[index]!.t).to.equal(9);
    binding().close(trainer);
    close();
  });

  it('a token cancels running and waiting jobs, and counts layers', async () => {
    const { model, close } = await open('ref', 1);
    const token = binding().createToken();
    await binding().forward(model, BATCH, 'logits', token);
    expect(binding().progress(token)).to.equal(CONFIG.layers);
    const jobs = [400, 1].map((texts) => codeOf(() => binding().forward(model, busy(texts), 'logits', token)));
    binding().cancel(token);
    expect(await Promise.all(jobs)).to.deep.equal(['E_ABORTED', 'E_ABORTED']);
    expect(await codeOf(() => binding().forward(model, BATCH, 'logits'))).to.equal('none');
    close();
  });

  it('an aborted signal rejects with its reason, before and while a job runs', async () => {
    const { model, close } = await open('ref', 1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const job = withSignal(controller.signal, (token) => binding().forward(model, busy(400), 'logits', token));
    setTimeout(() => controller.abort(reason), 5);
    const attempts = [() => job, () => withSignal(controller.signal, () => Promise.resolve())];
    for (const attempt of attempts) {
      const error = await attempt().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).to.be.instanceOf(AdaptuneError);
      expect((error as AdaptuneError).code).to.equal('E_ABORTED');
      expect((error as AdaptuneError).cause).to.equal(reason);
    }
    close();
  });

  it('any allocation may fail: a coded error, nothing lost, and the next try works', async () => {
    const before = binding().memory().live;
    let failures = 0;
    for (let k = 1; ; ++k) {
      binding().failAllocation(k, false);
      const { device, model, close } = await openFailing();
      const outcome = model ? await codeOf(() => useAll(model)) : 'E_MEMORY';
      binding().failAllocation(0, false);
      if (model) await useAll(model);
      close();
      if (device) await freed(before);
      if (outcome === 'none') break;
      expect(outcome, `allocation ${k}`).to.equal('E_MEMORY');
      ++failures;
    }
    expect(failures).to.be.greaterThan(10);
    await freed(before);
  });

  it('denormals stay JavaScript’s', async () => {
    const { model, close } = await open();
    await binding().forward(model, BATCH, 'logits');
    close();
    expect((Number.MIN_VALUE * 3) / 3).to.equal(Number.MIN_VALUE);
  });
});

/** A device with a model, or what could be made of them. */
async function openFailing() {
  const device = binding().openDevice({ threads: 1, isa: 'scalar' });
  try {
    const model = binding().createModel(device, CONFIG);
    return { device, model, close: () => [model, device].forEach((handle) => binding().close(handle)) };
  } catch (error) {
    expect((error as AdaptuneError).code).to.equal('E_MEMORY');
    return { device, model: undefined, close: () => binding().close(device) };
  }
}

async function useAll(model: ReturnType<ReturnType<typeof binding>['createModel']>): Promise<void> {
  const addon = binding();
  await addon.forward(model, BATCH, 'pooled');
  const trainer = addon.createTrainer(model, PLAN);
  try {
    await addon.trainStep(trainer, BATCH, LABELS, null, STEP);
    await addon.getSlot(trainer, 0, 'm');
  } finally {
    addon.close(trainer);
  }
  const calibration = addon.createCalibration(model);
  try {
    await addon.calibrate(calibration, BATCH, LABELS, 1, 1);
    await addon.calibrationResult(calibration, -1);
  } finally {
    addon.close(calibration);
  }
}
