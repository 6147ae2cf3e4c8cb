/**
 * One small training run, and what is done to its files: the process killed at an operation, an operation failed, bytes of
 * a checkpoint changed, the power lost. Each must end bit for bit like the run that nothing happened to.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { Encoder } from '../../lib/model/encoder.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { trainWordPiece } from '../../lib/model/wordpiece-trainer.js';
import { Device } from '../../lib/native/device.js';
import { train } from '../../lib/train/job.js';
import { pageOf } from '../../lib/report/write.js';
import type { TrainOptions } from '../../lib/train/options.js';
import type { TrainHooks } from '../../lib/train/run.js';
import {
  isTemporary,
  operationCount,
  setFaultPlan,
  setRecorder,
  writeAtomic,
  type FaultPlan,
  type Recorded,
} from '../../lib/util/files.js';
import { Words } from '../../lib/util/philox.js';
import { inPairs } from '../cli/cli.js';
import { Disk } from '../helpers/power-loss.js';
import { sampleTexts } from './sample-corpus.js';
import type { ChildJob, FaultEnd } from './saving-child.js';
import { SAVING_STEPS, savingOptions } from './saving-run.js';
import { outcome } from './tiny-run.js';

const CHILD = fileURLToPath(new URL('./saving-child.js', import.meta.url));

export interface ChildEnd {
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

interface ChildHooks {
  /** Called once the child holds the folder. */
  onHeld?: (kill: () => void) => Promise<void>;
  /** Killed this long after it began to train. */
  milliseconds?: number;
}

export async function startChild(job: ChildJob, { onHeld, milliseconds }: ChildHooks = {}): Promise<ChildEnd> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => void child.kill('SIGKILL');
  let [stdout, stderr] = ['', ''];
  let held = Promise.resolve();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (onHeld && text.includes('held')) held = onHeld(kill);
    if (milliseconds !== undefined && text.includes('begins')) setTimeout(kill, milliseconds);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', reject).on('close', (_, by) => resolve(by));
  });
  await held;
  return { signal, stdout, stderr };
}

/** `count` whole numbers spread over first..last, or all when there are no more. */
export function spread(count: number, first: number, last: number): number[] {
  const all = last - first + 1;
  if (count >= all) return Array.from({ length: all }, (_, i) => first + i);
  return Array.from({ length: count }, (_, i) => first + Math.floor(((i + 0.5) * all) / count));
}

function groupsOf<T>(size: number, list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

export class Saving {
  readonly #runs: string;
  #next = 0;

  private constructor(
    readonly folder: string,
    readonly model: string,
    /** The run that nothing happened to: its folder, what came out, and its operations in order. */
    readonly finished: string,
    readonly whole: Record<string, unknown>,
    readonly log: readonly Recorded[],
    readonly operations: number,
    /** The first operation that changes anything. */
    readonly firstChange: number,
  ) {
    this.#runs = join(folder, 'runs');
    mkdirSync(this.#runs);
  }

  static async prepare(): Promise<Saving> {
    // In memory where that can be: there a sync costs nothing, and what syncs are for is seen when the power is lost.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'adaptune-saving-'));
    const model = join(folder, 'model');
    await saveBaseModel(model);
    const finished = join(folder, 'finished', 'run');
    mkdirSync(join(folder, 'finished'));
    const log: Recorded[] = [];
    let firstChange = 0;
    setFaultPlan(null);
    setRecorder((done) => {
      firstChange ||= operationCount();
      log.push(done.data ? { ...done, data: done.data.slice() } : done);
    });
    await train({ ...savingOptions(model), out: finished });
    setRecorder(null);
    const saving = new Saving(
      folder,
      model,
      finished,
      outcome(finished, SAVING_STEPS),
      log,
      operationCount(),
      firstChange,
    );
    const { plan, tokens } = saving.whole as { plan: { phases: { steps: number }[] }; tokens: unknown[] };
    expect(plan.phases.map(({ steps }) => steps)).to.deep.equal([2, SAVING_STEPS - 2]);
    expect(tokens).not.to.be.empty;
    saving.expectWhole(finished, 'undisturbed');
    return saving;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  newOut(): string {
    return join(this.#runs, String(this.#next++));
  }

  train(out: string, options: Partial<TrainOptions & TrainHooks> = {}) {
    return train({ ...savingOptions(this.model), ...options, out });
  }

  /**
   * Ends the run that something happened to, checks what came of it, and removes it. No step is taken again up to
   * `atLeast`, which were saved before.
   */
  async recover(out: string, what: string, atLeast = savedSteps(out)): Promise<void> {
    if (!existsSync(join(out, 'adaptune.json'))) {
      let first = SAVING_STEPS + 1;
      const onProgress: TrainHooks['onProgress'] = ({ loss, done }) => {
        if (loss !== undefined) first = Math.min(first, done);
      };
      const error = await this.train(out, { resume: true, onProgress }).then(() => null, asError);
      if (error) throw new Error(`${what}: not resumed: ${error.message}`, { cause: error });
      expect(first, `${what}: first step after ${atLeast} saved ones`).to.be.greaterThan(atLeast);
    }
    this.expectWhole(out, what);
    rmSync(out, { recursive: true });
  }

  expectWhole(out: string, what: string): void {
    expect(outcome(out, SAVING_STEPS), what).to.deep.equal(this.whole);
    expect(readdirSync(out).toSorted(), what).to.deep.equal(FINISHED);
    const read = (name: string) => readFileSync(join(out, name), 'utf8');
    const page = pageOf(out, read('adaptune.json'), read('report.json'));
    expect(read('report.html') === page, `${what}: report.html is of this run`).to.equal(true);
    const inside = readdirSync(join(out, 'checkpoints'));
    expect(inside.filter(isTemporary), what).to.deep.equal([]);
    for (const name of inside.filter((name) => /^st(ep|age)-/.test(name)))
      expect(readdirSync(join(out, 'checkpoints', name)).toSorted(), what).to.deep.equal(CHECKPOINT);
  }

  /** One process for each `together` kills. `from`: an unfinished run that is continued. */
  async killAt(points: readonly number[], { together = 1, from = '' } = {}): Promise<void> {
    await inPairs(groupsOf(together, points), async (group) => {
      const kills = group.map((k) => ({ k, out: this.newOut(), resume: from !== '' }));
      if (from !== '') for (const { out } of kills) cpSync(from, out, { recursive: true });
      const { signal, stdout, stderr } = await startChild({ model: this.model, task: 'kill', kills });
      expect(signal, `operations ${group.join()}: ${stdout}${stderr}`).to.equal('SIGKILL');
      for (const { out, k } of kills) await this.recover(out, `killed at operation ${k}`);
    });
  }

  /** Each run, or what is left of `from`, stands its fault or stops with a code that names it; how many stopped. */
  async failAt(plans: readonly FaultPlan[], { together = 10, from = '' } = {}): Promise<number> {
    let stopped = 0;
    await inPairs(groupsOf(together, plans), async (group) => {
      const faults = group.map((plan) => ({ plan, out: this.newOut(), resume: from !== '' }));
      if (from !== '') for (const { out } of faults) cpSync(from, out, { recursive: true });
      const { stdout, stderr } = await startChild({ model: this.model, task: 'fail', faults });
      expect(stdout, stderr).not.to.equal('');
      for (const [i, end] of (JSON.parse(stdout) as FaultEnd[]).entries()) {
        const { out, plan } = faults[i]!;
        const what = `${plan.error} ${plan.repeat ?? 'once'} at operation ${plan.k}`;
        if (end !== null) {
          expect(end.code, `${what}: ${end.message}`).to.equal('E_FILE');
          expect(end.message, what).to.include(plan.error);
          stopped++;
        } else this.expectWhole(out, what);
        await this.recover(out, what);
      }
    });
    return stopped;
  }

  /** File operations of what is left of an unfinished run. */
  async operationsOf(unfinished: string): Promise<number> {
    const out = this.newOut();
    cpSync(unfinished, out, { recursive: true });
    setFaultPlan(null);
    await this.train(out, { resume: true });
    return operationCount();
  }

  /** An unfinished run that was interrupted after `step` steps. */
  async interrupted(step: number, options: Partial<TrainOptions> = {}): Promise<string> {
    const out = this.newOut();
    const controller = new AbortController();
    const onProgress: TrainHooks['onProgress'] = ({ loss, done }) => {
      if (loss !== undefined && done === step) controller.abort();
    };
    const error = await this.train(out, { ...options, signal: controller.signal, onProgress }).catch(asError);
    expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_INTERRUPTED');
    return out;
  }

  /** Kills a process after `milliseconds`, whatever it does then; returns whether it was still at work. */
  async killAfter(milliseconds: number): Promise<boolean> {
    const out = this.newOut();
    const { signal } = await startChild({ model: this.model, task: 'timed', out }, { milliseconds });
    await this.recover(out, `killed after ${milliseconds} ms`);
    return signal === 'SIGKILL';
  }

  /** Two processes at once on one folder: what both said. */
  async race(): Promise<string[]> {
    const out = this.newOut();
    const job: ChildJob = { model: this.model, task: 'train', out };
    const ends = await Promise.all([startChild(job), startChild(job)]);
    await this.recover(out, 'two runs at once');
    return ends.map(({ stdout }) => stdout.trim()).toSorted();
  }

  /** While one process holds the folder another is refused; once the first is killed a third continues. */
  async contend(): Promise<void> {
    const out = this.newOut();
    let refused = '';
    const winner = await startChild(
      { model: this.model, task: 'hold', out },
      {
        onHeld: async (kill) => {
          refused = (await startChild({ model: this.model, task: 'train', out, resume: true })).stdout;
          kill();
        },
      },
    );
    expect(winner.signal, winner.stderr).to.equal('SIGKILL');
    expect(refused).to.equal('E_LOCKED\n');
    await this.recover(out, 'the one that held the folder was killed');
  }

  /** A copy of an unfinished run, with `change` made to one of its files, is continued. */
  async damage(unfinished: string, file: string, { at, how }: Damage): Promise<void> {
    const out = this.newOut();
    cpSync(unfinished, out, { recursive: true });
    const path = join(out, 'checkpoints', file);
    const bytes = readFileSync(path);
    const byte = Math.min(Math.floor(at * bytes.length), bytes.length - 1);
    if (how === 'flipped') bytes[byte]! ^= 1 << (byte % 8);
    writeFileSync(path, how === 'flipped' ? bytes : bytes.subarray(0, byte));
    await this.recover(out, `${file} ${how} at ${byte}`, 0);
  }

  /** What the disk may hold when the power fails after some operation, `state` says which and how, is continued. */
  async losePower(state: number): Promise<void> {
    const words = new Words({ seed: state, stream: 'sample' });
    const disk = new Disk(join(this.finished, '..'));
    const done = this.log.slice(0, words.below(this.log.length + 1));
    for (const operation of done) disk.apply(operation);
    const target = this.newOut();
    disk.lose(target, (n) => words.below(n));
    await this.recover(join(target, 'run'), `power lost, state ${state}`, durableSteps(done));
    rmSync(target, { recursive: true });
  }
}

/** The disk is full, or breaks, for a moment or for good. */
export const FAULTS = (['ENOSPC', 'EIO'] as const).flatMap((error) =>
  (['once', 'always'] as const).map((repeat) => ({ error, repeat })),
);

/** Steps done in the newest checkpoint whose manifest is there. */
function savedSteps(out: string): number {
  const folder = join(out, 'checkpoints');
  const steps = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('step-')) : [];
  const whole = steps.filter((name) => {
    const path = join(folder, name, 'manifest.json');
    return existsSync(path) && readFileSync(path, 'utf8').endsWith('}');
  });
  return Math.max(0, ...whole.map((name) => Number(name.slice('step-'.length))));
}

/** Steps done in the newest checkpoint that was written and synced, with its name, by these operations. */
function durableSteps(done: readonly Recorded[]): number {
  let [written, durable] = [0, 0];
  for (const { operation, path } of done) {
    if (operation !== 'sync') continue;
    written = Number(/step-(\d+)\/manifest\.json$/.exec(path)?.[1] ?? written);
    if (path.endsWith('/checkpoints')) durable = written;
  }
  return durable;
}

export interface Damage {
  /** Where in the file, 0..1. */
  at: number;
  how: 'flipped' | 'cut';
}

const CHECKPOINT = ['manifest.json', 'state.json', 'tensors.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
const FINISHED = [
  'adaptune.json',
  'checkpoints',
  'config.json',
  'model.safetensors',
  'report.html',
  'report.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'validation.jsonl',
];

/** Files of the checkpoints of an unfinished run, under `checkpoints`. */
export const checkpointFiles = (out: string): string[] =>
  (readdirSync(join(out, 'checkpoints'), { recursive: true }) as string[]).filter((name) => name.includes('/'));

export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Large enough for groups and neurons to be chosen from, small enough for a run of a few dozen milliseconds. */
async function saveBaseModel(folder: string): Promise<void> {
  const tokenizer = Tokenizer.fromJson(trainWordPiece(sampleTexts(50, 1).texts, { vocabularySize: 200 }));
  const config = {
    layers: 2,
    hidden: 32,
    heads: 4,
    kvHeads: 4,
    headWidth: 8,
    feedForward: 64,
    vocabulary: tokenizer.vocabularySize,
    positions: 32,
    types: 2,
    classes: 2,
    normEps: 1e-12,
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    classifierDropout: 0.1,
    activation: 'gelu' as const,
  };
  const device = Device.open({ threads: 1 });
  try {
    await using encoder = await Encoder.random(device, config, { seed: 1, initializerRange: 0.1 });
    await encoder.save(folder, { labels: ['10', 'constructor'] });
  } finally {
    device.close();
  }
  for (const [name, text] of Object.entries(tokenizer.files(config.positions)))
    await writeAtomic(join(folder, name), text);
}
