/**
 * Closed sequential patterns without gap limits: our command line beside another program's, and how our time grows.
 *
 * usage: node dist/bench/mining-speed.js --data DIR --out FILE [--rounds 3] [--only NAME,...] [--sweep]
 *        [--peer-command 'java -Xmx{heap}m -cp DIR Main {input} {output} {support}' [--heaps]]
 *
 * DIR holds the data sets as NAME.txt, in SPMF's format or as plain item lines. Every trial is a fresh process, and the trials of a
 * round take turns, so that a slow minute hits all of them; seconds are wall time from start to exit, reading and writing included.
 * Ours runs once with all threads and once with one. The outputs are compared line by line. Memory is the peak of the resident
 * set, read from /proc. `--heaps` looks for the smallest heap (MiB) with which the peer finishes, and gives its peak memory with
 * it; that is no timing, so it comes last, and `--rounds 0` does that alone.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provenance } from './provenance.js';

/** Data set, minimum support, closed patterns. */
const JOBS = [
  ['LEVIATHAN', 117, 32_655],
  ['FIFA', 4090, 938],
  ['BIBLE', 1819, 774],
  ['MSNBC', 1590, 1478],
  ['BMS1', 60, 3974],
  ['SIGN', 219, 1928],
] as const;
/** MiB: more than any of them needs. */
const WIDE_HEAP = 2048;
/** A run that takes longer, for want of memory, has not finished. */
const LIMIT_MS = 120_000;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    sweep: { type: 'boolean', default: false },
    heaps: { type: 'boolean', default: false },
    'peer-command': { type: 'string' },
  },
});
const { data, out } = values;
if (data === undefined || out === undefined) throw new Error('expected --data DIR --out FILE');
const MAIN = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'adaptune-mining-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

interface Trial {
  seconds: number;
  peak_mib: number;
  closed: number;
  /** Of the sorted lines: the order is free. */
  hash: string;
}

/** Null when it fails or does not end in time. */
async function trial(command: string, args: readonly string[], output: string): Promise<Trial | null> {
  rmSync(output, { force: true });
  const begin = performance.now();
  const child = spawn(command, args, { stdio: 'ignore', timeout: LIMIT_MS });
  let peak = 0;
  const look = () => (peak = Math.max(peak, peakOf(child.pid)));
  const timer = setInterval(look, 5);
  const [code, seconds] = await new Promise<[number | null, number]>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status) => resolve([status, (performance.now() - begin) / 1000]));
  }).finally(() => clearInterval(timer));
  if (code !== 0) return null;
  const lines = readFileSync(output, 'utf8').trim().split('\n');
  const text = lines
    .map((line) => line.trim())
    .sort()
    .join('\n');
  return { seconds, peak_mib: peak, closed: lines.length, hash: createHash('sha256').update(text).digest('hex') };
}

/** MiB. The high-water mark only grows, so the last look before the end is the peak but for the last milliseconds. */
function peakOf(pid: number | undefined): number {
  try {
    const [, kib] = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function ours(input: string, support: number, threads?: number): Promise<Trial | null> {
  const output = join(folder, 'ours.out');
  const args = [MAIN, 'mine', '--spmf', input, '--min-support', String(support), '--max-gap', 'inf', '--out', output];
  return trial(process.execPath, threads === undefined ? args : [...args, '--threads', String(threads)], output);
}

function peer(input: string, support: number, heap: number): Promise<Trial | null> {
  const output = join(folder, 'peer.out');
  const fill: Record<string, string> = { input, output, support: String(support), heap: String(heap) };
  const [command, ...args] = values['peer-command']!.split(' ').map((word) =>
    word.replace(/\{(\w+)\}/g, (whole, name: string) => fill[name] ?? whole),
  );
  return trial(command!, args, output);
}

/** The smallest heap, to an eighth, with which the peer finishes, and its peak memory with that. */
async function smallestHeap(input: string, support: number): Promise<{ heap_mib: number; peak_mib: number }> {
  let [low, high] = [0, 8];
  let best = await peer(input, support, high);
  while (best === null) {
    [low, high] = [high, 2 * high];
    best = await peer(input, support, high);
  }
  while (high - low > Math.max(1, high / 8)) {
    const middle = Math.round((low + high) / 2);
    const found = await peer(input, support, middle);
    if (found === null) low = middle;
    else [high, best] = [middle, found];
  }
  return { heap_mib: high, peak_mib: Math.round(best.peak_mib) };
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[(list.length - 1) >> 1]!;

function summary(trials: readonly Trial[]): Record<string, unknown> {
  return {
    seconds: Number(median(trials.map(({ seconds }) => seconds)).toFixed(3)),
    peak_mib: Math.round(Math.max(...trials.map(({ peak_mib }) => peak_mib))),
    trials_s: trials.map(({ seconds }) => Number(seconds.toFixed(3))),
  };
}

type Rows = string[][];

function readRows(name: string): Rows {
  const lines = readFileSync(join(data!, `${name}.txt`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) =>
    line
      .trim()
      .split(/\s+/)
      .filter((word) => !word.startsWith('-')),
  );
}

function writeRows(name: string, rows: Rows): string {
  const path = join(folder, `${name}.spmf`);
  writeFileSync(path, rows.map((row) => `${row.map((item) => `${item} -1 `).join('')}-2\n`).join(''));
  return path;
}

const only = values.only?.split(',');
const chosen = JOBS.filter(([name]) => only === undefined || only.includes(name));

async function compare(rounds: number): Promise<unknown[]> {
  const jobs = chosen.map(([name, support, closed]) => {
    const contestants: [string, () => Promise<Trial | null>][] = [
      ['ours', () => ours(input, support)],
      ['ours, one thread', () => ours(input, support, 1)],
    ];
    if (values['peer-command'] !== undefined) contestants.push(['peer', () => peer(input, support, WIDE_HEAP)]);
    const input = writeRows(name, readRows(name));
    return { name, input, support, closed, contestants, trials: new Map<string, Trial[]>() };
  });
  for (let round = 1; round <= rounds; round++) {
    for (const { name, closed, contestants, trials } of jobs) {
      for (const [who, run] of contestants) {
        const result = await run();
        if (result === null || result.closed !== closed)
          throw new Error(`${who} on ${name}: expected ${closed} patterns, came ${result?.closed ?? 'none'}`);
        trials.set(who, [...(trials.get(who) ?? []), result]);
        console.error(
          `round ${round}: ${name}: ${who}: ${result.seconds.toFixed(2)} s, ${Math.round(result.peak_mib)} MiB`,
        );
      }
    }
  }
  const results = [];
  for (const { name, support, closed, trials } of jobs) {
    const hashes = new Set([...trials.values()].flat().map(({ hash }) => hash));
    results.push({
      name,
      support,
      closed,
      ...(hashes.size === 0 ? {} : { same_output: hashes.size === 1 }),
      ...Object.fromEntries([...trials].map(([who, list]) => [who, summary(list)])),
    });
  }
  return results;
}

async function smallestHeaps(): Promise<unknown[]> {
  const results = [];
  for (const [name, support] of chosen) {
    const result = { name, support, ...(await smallestHeap(writeRows(name, readRows(name)), support)) };
    console.error(`${name}: peer: finishes with a heap of ${result.heap_mib} MiB, peak ${result.peak_mib} MiB`);
    results.push(result);
  }
  return results;
}

/** One trial for each point: what grows, by how much. */
async function sweep(): Promise<unknown[]> {
  const points: unknown[] = [];
  const measure = async (what: string, name: string, rows: Rows, support: number) => {
    const result = await ours(writeRows('sweep', rows), support, 1);
    if (result === null) throw new Error(`${what}: failed`);
    const items = rows.reduce((sum, row) => sum + row.length, 0);
    const { seconds, closed, peak_mib } = result;
    const point = { what, name, sequences: rows.length, items, support, closed, seconds, peak_mib };
    points.push({ ...point, seconds: Number(seconds.toFixed(3)), peak_mib: Math.round(peak_mib) });
    console.error(
      `${what}: ${name}: ${rows.length} sequences, ${items} items, support ${support}: ${seconds.toFixed(2)} s, ${closed} closed`,
    );
  };
  const leviathan = readRows('LEVIATHAN');
  for (const support of [936, 468, 234, 117, 58]) await measure('support', 'LEVIATHAN', leviathan, support);
  for (const copies of [1, 2, 4, 8]) {
    const rows = Array.from({ length: copies }, () => leviathan).flat();
    await measure('sequences, copied', 'LEVIATHAN', rows, 117 * copies);
  }
  // Neighbours joined: fewer and longer sequences of the same items.
  for (const joined of [1, 2, 4]) {
    const rows = Array.from({ length: Math.ceil(leviathan.length / joined) }, (_, i) =>
      leviathan.slice(i * joined, (i + 1) * joined).flat(),
    );
    await measure('length, neighbours joined', 'LEVIATHAN', rows, Math.round(0.35 * rows.length));
  }
  return points;
}

const report = {
  what: `closed sequential patterns without gap limits, ${basename(MAIN)} mine --spmf, wall time of fresh processes; medians of ${values.rounds}`,
  ...provenance('mining-speed'),
  results: await compare(Number(values.rounds)),
  ...(values.sweep ? { sweep: await sweep() } : {}),
  ...(values.heaps && values['peer-command'] !== undefined ? { peer_smallest: await smallestHeaps() } : {}),
};
writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`);
