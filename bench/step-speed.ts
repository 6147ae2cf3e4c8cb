/**
 * Seconds of one training step and of one inference batch on real text lengths, ours beside PyTorch's.
 *
 * usage: node dist/bench/step-speed.js --model DIR --data DIR --out FILE [--rounds 3] [--steps 16] [--batch 32]
 *        [--peer-command 'PYTHON torch_step.py'] [--shape minilm]
 *
 * Every trial is a fresh process, and the trials of a round take turns, so that a slow minute hits all of them. Batches are
 * random texts of train.jsonl, cut at 128 tokens; ours has no padding, PyTorch pads to the longest text of a batch, once of
 * random batches and once of batches of similar length. Dropout is on. `adapt` trains a tenth of the layers' matrix
 * weights, chosen at random (which units they are decides nothing but the lowest layer): in all layers, and in the upper
 * half. The peer command is called as `... SHAPE full|infer --batch B --lengths data:NAME --steps N [--by-length]`.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packBatch } from '../lib/model/batching.js';
import { Encoder } from '../lib/model/encoder.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { Device } from '../lib/native/device.js';
import { floorOf, selectUnits, wholeSelection, type LayerSelection } from '../lib/select/units.js';
import { TrainBatches } from '../lib/train/batches.js';
import { labelIds, labelList } from '../lib/train/labels.js';
import { Trainer } from '../lib/train/trainer.js';
import { readTexts } from '../lib/util/data.js';
import { Words } from '../lib/util/philox.js';
import { provenance } from './provenance.js';

const BUDGET = 0.1;
const MAX_LENGTH = 128;
const WARM_UP = 3;
const TRIALS = ['full', 'adapt', 'adapt upper half', 'infer'] as const;
type TrialName = (typeof TRIALS)[number];
const PEER_METHODS = ['full', 'infer'];

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    out: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '16' },
    batch: { type: 'string', default: '32' },
    'peer-command': { type: 'string' },
    shape: { type: 'string', default: 'minilm' },
    trial: { type: 'string' },
  },
});
const { model, data } = values;
if (!model || !data) throw new Error('expected --model DIR --data DIR --out FILE');

interface Timing {
  /** Median. */
  step_s: number;
  /** Without padding. */
  tokens_per_s: number;
}

const median = (list: readonly number[]): number => {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
};

function selection(encoder: Encoder, name: TrialName): LayerSelection[] {
  const { config } = encoder;
  if (name === 'full') return wholeSelection(config, true);
  const random = (n: number, layer: number, site: number) => {
    const words = new Words({ seed: 1, stream: 'sample', step: layer, site });
    return Float64Array.from({ length: n }, (_, i) => words.uniform(i));
  };
  const scores = Array.from({ length: config.layers }, (_, layer) => ({
    groups: random(config.kvHeads, layer, 0),
    neurons: random(config.feedForward, layer, 1),
  }));
  const floor = name === 'adapt' ? 0 : config.layers / 2;
  return selectUnits(config, scores, { budget: BUDGET, spread: 'layer', floor });
}

/** One process' worth: some untimed steps, then `steps` timed ones. */
async function trial(name: TrialName): Promise<Timing> {
  const { texts, labels } = await readTexts(join(data!, 'train.jsonl'), { labels: 'required' });
  const list = labelList(labels!, 'train');
  const encodings = await (await Tokenizer.load(model!)).encode(texts, { maxLength: MAX_LENGTH });
  const batches = new TrainBatches(encodings, labelIds(labels!, list, 'the texts'), {
    batch: Number(values.batch),
    seed: 1,
  });
  await using device = Device.open();
  await using encoder = await Encoder.load(device, model!, { classes: list.length });
  let step: (index: number) => Promise<unknown>;
  let trainer: Trainer | null = null;
  if (name === 'infer') {
    step = (index) => encoder.forward(packBatch(encodings, batches.rows(index)), 'logits');
  } else {
    const units = selection(encoder, name);
    const floor = floorOf(units);
    const started = new Trainer(encoder, {
      layers: units.map((layer, l) => ({ ...layer, extras: l >= floor })),
      embeddings: name === 'full',
      newRowsFirst: -1,
      head: true,
    });
    trainer = started;
    const lr = { units: 2e-5, head: 2e-5, rows: 0 };
    step = (index) => started.step(batches.at(index), { seed: 1, step: index, lr });
  }
  const seconds: number[] = [];
  let tokens = 0;
  for (let index = 0; index < WARM_UP + Number(values.steps); index++) {
    const begin = performance.now();
    await step(index);
    if (index < WARM_UP) continue;
    seconds.push((performance.now() - begin) / 1000);
    for (const row of batches.rows(index)) tokens += encodings[row]!.ids.length;
  }
  trainer?.close();
  return { step_s: median(seconds), tokens_per_s: tokens / seconds.reduce((a, b) => a + b, 0) };
}

function child(command: string, args: readonly string[]): Timing & Record<string, unknown> {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Timing & Record<string, unknown>;
}

function compare(out: string): void {
  const [peer, ...peerArgs] = values['peer-command']?.split(' ') ?? [];
  const contestants = TRIALS.map((name) => ({
    name: `ours, ${name}`,
    run: () => child(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--trial', name]),
  }));
  for (const method of peer === undefined ? [] : PEER_METHODS) {
    for (const byLength of [false, true]) {
      const args = [...peerArgs, values.shape, method, '--batch', values.batch, '--steps', values.steps];
      args.push('--lengths', `data:${basename(data!)}`, ...(byLength ? ['--by-length'] : []));
      contestants.push({
        name: `pytorch, ${method}, ${byLength ? 'batches of similar length' : 'random batches'}`,
        run: () => child(peer!, args),
      });
    }
  }
  const results = new Map<string, (Timing & Record<string, unknown>)[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const { name, run } of contestants) {
      const result = run();
      results.get(name)!.push(result);
      console.error(`round ${round}: ${name}: ${Math.round(result.tokens_per_s)} tokens/s`);
    }
  }
  const report = {
    what: `one training step and one inference batch of ${values.batch} texts, ${basename(model!)} on the lengths of ${basename(data!)}; medians of ${values.rounds} processes`,
    ...provenance('step-speed'),
    runs: [...results].map(([name, list]) => ({
      name,
      step_s: Number(median(list.map(({ step_s }) => step_s)).toPrecision(4)),
      tokens_per_s: Math.round(median(list.map(({ tokens_per_s }) => tokens_per_s))),
      trials_tokens_per_s: list.map(({ tokens_per_s }) => Math.round(tokens_per_s)),
      ...(list[0]!['torch'] ? { torch: list[0]!['torch'], threads: list[0]!['threads'] } : {}),
    })),
  };
  writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`);
  console.log(JSON.stringify(report, null, 1));
}

if (values.trial) console.log(JSON.stringify(await trial(values.trial as TrialName)));
else if (values.out) compare(values.out);
else throw new Error('expected --out FILE');
