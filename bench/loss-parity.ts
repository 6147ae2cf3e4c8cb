/**
 * Do our steps on real texts give PyTorch's losses and predictions? One epoch, dropout 0, the same batches, the same head.
 *
 * usage: node dist/bench/loss-parity.js --model DIR --data DIR --peer-command 'PYTHON bench/peers/loss_parity.py' --out FILE
 *        [--methods full,adapt] [--steps N] [--seed 1] [--keep DIR]
 *
 * DIR of --data holds train.jsonl, validation.jsonl, test.jsonl. Ours is the loop of the training job with the default
 * options, without new tokens. An exchange folder tells the peer what it needs: `exchange.json` (token ids, batches,
 * labels, plan, hyper-parameters) and `head.safetensors` (pooler and classifier before the first step); the encoder it
 * takes from the model's own folder. It runs twice, the second time with other padding and one thread: the distance
 * between the two is what rounding alone makes of 100 steps. Exits 1 when the losses of the first 50 steps differ by
 * more than 1e-3, or fewer than 99 % of the predictions agree and fewer than PyTorch's own two. --steps stops all of them
 * after N steps of the epoch.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { packBatch } from '../lib/model/batching.js';
import { Encoder } from '../lib/model/encoder.js';
import { forwardAll } from '../lib/model/inference.js';
import { encodeSafetensors } from '../lib/model/safetensors.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import type { PackedBatch } from '../lib/native/binding.js';
import { Device } from '../lib/native/device.js';
import type { Plan } from '../lib/select/plan.js';
import { TrainBatches } from '../lib/train/batches.js';
import type { EncodedPart } from '../lib/train/evaluate.js';
import { finetune } from '../lib/train/finetune.js';
import { readInputs, type Part } from '../lib/train/inputs.js';
import { argmaxRows, classificationMetrics } from '../lib/train/metrics.js';
import { resolveTrainOptions, type ResolvedOptions } from '../lib/train/options.js';
import { fitHeadStage, headTensors, planOf, selectStage, type Planning } from '../lib/train/planning.js';
import { Run } from '../lib/train/run.js';
import { newProgress } from '../lib/train/state.js';
import { Trainer } from '../lib/train/trainer.js';
import { makeDirectory, writeAtomic } from '../lib/util/files.js';
import { provenance } from './provenance.js';

/** Steps whose losses must agree, and how well. */
const STEPS = 50;
const LOSS_TOLERANCE = 1e-3;
const AGREEMENT = 0.99;
const PEER_RUNS = { pytorch: [], pytorch_again: ['--threads', '1', '--pad-to', '32'] };

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    out: { type: 'string' },
    'peer-command': { type: 'string' },
    methods: { type: 'string', default: 'full,adapt' },
    steps: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
const { model, data, out, 'peer-command': peerCommand } = values;
if (!model || !data || !out || !peerCommand) {
  throw new Error('expected --model DIR --data DIR --peer-command COMMAND --out FILE');
}

/** What ours and the peer return alike. */
interface Outcome {
  losses: number[];
  predictions: number[];
  train_s: number;
}

const plain = ({ ids, offsets }: PackedBatch) => ({ ids: [...ids], offsets: [...offsets] });

async function writeExchange(
  folder: string,
  encoder: Encoder,
  plan: Plan,
  batches: TrainBatches,
  test: EncodedPart,
  options: ResolvedOptions,
): Promise<void> {
  const steps = batches.perEpoch * options.epochs;
  const exchange = {
    classes: encoder.config.classes,
    plan: { layers: plan.layers, embeddings: plan.embeddings },
    rates: plan.rates,
    warmup: options.warmup,
    weightDecay: options.weightDecay,
    clip: options.clip,
    batches: Array.from({ length: steps }, (_, step) => {
      const { batch, labels } = batches.at(step);
      return { ...plain(batch), labels: [...labels] };
    }),
    test: plain(packBatch(test.encodings, [...test.encodings.keys()])),
  };
  await makeDirectory(folder);
  await writeAtomic(join(folder, 'exchange.json'), JSON.stringify(exchange));
  await writeAtomic(join(folder, 'head.safetensors'), encodeSafetensors(headTensors(encoder)));
}

async function ours(method: 'full' | 'adapt', folder: string) {
  const file = (name: string) => join(data!, `${name}.jsonl`);
  const options = resolveTrainOptions({
    model: model!,
    train: file('train'),
    validation: file('validation'),
    test: file('test'),
    out: folder,
    method,
    newTokens: 0,
    dropout: 0,
    epochs: 1,
    seed: Number(values.seed),
  });
  const inputs = await readInputs(options);
  const tokenizer = await Tokenizer.load(model!);
  const encode = async ({ texts, labels }: Part): Promise<EncodedPart> => ({
    encodings: await tokenizer.encode(texts, { maxLength: options.maxLength }),
    labels,
  });
  const [train, validation, test] = [
    await encode(inputs.train),
    await encode(inputs.validation),
    await encode(inputs.test!),
  ];

  await using device = Device.open();
  await using encoder = await Encoder.load(device, model!, {
    classes: inputs.labels.length,
    seed: options.seed,
    dropout: 0,
  });
  const losses: number[] = [];
  const stop = new AbortController();
  const onProgress: Run['hooks']['onProgress'] = ({ stage, loss }) => {
    if (stage === 'units' && losses.push(loss!) === Number(values.steps)) stop.abort();
  };
  const run = new Run({ onProgress, signal: stop.signal }, newProgress());
  const batches = new TrainBatches(train.encodings, train.labels, options);
  const planning: Planning = { run, encoder, train, options, newRowsFirst: -1, steps: batches.perEpoch };
  if (method === 'adapt') await fitHeadStage(planning);
  const plan = planOf(planning, (await selectStage(planning)).selection);
  await writeExchange(folder, encoder, plan, batches, test, options);
  const trainer = new Trainer(encoder, plan);
  const { labels } = inputs;
  const save = () => Promise.resolve(true);
  const job = {
    run,
    encoder,
    trainer,
    plan,
    batches,
    validation,
    labels,
    options,
    step: 0,
    until: planning.steps,
    save,
  };
  await finetune(job).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  trainer.close();
  const predictions = argmaxRows(await forwardAll(encoder, test.encodings, 'logits'), labels.length);
  const outcome: Outcome = { losses, predictions: [...predictions], train_s: run.progress.trainSeconds };
  return { outcome, plan, labels, gold: test.labels };
}

function peer(folder: string, extra: readonly string[]): Outcome & Record<string, unknown> {
  const [command, ...rest] = peerCommand!.split(' ');
  const { status, stdout, stderr } = spawnSync(command!, [...rest, model!, folder, '--steps', values.steps, ...extra], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`the peer ended with ${status}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Outcome & Record<string, unknown>;
}

/** Largest |a - b| / |b| of the first `steps` losses. */
const lossDistance = (a: Outcome, b: Outcome, steps: number) =>
  Math.max(...b.losses.slice(0, steps).map((loss, step) => Math.abs(a.losses[step]! - loss) / Math.abs(loss)));
const agreement = (a: Outcome, b: Outcome) =>
  b.predictions.filter((label, row) => label === a.predictions[row]).length / b.predictions.length;
const digits = (value: number, n = 4) => Number(value.toPrecision(n));

const work = values.keep ?? mkdtempSync(join(tmpdir(), 'adaptune-loss-parity-'));
const report: Record<string, unknown> = {
  what: `losses and test predictions of ${basename(model)} on ${basename(data)} beside PyTorch, one epoch, dropout 0, the same batches and initial head`,
  ...provenance('loss-parity'),
};
let failed = false;
for (const method of values.methods.split(',') as ('full' | 'adapt')[]) {
  const folder = join(work, method);
  console.error(`${method}: ours`);
  const { outcome, plan, labels, gold } = await ours(method, folder);
  const peers = Object.entries(PEER_RUNS).map(([name, extra]) => {
    console.error(`${method}: ${name}`);
    return [name, peer(folder, extra)] as const;
  });
  const [one, other] = [peers[0]![1], peers[1]![1]];
  const runs = [['ours', outcome], ...peers] as const;
  const compare = (a: Outcome, b: Outcome) => ({
    losses_50_steps: digits(lossDistance(a, b, STEPS)),
    losses_all_steps: digits(lossDistance(a, b, b.losses.length)),
    test_agreement: digits(agreement(a, b)),
  });
  const [distance, between] = [compare(outcome, one), compare(other, one)];
  failed ||=
    distance.losses_50_steps > LOSS_TOLERANCE || distance.test_agreement < Math.min(AGREEMENT, between.test_agreement);
  report[method] = {
    steps: outcome.losses.length,
    trainable: plan.counts.trainable,
    ours_to_pytorch: distance,
    pytorch_to_pytorch_again: between,
    runs: runs.map(([name, { losses, predictions, train_s, ...rest }]) => ({
      name,
      ...rest,
      test_macro_f1: digits(classificationMetrics(gold, Int32Array.from(predictions), labels).macroF1),
      train_s: digits(train_s),
      losses: losses.map((loss) => digits(loss, 7)),
    })),
  };
  console.log(JSON.stringify({ method, ours_to_pytorch: distance, pytorch_to_pytorch_again: between }));
  writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`);
}
if (!values.keep) rmSync(work, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;
