/**
 * The main job on real data beside PyTorch, one fresh process a run, one after another.
 *
 * usage: node dist/bench/finetune.js --model DIR --data DIR --out FILE [--methods adapt,full,frozen] [--seed 1]
 *        [--peer-command 'PYTHON torch_finetune.py'] [--keep DIR]
 *
 * DIR of --data holds train.jsonl, validation.jsonl, test.jsonl. The peer command is called as
 * `... MODEL DATA --method full --epochs 4 --lr 2e-4 --head-lr 1e-3 --seed S` and prints one JSON line.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provenance } from './provenance.js';

const cli = join(dirname(fileURLToPath(import.meta.url)), '../lib/cli/main.js');
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    out: { type: 'string' },
    methods: { type: 'string', default: 'adapt,full,frozen' },
    seed: { type: 'string', default: '1' },
    'peer-command': { type: 'string' },
    keep: { type: 'string' },
  },
});
const { model, data, out } = values;
if (!model || !data || !out) throw new Error('expected --model DIR --data DIR --out FILE');

const splits = ['train', 'validation', 'test'].flatMap((name) => [`--${name}`, join(data, `${name}.jsonl`)]);
const folderBytes = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, statSync(join(folder, entry.name)).size]),
  );

function run(name: string, command: string, args: string[]): Record<string, unknown> {
  console.error(`${name}: ${command} ${args.join(' ')}`);
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr.slice(-2000)}`);
  const line = stdout.trim().split('\n').at(-1)!;
  return { name, wall_s: (performance.now() - started) / 1000, ...(JSON.parse(line) as Record<string, unknown>) };
}

const work = values.keep ?? mkdtempSync(join(tmpdir(), 'adaptune-finetune-'));
const runs: Record<string, unknown>[] = [];
const save = () =>
  writeFileSync(
    out,
    `${JSON.stringify(
      {
        what: `finetuning ${basename(model)} on ${basename(data)}, one run a method at its default rates`,
        ...provenance('finetune'),
        runs,
      },
      null,
      1,
    )}\n`,
  );

for (const method of values.methods.split(',').filter((name) => name !== '')) {
  const folder = join(work, `${basename(data)}-${method}`);
  rmSync(folder, { recursive: true, force: true });
  const args = [
    cli,
    'train',
    '--model',
    model,
    ...splits,
    '--out',
    folder,
    '--method',
    method,
    '--seed',
    values.seed,
    '--json',
  ];
  runs.push({ ...run(method, process.execPath, args), files: folderBytes(folder) });
  save();
}
if (values['peer-command']) {
  const [command, ...rest] = values['peer-command'].split(' ');
  const args = [
    model,
    data,
    '--method',
    'full',
    '--epochs',
    '4',
    '--lr',
    '2e-4',
    '--head-lr',
    '1e-3',
    '--seed',
    values.seed,
  ];
  runs.push(run('pytorch full', command!, [...rest, ...args]));
  save();
}
if (!values.keep) rmSync(work, { recursive: true, force: true });
