/** The command line in a process of its own, and one small model that all its tests share. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../helpers/temporary.js';

export const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));
const CORPUS = new URL('../../../examples/corpus.mjs', import.meta.url).href;

export interface Ended {
  code: number | null;
  /** The signal that ended the process, if one did. */
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A process under way: what it said so far, and how it ends. */
export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves once stderr holds `text`; rejects when the process ends without. */
  says(text: string): Promise<void>;
}

export interface StartOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Standard input; default: empty. Null: it stays open and nothing comes. */
  input?: string | null;
  /** Leads a group of its own: a signal to -pid reaches all its processes, as from a terminal. */
  detached?: boolean;
}

export function start(
  command: string,
  args: string[],
  { env, cwd, input = '', detached = false }: StartOptions = {},
): Running {
  // With the stack of an error that should have had a code.
  const child = spawn(command, args, { cwd, detached, env: { ADAPTUNE_DEBUG: '1', ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {}); // it may end without reading
  if (input !== null) child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (stderr.includes(text)) resolve();
      };
      child.stderr.on('data', look);
      child.on('close', () => reject(new Error(`ended without ${JSON.stringify(text)}:\n${stderr}`)));
      look();
    });
  return { child, ended, says };
}

export const startCli = (args: string[], options?: StartOptions): Running =>
  start(process.execPath, [MAIN, ...args], options);

export const cli = (args: string[], options?: StartOptions): Promise<Ended> => startCli(args, options).ended;

/** stdout of a command that must succeed. */
export async function ok(args: string[], options?: StartOptions): Promise<string> {
  const { code, stdout, stderr } = await cli(args, options);
  expect(code, stderr).to.equal(0);
  return stdout;
}

/** The one JSON object of `--json`: one line, nothing before or after it. */
export function oneObject(stdout: string): object {
  expect(stdout.indexOf('\n'), stdout.slice(0, 200)).to.equal(stdout.length - 1);
  const value: unknown = JSON.parse(stdout);
  expect(value).to.be.an('object');
  return value as object;
}

/** Two at a time: what two cores do at once. */
export async function inPairs<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...list];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

/** Labels that break careless code: property names of objects, numbers, controls, quotes, line ends, a change of direction. */
export const LABELS = [
  '__proto__',
  'constructor',
  '10',
  '9',
  '\x1b]0;x\x07\n[error]',
  'a,"b"\tc\r\nd',
  '\u202eevil',
] as const;

export interface Row {
  text: string;
  label: string;
}

/** Tickets of the demo's generator under odd labels. */
export async function oddRows(count: number, seed: number): Promise<Row[]> {
  const { tickets } = (await import(CORPUS)) as { tickets(count: number, seed: number): Row[] };
  return tickets(count, seed).map(({ text }, i) => ({ text, label: LABELS[i % LABELS.length]! }));
}

export const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

export interface Workspace {
  folder: string;
  at(name: string): string;
  write(name: string, text: string): string;
}

export function workspace(): Workspace {
  const folder = temporaryFolder('cli');
  const at = (name: string) => join(folder, name);
  const write = (name: string, text: string) => {
    writeFileSync(at(name), text);
    return at(name);
  };
  return { folder, at, write };
}

/** Flags of a run of a second: 56 texts, an epoch. */
export const TINY = [
  '--model',
  'scratch:tiny',
  '--epochs',
  '1',
  '--min-support',
  '2',
  '--min-uses',
  '2',
  '--threads',
  '1',
  // All stages, calibration too.
  '--score',
  'rank',
];

interface Trained extends Workspace {
  model: string;
  train: string;
  /** What `train` printed, and on stderr. */
  printed: Ended;
}
let trained: Promise<Trained> | undefined;

/** Trained once for all files of this folder. */
export function trainedModel(): Promise<Trained> {
  trained ??= (async () => {
    const space = workspace();
    const train = space.write('train.jsonl', jsonl(await oddRows(56, 1)));
    const test = space.write('test.jsonl', jsonl(await oddRows(28, 2)));
    const model = space.at('model');
    const printed = await cli([
      'train',
      ...TINY,
      '--train',
      train,
      '--validation',
      test,
      '--test',
      test,
      '--out',
      model,
    ]);
    expect(printed.code, printed.stderr).to.equal(0);
    return { ...space, model, train, printed };
  })();
  return trained;
}
