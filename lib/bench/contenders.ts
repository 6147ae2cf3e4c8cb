/** Who takes part: ours, and other engines that the caller names. */
import { basename } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import { KERNEL_CASES, type KernelCase } from './kernel-cases.js';
import { type LengthSpec, parseLengths } from './lengths.js';
import type { Trial } from './report.js';
import { type Contender, ownTrial, peerLines } from './rounds.js';
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

export const contendersOf = (what: What, options: BenchOptions): Contender[] =>
  what === 'kernels' ? kernelContenders(options) : stepContenders(what, options);

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
      return [ours, { ...base, engine: 'blas', run: trialOf({ ...spec, blas }, threadsOf(threads)) }];
    }),
  );
}

/** OpenBLAS, BLIS, MKL and OpenMP read their number of threads from the environment when they are loaded. */
function threadsOf(threads: number): NodeJS.ProcessEnv {
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
      run: async (signal) =>
        peerTrial((await peerLines(peerCommand!, [shape, method, ...args], threadsOf(threads), signal)).at(-1)!),
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
        const lines = await peerLines(
          command,
          [shape, ...args, '--threads', String(threads)],
          threadsOf(threads),
          signal,
        );
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
