/** A sample of the loops of test/long/saving.test.ts, and cases of their own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { sampleTexts } from './sample-corpus.js';
import { SAVING_STEPS } from './saving-run.js';
import { asError, checkpointFiles, FAULTS, Saving, spread } from './saving.js';
import { outcome } from './tiny-run.js';

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

describe('train/saving', function () {
  this.timeout(120_000);
  let saving: Saving;
  before(async () => void (saving = await Saving.prepare()));
  after(() => saving.remove());

  it('killed at a file operation, resumes to the same bits', async () => {
    await saving.killAt(spread(20, saving.firstChange, saving.operations), { together: 2 });
  });

  it('removes what a kill left of an old checkpoint, though none is written any more', async () => {
    const out = await saving.interrupted(SAVING_STEPS);
    mkdirSync(join(out, 'checkpoints', 'step-000001'));
    await saving.recover(out, 'step 1 half removed');
  });

  it('stands or stops when an operation fails, and ends with the same bits', async () => {
    const plans = FAULTS.flatMap((fault) => spread(5, 1, saving.operations).map((k) => ({ ...fault, k })));
    expect(await saving.failAt(plans)).to.be.greaterThan(10);
  });

  it('does not notice short and interrupted calls', async () => {
    const plans = spread(20, 1, saving.operations).map((k, i) => ({ k, error: (['short', 'EINTR'] as const)[i % 2]! }));
    expect(await saving.failAt(plans)).to.equal(0);
  });

  it('keeps a checkpoint that cannot be read', async () => {
    const from = await saving.interrupted(4);
    // The operations that look for the newest checkpoint. A process each: what a failed run still reads counts there, too.
    const plans = spread(12, 15, 74).map((k) => ({ k, error: 'EIO' as const }));
    expect(await saving.failAt(plans, { from, together: 1 })).to.equal(plans.length);
  });

  it('takes the checkpoint before when one is damaged', async () => {
    const unfinished = await saving.interrupted(4);
    const files = checkpointFiles(unfinished);
    expect(files).to.have.length(10);
    for (const [i, file] of files.entries())
      await saving.damage(unfinished, file, { at: i / 10, how: i % 2 === 0 ? 'flipped' : 'cut' });
  });

  it('resumes after the power was lost', async () => {
    for (let state = 0; state < 40; state++) await saving.losePower(state);
  });

  it('lets one of two runs have the folder, and the next one when it is killed', async () => {
    await saving.contend();
    expect(await saving.race()).to.include('done');
  });

  it('does not end with damaged weights of the best epoch', async () => {
    const { texts } = sampleTexts(500, 2);
    // Labels that have nothing to do with the texts: for some seed the first epoch is the better one.
    const validation = { texts, labels: texts.map((_, i) => ['constructor', '10'][i % 2]!) };
    // All 50 texts are trained on: 4 steps an epoch.
    const steps = 8;
    let seed = 0;
    let whole;
    for (; whole === undefined; seed++) {
      const out = saving.newOut();
      const { chosen } = await saving.train(out, { validation, seed });
      if (chosen.epoch === 1) whole = outcome(out, steps);
    }
    const options = { validation, seed: seed - 1 };
    const best = ['checkpoints', 'step-000004', 'tensors.safetensors'];

    const out = await saving.interrupted(5, options);
    flip(join(out, ...best));
    const { notes } = await saving.train(out, { ...options, resume: true });
    expect(notes).to.include('checkpoint step-000004/tensors.safetensors is damaged: begun again');
    expect(outcome(out, steps)).to.deep.equal(whole);

    const during = saving.newOut();
    const error = await saving
      .train(during, {
        ...options,
        onProgress: ({ loss, done }) => loss !== undefined && done === steps && flip(join(during, ...best)),
      })
      .catch(asError);
    expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_FILE');
    await saving.train(during, { ...options, resume: true });
    expect(outcome(during, steps)).to.deep.equal(whole);
  });
});
