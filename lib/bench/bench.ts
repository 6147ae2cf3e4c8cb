/** `adaptune bench`: which contenders take turns, and what becomes of their trials. */
import { basename } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import { KERNEL_CASES, type KernelCase } from './kernel-cases.js';
import { type LengthSpec, parseLengths } from './lengths.js';
import { provenance, type Report, type Result, type Trial } from './report.js';
import { type Contender, ownTrial, peerLines, takeTurns, type Timed } from './rounds.js';
import { geometricMean, median, spread } from './statistics.js';
import type { ShapeName, What } from './settings.js';
import { type Method, METHODS } from './step-trial.js';
import type { TrialSpec } from './trial.js';

export interface BenchOptions {
  /** Fresh processes of each contender. */
  rounds: number;
  /** Null: one, and as many as this process may use. */
  threads: number | null;
  /** Only what has this in its name. */
  only: string | null;
  /** Seconds of runs in a trial of a kernel. */
  seconds: number;
  blas: string | null;
  shape: ShapeName;
  lengths: string;
  model: string | null;
  batch: number;
  steps: number;
  peerCommand: string | null;
  peerMethods: readonly string[];
  ortCommand: string | null;
}

export interface Hooks {
  signal: AbortSignal;
  onTrial: (done: number, total: number, name: string) => void;
}

export async function bench(what: What, options: BenchOptions, hooks: Hooks): Promise<Report> {
  const origin = provenance(['adaptune', ...process.argv.slice(2)]);
  const contenders = (what === 'kernels' ? kernelContenders(options) : stepContenders(what, options)).filter(
    ({ name, engine }) => options.only === null || `${name}, ${engine}`.includes(options.only),
  );
  if (contenders.length === 0)
    throw new AdaptuneError('E_ARGUMENT', `expected a part of a name for --only but received ${options.only}`);
  const timed = await takeTurns(contenders, options.rounds, hooks);
  const results = what === 'kernels' ? kernelResults(timed) : stepResults(timed);
  const { rounds, seconds, shape, lengths, batch, steps } = options;
  // What a later result must have in common to be compared.
  const settings = what === 'kernels' ? { seconds } : { shape, lengths: lengthsWithoutFolder(lengths), batch, steps };
  return { what, ...origin, rounds, settings, ...summary(what, results), results };
}

const lengthsWithoutFolder = (text: string) => text.replace(/^data:.*\/(?=[^/])/, 'data:');

function threadCounts({ threads }: BenchOptions): number[] {
  if (threads !== null) return [threads];
  return [...new Set([1, binding().systemInfo().defaultThreads])];
}

const trialOf =
  (spec: TrialSpec, env: NodeJS.ProcessEnv = {}) =>
  (signal: AbortSignal) =>
    ownTrial(spec, env, signal);

function kernelContenders(options: BenchOptions): Contender[] {
  const { blas, seconds: budget } = options;
  return KERNEL_CASES.flatMap((kernel: KernelCase) =>
    threadCounts(options).flatMap((threads): Contender[] => {
      const { name, flops, bytes } = kernel;
      const base = { name, threads, facts: { flops, bytes } };
      const spec = { of: 'kernel', name, threads, budget } as const;
      const ours = { ...base, engine: 'adaptune', run: trialOf(spec) };
      if (blas === null || !kernel.blas) return [ours];
      return [ours, { ...base, engine: 'blas', run: trialOf({ ...spec, blas }, blasThreads(threads)) }];
    }),
  );
}

/** OpenBLAS, BLIS and MKL read their number of threads from the environment when they are loaded. */
function blasThreads(threads: number): NodeJS.ProcessEnv {
  const names = ['OPENBLAS_NUM_THREADS', 'BLIS_NUM_THREADS', 'MKL_NUM_THREADS', 'OMP_NUM_THREADS'];
  return Object.fromEntries(names.map((name) => [name, String(threads)]));
}

function stepContenders(what: 'train' | 'infer', options: BenchOptions): Contender[] {
  const lengths = parseLengths(options.lengths);
  const threads = options.threads ?? binding().systemInfo().defaultThreads;
  const { shape, model, steps } = options;
  const own = (method: Method | 'infer', batch: number): Contender => ({
    name: method === 'infer' ? `infer, ${texts(batch)}` : method,
    engine: 'adaptune',
    threads,
    run: trialOf({ of: 'step', method, shape, lengths, model, batch, steps, threads }),
  });
  const ours =
    what === 'train'
      ? METHODS.map((method) => own(method, options.batch))
      : [own('infer', options.batch), ...(options.batch > 1 ? [own('infer', 1)] : [])];
  return [...ours, ...peerContenders(what, options, lengths, threads)];
}

const texts = (count: number) => (count === 1 ? 'one text' : `${count} texts`);

/** Each once with random batches, padded to their longest text, and once with batches of texts of similar length. */
function peerContenders(what: What, options: BenchOptions, spec: LengthSpec, threads: number): Contender[] {
  const { peerCommand, ortCommand, shape, batch, steps } = options;
  const lengths = spec.kind === 'data' ? `data:${basename(spec.folder)}` : options.lengths;
  const common = ['--batch', String(batch), '--lengths', lengths, '--steps', String(steps)];
  const methods = what === 'train' ? options.peerMethods : ['infer'];
  return [false, true].flatMap((byLength) => {
    const args = [...common, ...(byLength ? ['--by-length'] : [])];
    const how = byLength ? 'batches of similar length' : 'random batches';
    const name = (method: string) => (method === 'infer' ? `infer, ${texts(batch)}` : method);
    const torch = (peerCommand === null ? [] : methods).map((method): Contender => ({
      name: name(method),
      engine: `pytorch, ${how}`,
      threads,
      run: async (signal) => peerTrial((await peerLines(peerCommand!, [shape, method, ...args], signal)).at(-1)!),
    }));
    return [
      ...torch,
      ...(what === 'infer' && ortCommand !== null ? onnxRuntime(ortCommand, options, args, how, threads) : []),
    ];
  });
}

/** One process times several engines: whoever finds its line used up starts the next one. */
function onnxRuntime(
  command: string,
  { shape, batch }: BenchOptions,
  args: readonly string[],
  how: string,
  threads: number,
): Contender[] {
  let fresh = new Map<unknown, Record<string, unknown>>();
  return ['onnxruntime fp32', 'onnxruntime int8'].map((engine) => ({
    name: `infer, ${texts(batch)}`,
    engine: `${engine}, ${how}`,
    threads,
    run: async (signal) => {
      if (!fresh.has(engine)) {
        const lines = await peerLines(command, [shape, ...args, '--threads', String(threads)], signal);
        fresh = new Map(lines.map((line) => [line['engine'], line]));
      }
      const line = fresh.get(engine);
      if (!line) throw new AdaptuneError('E_ARGUMENT', `${command}: expected a line of ${engine}, came none`);
      fresh.delete(engine);
      return peerTrial(line);
    },
  }));
}

function peerTrial(line: Record<string, unknown>): Trial {
  const seconds = Number(line['step_s'] ?? line['batch_s']);
  if (!(seconds > 0))
    throw new AdaptuneError('E_ARGUMENT', `expected step_s or batch_s of a peer, came ${JSON.stringify(line)}`);
  return { ...line, seconds, tokens_per_s: Number(line['tokens_per_s']) };
}

const four = (value: number) => Number(value.toPrecision(4));
const medianOf = (trials: readonly Trial[], value: (trial: Trial) => number) => four(median(trials.map(value)));

function basics({ contender, trials }: Timed): Result {
  const { name, engine, threads, facts } = contender;
  const seconds = trials.map((trial) => trial.seconds);
  return { name, engine, threads, seconds: four(median(seconds)), spread: four(spread(seconds)), ...facts, trials };
}

function kernelResults(timed: readonly Timed[]): Result[] {
  return timed.map((one) => {
    const { contender, trials } = one;
    const { flops, bytes } = contender.facts as { flops: number; bytes: number };
    const rival = timed.find(
      ({ contender: { name, engine, threads } }) =>
        name === contender.name && threads === contender.threads && engine !== contender.engine,
    );
    return {
      ...basics(one),
      gflops: medianOf(trials, ({ seconds }) => flops / seconds / 1e9),
      gbytes: medianOf(trials, ({ seconds }) => bytes / seconds / 1e9),
      ...(trials[0]!.peak !== undefined && {
        share_of_peak: medianOf(trials, ({ seconds, peak }) => flops / seconds / peak!),
        peak_gflops: medianOf(trials, ({ peak }) => peak! / 1e9),
      }),
      ...(trials[0]!['plain_seconds'] !== undefined && {
        over_plain: four(median(trials.map((trial) => trial.seconds / Number(trial['plain_seconds'])))),
      }),
      // Trials of one round stood side by side.
      ...(rival &&
        contender.engine === 'adaptune' && {
          speedup: four(median(trials.map(({ seconds }, i) => rival.trials[i]!.seconds / seconds))),
        }),
    };
  });
}

function stepResults(timed: readonly Timed[]): Result[] {
  const full = timed.find(({ contender }) => contender.engine === 'adaptune' && contender.name === 'full');
  return timed.map((one) => {
    const { contender, trials } = one;
    const common = { ...basics(one), tokens_per_s: medianOf(trials, (trial) => Number(trial['tokens_per_s'])) };
    if (contender.engine !== 'adaptune') return common;
    return {
      ...common,
      texts_per_s: medianOf(trials, (trial) => Number(trial['texts_per_s'])),
      gflops: medianOf(trials, (trial) => Number(trial['flops_per_s']) / 1e9),
      share_of_peak: medianOf(trials, (trial) => Number(trial['flops_per_s']) / trial.peak!),
      peak_gflops: medianOf(trials, ({ peak }) => peak! / 1e9),
      peak_rss_mb: medianOf(trials, (trial) => Number(trial['peak_rss_mb'])),
      ...(full && {
        cost: four(median(trials.map(({ seconds }, i) => seconds / full.trials[i]!.seconds))),
        predicted_cost: medianOf(trials, (trial) => Number(trial['cost'])),
      }),
    };
  });
}

/** What the issue of a benchmark hangs on, in a few figures. */
function summary(what: What, results: readonly Result[]): Record<string, unknown> {
  if (what !== 'kernels') return {};
  const rivals = results.filter((result) => result.engine === 'adaptune' && result['speedup'] !== undefined);
  const peaks = [...new Set(results.map(({ threads }) => threads))].map((threads) => {
    const measured = results.flatMap((result) =>
      result.threads === threads && result['peak_gflops'] ? [Number(result['peak_gflops'])] : [],
    );
    const speedups = rivals.filter((result) => result.threads === threads).map((result) => Number(result['speedup']));
    return {
      threads,
      peak_gflops: measured.length > 0 ? four(median(measured)) : null,
      ...(speedups.length > 0 && {
        speedup_over_blas: { geometric_mean: four(geometricMean(speedups)), least: Math.min(...speedups) },
      }),
    };
  });
  return { summary: peaks };
}
