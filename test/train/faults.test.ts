import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { binding } from '../../lib/native/binding.js';
import { openRunFolder } from '../../lib/train/run-folder.js';
import type { TrainOptions } from '../../lib/train/options.js';
import type { TrainHooks } from '../../lib/train/run.js';
import { setFaultPlan } from '../../lib/util/files.js';
import { sampleTexts } from './sample-corpus.js';
import { outcome, STEPS, tinyRun } from './tiny-run.js';
import { failure } from '../helpers/failure.js';

let folder: string;
let runs = 0;
const newOut = () => join(folder, `run-${runs++}`);
const checkpoints = (out: string) =>
  readdirSync(join(out, 'checkpoints')).filter((name) => /^(step|stage)-/.test(name));

/** Leaves an unfinished run with checkpoints up to `step`. */
async function stopAfter(out: string, step: number, options: Partial<TrainOptions> = {}): Promise<void> {
  const controller = new AbortController();
  const onProgress: TrainHooks['onProgress'] = ({ stage, done }) => {
    if ((stage === 'tokens' || stage === 'units') && done === step) controller.abort();
  };
  const error = await failure(tinyRun(out, { ...options, signal: controller.signal, onProgress }));
  expect(error.code).to.equal('E_INTERRUPTED');
}

describe('train/faults', function () {
  this.timeout(120_000);
  let whole: Record<string, unknown>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-faults-'));
    const out = newOut();
    await tinyRun(out);
    whole = outcome(out);
  });
  afterEach(() => setFaultPlan(null));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('falls back to the checkpoint before when a file of the newest is spoilt', async () => {
    for (const file of ['manifest.json', 'state.json', 'tensors.safetensors']) {
      const out = newOut();
      await stopAfter(out, 7);
      const newest = join(out, 'checkpoints', 'step-000007', file);
      const bytes = readFileSync(newest);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(newest, bytes);
      await tinyRun(out, { resume: true });
      expect(outcome(out), file).to.deep.equal(whole);
    }
  });

  it('keeps best, last and last good only', async () => {
    const out = newOut();
    await tinyRun(out, { saveEvery: 1 });
    expect(checkpoints(out).length).to.be.at.most(3);
    expect(checkpoints(out)).to.include(`step-00000${STEPS}`);
    expect(JSON.parse(readFileSync(join(out, 'checkpoints', 'current.json'), 'utf8'))).to.deep.equal({
      checkpoint: `step-00000${STEPS}`,
    });
  });

  it('refuses to resume with other data or options, and names them', async () => {
    const out = newOut();
    await stopAfter(out, 4);
    const options = await failure(tinyRun(out, { resume: true, lr: 0.5, maxLength: 64 }));
    expect(options.code).to.equal('E_RESUME');
    expect(options.message).to.include('lr (null then, 0.5 now)').and.include('maxLength (128 then, 64 now)');
    const data = await failure(tinyRun(out, { resume: true, train: sampleTexts(110, 3) }));
    expect(data.code).to.equal('E_RESUME');
    expect(data.message).to.include('train (other contents)').and.not.include('validation');
    // Nothing was lost by asking.
    await tinyRun(out, { resume: true, saveEvery: 5, threads: 1 });
    expect(outcome(out)).to.deep.equal(whole);
  });

  it('survives the move of the run folder', async () => {
    const out = newOut();
    await stopAfter(out, 6);
    const moved = newOut();
    cpSync(out, moved, { recursive: true });
    rmSync(out, { recursive: true });
    await tinyRun(moved, { resume: true });
    expect(outcome(moved)).to.deep.equal(whole);
  });

  it('goes on from memory after one failed checkpoint, and stops with the code after two', async () => {
    const once = newOut();
    const notes: string[] = [];
    let armed = false;
    const failWrites = (repeat: 'once' | 'always'): TrainHooks['onProgress'] => {
      armed = false;
      return ({ stage, done }) => {
        // Step 5 is not saved; the next checkpoint is that of step 6.
        if (stage !== 'units' || done !== 5 || armed) return;
        armed = true;
        setFaultPlan({ operation: 'write', k: 1, repeat, error: 'ENOSPC' });
      };
    };
    await tinyRun(once, { onProgress: failWrites('once'), onNote: (note) => notes.push(note) });
    expect(notes.join()).to.include('checkpoint after step 6 failed').and.include('ENOSPC');
    expect(outcome(once)).to.deep.equal(whole);

    const always = newOut();
    const error = await failure(tinyRun(always, { onProgress: failWrites('always') }));
    expect(error.code).to.equal('E_FILE');
    setFaultPlan(null);
    expect(checkpoints(always)).to.include('step-000004').and.not.include('step-000006');
    await tinyRun(always, { resume: true });
    expect(outcome(always)).to.deep.equal(whole);
  });
});

describe('train/run-folder', () => {
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'adaptune-folder-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const open = (out: string, resume = false, model = 'scratch:tiny') => openRunFolder(out, { resume, model });

  it('takes an absent or empty folder, once at a time', async () => {
    const out = newOut();
    const first = await open(out);
    const error = await failure(open(out, true));
    expect(error.code).to.equal('E_LOCKED');
    expect(error.message).to.include(`process ${process.pid}`);
    first.release();
    first.release();
    (await open(out)).release();
  });

  it('refuses anything else, and leaves it as it is', async () => {
    const out = newOut();
    mkdirSync(out);
    writeFileSync(join(out, 'thesis.txt'), 'x');
    expect((await failure(open(out))).code).to.equal('E_OUTPUT_EXISTS');
    expect((await failure(open(out, true))).message).to.include('thesis.txt');
    expect(readdirSync(out)).to.deep.equal(['thesis.txt']);
    const file = newOut();
    writeFileSync(file, '');
    expect((await failure(open(file))).code).to.equal('E_OUTPUT_EXISTS');
  });

  it('refuses a finished model, and an unfinished run without resume', async () => {
    const out = newOut();
    mkdirSync(join(out, 'checkpoints', 'step-000001'), { recursive: true });
    const error = await failure(open(out));
    expect(error.code).to.equal('E_OUTPUT_EXISTS');
    expect(error.message).to.include('--resume');
    (await open(out, true)).release();
    writeFileSync(join(out, 'adaptune.json'), '{}');
    expect((await failure(open(out, true))).code).to.equal('E_OUTPUT_EXISTS');
  });

  it("refuses the model's own folder, under any name", async () => {
    const model = newOut();
    mkdirSync(model);
    expect((await failure(open(model, false, model))).message).to.include("model's own");
    expect((await failure(open(join(model, '..', model.split('/').at(-1)!), false, model))).code).to.equal(
      'E_OUTPUT_EXISTS',
    );
  });

  it('is locked against other processes', async () => {
    const out = newOut();
    const held = await open(out);
    expect(binding().lockFile(join(out, 'checkpoints', 'lock'))).to.equal(null);
    held.release();
    const again = binding().lockFile(join(out, 'checkpoints', 'lock'));
    expect(again).to.be.a('number');
    binding().unlockFile(again!);
  });
});
