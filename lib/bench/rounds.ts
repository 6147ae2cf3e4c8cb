/** Trials: each a fresh process, the contenders of a round one after another, so that a slow minute hits all of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AdaptuneError, ERRORS, type ErrorCode } from '../errors.js';
import { readChunks } from '../util/files.js';
import type { Trial } from './report.js';

export interface Contender {
  name: string;
  engine: string;
  threads: number;
  /** What the report says of it besides. */
  facts?: Record<string, unknown>;
  run(signal: AbortSignal): Promise<Trial>;
}

export interface Timed {
  contender: Contender;
  trials: Trial[];
}

export async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
  options: { signal: AbortSignal; onTrial: (done: number, total: number, name: string) => void },
): Promise<Timed[]> {
  const timed = contenders.map((contender): Timed => ({ contender, trials: [] }));
  const total = rounds * contenders.length;
  let done = 0;
  for (let round = 0; round < rounds; round++)
    for (const { contender, trials } of timed) {
      options.signal.throwIfAborted();
      trials.push(await contender.run(options.signal));
      options.onTrial(++done, total, `${contender.name}, ${contender.engine}`);
    }
  return timed;
}

const TRIAL = fileURLToPath(new URL('./trial.js', import.meta.url));

/** Runs lib/bench/trial.ts in a process of its own. */
export async function ownTrial(spec: object, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Trial> {
  const { lines } = await output(process.execPath, [TRIAL, JSON.stringify(spec)], env, signal);
  return trialOf(lines.at(-1), 'the trial');
}

/** One JSON line of another engine's timing script for each engine that it times; alone, with the peak of its process. */
export async function peerLines(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Record<string, unknown>[]> {
  const [program = '', ...rest] = command.split(/\s+/).filter((word) => word !== '');
  const { lines, peak } = await output(program, [...rest, ...args], env, signal);
  const reports = lines.filter((line) => line.startsWith('{')).map((line) => parsed(line, command));
  if (reports.length === 0) throw new AdaptuneError('E_ARGUMENT', `${command}: expected a line of JSON, came none`);
  return reports.length === 1 && peak !== null ? [{ peak_rss_mb: peak, ...reports[0] }] : reports;
}

function parsed(line: string, source: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (error) {
    throw new AdaptuneError('E_ARGUMENT', `${source}: expected a line of JSON, came ${line.slice(0, 80)}`, {
      cause: error,
    });
  }
}

function trialOf(line: string | undefined, source: string): Trial {
  const value = parsed(line ?? '', source) as Trial & { error?: { code: string; message: string } };
  if (value.error && Object.hasOwn(ERRORS, value.error.code))
    throw new AdaptuneError(value.error.code as ErrorCode, value.error.message);
  return value;
}

/** How often a running program is asked for its peak, which grows for as long as it runs. */
const PEAK_EVERY_MS = 250;

/** Resident MiB of a process at most, so far; null where there is no /proc, or no process any more. */
async function peakMebibytes(pid: number): Promise<number | null> {
  let text = '';
  try {
    for await (const chunk of readChunks(`/proc/${pid}/status`)) text += Buffer.from(chunk).toString('latin1');
  } catch {
    return null;
  }
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(text);
  return match ? Number(match[1]) / 1024 : null;
}

interface Output {
  /** Of stdout; what goes to stderr is shown only when the program fails. */
  lines: string[];
  /** Resident MiB at most. */
  peak: number | null;
}

async function output(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Output> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  let status: number | null;
  let peak: number | null = null;
  const watch = setInterval(() => {
    if (child.pid === undefined) return;
    void peakMebibytes(child.pid).then((now) => (peak = Math.max(now ?? 0, peak ?? 0) || null));
  }, PEAK_EVERY_MS);
  try {
    [status] = (await once(child, 'close')) as [number | null];
  } catch (error) {
    signal.throwIfAborted();
    throw new AdaptuneError('E_ARGUMENT', `expected a program that runs but received ${program}`, { cause: error });
  } finally {
    clearInterval(watch);
  }
  const lines = out.join('').trim().split('\n');
  if (status !== 0 && !lines.at(-1)!.startsWith('{"error"'))
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected ${program} to end well but it ended with ${status}: ${err.join('').trim().slice(-400)}`,
    );
  return { lines, peak };
}
