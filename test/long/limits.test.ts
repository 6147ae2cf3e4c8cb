/** Half a processor and 300 MB for real: control groups of the kernel around the command line (RELIABILITY 34, G13). */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Encoder } from '../../lib/model/encoder.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { binding } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { jsonl, MAIN, oddRows, type Row } from '../cli/cli.js';
import { record } from '../helpers/results.js';
import { smallTokenizer } from '../helpers/small-tokenizer.js';
import { CONFIG } from '../process/tiny.js';
import { ControlGroup, type GroupLimits } from './control-group.js';
import type { Worked } from './work.js';

const RESULTS = 'reliability-process.json';
const WORK = fileURLToPath(new URL('./work.js', import.meta.url));
const MB = 1e6;

interface Outcome {
  /** Exit status, or the signal's name. */
  code: number | string | null;
  stdout: string;
  stderr: string;
}

function run(file: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, args, { maxBuffer: 64 * MB }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.signal ?? error.code ?? null) : 0, stdout, stderr }),
    );
  });
}

const node = (script: string, ...args: string[]): string[] => [process.execPath, script, ...args];

/** A group with these limits, removed after `work`; the test is skipped with the reason where none can be made. */
async function within<T>(
  test: Mocha.Context,
  limits: GroupLimits,
  work: (group: ControlGroup) => Promise<T>,
): Promise<T> {
  let group: ControlGroup;
  try {
    group = ControlGroup.make(limits);
  } catch (error) {
    test.test!.title += ` (skipped: no control group can be made: ${(error as Error).message})`;
    test.skip();
  }
  try {
    return await work(group);
  } finally {
    await group.remove();
  }
}

async function runIn(group: ControlGroup, command: readonly string[]): Promise<Outcome> {
  const { file, args } = group.wrap(command);
  return run(file, args);
}

async function work(outcome: Promise<Outcome>): Promise<Worked> {
  const { code, stdout, stderr } = await outcome;
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout) as Worked;
}

const perSecond = ({ jobs, processor }: Worked): number => jobs / processor;

describe('half a processor', function () {
  it('is one thread, which wastes nothing of its quota', async function () {
    await within(this, { cpus: 0.5 }, async (group) => {
      const free = await work(run(process.execPath, [WORK, '3', '1', '1']));
      const held = await work(runIn(group, node(WORK, '6')));
      const forced = await work(runIn(group, node(WORK, '6', '1', '2')));
      record(RESULTS, 'halfProcessor', { free, held, forced, throttledPeriods: group.throttled() });
      expect(held.threads).to.equal(1);
      expect(held.processor / held.seconds).to.be.lessThan(0.6);
      // Often, where nothing else has the processors.
      expect(group.throttled()).to.be.greaterThan(0);
      // Work per second of processor time: what is not spun away.
      expect(perSecond(held) / perSecond(free)).to.be.greaterThan(0.8);
      expect(perSecond(forced) / perSecond(free)).to.be.greaterThan(0.7);
      for (const { idle } of [free, held, forced]) expect(idle).to.be.lessThan(0.1);
    });
  });

  it('is what doctor says', async function () {
    await within(this, { cpus: 0.5 }, async (group) => {
      const { code, stdout, stderr } = await runIn(group, node(MAIN, 'doctor'));
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(/threads +1 by default \(\d+ processors, \d+ allowed, quota 0\.50\)\n +less than one/);
    });
  });
});

describe('two devices in a process', () => {
  it('waste nothing on each other: as much gets done for the same processor time', async () => {
    const one = await work(run(process.execPath, [WORK, '4', '1']));
    const two = await work(run(process.execPath, [WORK, '4', '2']));
    record(RESULTS, 'twoDevices', { one, two });
    expect(two.threads).to.equal(one.threads);
    expect(perSecond(two) / perSecond(one)).to.be.greaterThan(0.8);
    expect(two.idle).to.be.lessThan(0.1);
  });
});

/** A folder as large as MiniLM-L6: 22.7 million random weights, 30,522 entries, 90 MB. */
async function largeModel(folder: string): Promise<void> {
  const json = JSON.parse(JSON.stringify(smallTokenizer().json)) as { model: { vocab: Record<string, number> } };
  const { vocab } = json.model;
  for (let id = Object.keys(vocab).length; id < 30_522; ++id) vocab[`filler${id}`] = id;
  const tokenizer = Tokenizer.fromJson(json);
  const device = Device.open();
  const size = { layers: 6, hidden: 384, heads: 12, kvHeads: 12, headWidth: 32, feedForward: 1536, positions: 512 };
  const config = { ...CONFIG, ...size, vocabulary: 30_522, classes: 2 };
  const encoder = await Encoder.random(device, config, { seed: 1 });
  await encoder.save(folder, { labels: ['no', 'yes'] });
  for (const [name, text] of Object.entries(tokenizer.files(128))) writeFileSync(join(folder, name), text);
  encoder.close();
  device.close();
}

describe('little memory', function () {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const rows: Row[] = [];

  before(async () => {
    binding();
    folder = mkdtempSync(join(tmpdir(), 'adaptune-limits-'));
    mkdirSync(at('minilm'));
    await largeModel(at('minilm'));
    rows.push(...(await oddRows(128, 1)));
    writeFileSync(at('train.jsonl'), jsonl(rows));
    writeFileSync(at('validation.jsonl'), jsonl(rows.slice(0, 32)));
  });
  after(() => rmSync(folder, { recursive: true }));

  const train = (method: string, out: string) =>
    node(MAIN, 'train', '--method', method, '--model', at('minilm'), '--out', at(out)).concat(
      ['--train', at('train.jsonl'), '--validation', at('validation.jsonl')],
      ['--epochs', '1', '--min-uses', '2', '--min-support', '2'],
    );

  it('of 300 MB: full finetuning of a MiniLM is refused with what it needs, before anything is lost', async function () {
    await within(this, { memory: 300 * MB }, async (group) => {
      const { code, stderr } = await runIn(group, train('full', 'refused'));
      record(RESULTS, 'full300', { code, message: stderr.trim().split('\n').at(-1), peak: group.peakMemory() });
      expect(group.kills(), stderr).to.equal(0);
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(/^adaptune: E_MEMORY: [^\n]*MiB[^\n]*$/m);
    });
  });

  it('of 300 MB is what doctor says', async function () {
    await within(this, { memory: 300 * MB }, async (group) => {
      const { code, stdout } = await runIn(group, node(MAIN, 'doctor'));
      expect(code).to.equal(0);
      expect(stdout).to.match(
        /^note +memory +286 MiB \(container limit\)\n +enough to predict; to finetune MiniLM lower/m,
      );
    });
  });

  it('of any amount: a run ends well or with E_MEMORY, never by the kernel', async function () {
    const outcomes: object[] = [];
    const killed: object[] = [];
    for (const method of ['full', 'adapt', 'frozen'])
      for (const limit of [250, 300, 400, 600, 900, 1300]) {
        const one = await within(this, { memory: limit * MB }, async (group) => {
          const { code, stderr } = await runIn(group, train(method, `${method}-${limit}`));
          const error = /E_[A-Z_]+/.exec(stderr)?.[0] ?? null;
          return { method, limit, code, error, peak: group.peakMemory(), kills: group.kills(), stderr };
        });
        const { stderr, ...figures } = one;
        outcomes.push(figures);
        const well = one.code === 0 || (one.code === 1 && one.error === 'E_MEMORY');
        if (!well || one.kills > 0) killed.push({ ...figures, stderr: stderr.slice(-500) });
        if (one.code === 0) break; // what fits, fits into more
      }
    record(RESULTS, 'memory', { outcomes });
    expect(killed).to.deep.equal([]);
    expect(outcomes.map((one) => (one as { code: unknown }).code)).to.include.members([0, 1]);
  });
});
