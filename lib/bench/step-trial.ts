/** One trial of training steps or inference batches, in the process that calls it. */
import { packBatch } from '../model/batching.js';
import { Encoder } from '../model/encoder.js';
import type { EncoderConfig } from '../native/binding.js';
import { Device } from '../native/device.js';
import { forwardFlops, predictCost } from '../select/cost.js';
import { floorOf, type LayerSelection, selectUnits, wholeSelection } from '../select/units.js';
import { TrainBatches } from '../train/batches.js';
import { TRAIN_OPTIONS } from '../train/options.js';
import { prefixBytes } from '../train/prefix-cache.js';
import { bertConfig } from '../train/scratch.js';
import { Trainer } from '../train/trainer.js';
import { Words } from '../util/philox.js';
import { floats } from './kernel-cases.js';
import { multiplyAddPeak } from './kernel-trial.js';
import { encodingsOf, type LengthSpec } from './lengths.js';
import type { Trial } from './report.js';
import { type ShapeName, SHAPES } from './settings.js';
import { median } from './statistics.js';

/**
 * `adapt` trains a tenth of the layers' matrix weights; which units decides nothing but the lowest layer. `cached`: steps on
 * texts whose states at that layer are kept, as in every epoch after the first. `lora`: adapters as in training by default.
 */
export const METHODS = [
  'full',
  'adapt',
  'adapt, upper half',
  'adapt, upper half, cached',
  'adapt, upper third',
  'adapt, upper third, cached',
  'lora',
  'frozen',
] as const;
export type Method = (typeof METHODS)[number];
const isCached = (method: Method) => method.endsWith(', cached');

export interface StepTrialSpec {
  method: Method | 'infer';
  shape: ShapeName;
  lengths: LengthSpec;
  /** Folder of the tokenizer, for lengths of data. */
  model: string | null;
  batch: number;
  steps: number;
  threads: number;
}

const BUDGET = 0.1;
const { loraR, loraAlpha, loraDropout, loraTargets } = TRAIN_OPTIONS;
const LORA = {
  rank: loraR.default,
  alpha: loraAlpha.default,
  dropout: loraDropout.default,
  targets: loraTargets.default,
};
const CLASSES = 7;
const WARM_UP = 2;
/** Seconds for the multiply-adds, before and after the steps. */
const PEAK_BUDGET = 0.05;

export function configOf(shape: ShapeName): EncoderConfig {
  const [layers, hidden, heads] = SHAPES[shape];
  return bertConfig({ layers, hidden, heads }, 30522, CLASSES);
}

function selection(config: EncoderConfig, method: Method): LayerSelection[] {
  if (method === 'full' || method === 'lora' || method === 'frozen') return wholeSelection(config, method === 'full');
  const random = (n: number, layer: number, site: number) => {
    const words = new Words({ seed: 1, stream: 'sample', step: layer, site });
    return Float64Array.from({ length: n }, (_, i) => words.uniform(i));
  };
  const scores = Array.from({ length: config.layers }, (_, layer) => ({
    groups: random(config.kvHeads, layer, 0),
    neurons: random(config.feedForward, layer, 1),
  }));
  const share = method === 'adapt' ? 0 : method.startsWith('adapt, upper half') ? 1 / 2 : 2 / 3;
  return selectUnits(config, scores, { budget: BUDGET, spread: 'layer', floor: Math.round(share * config.layers) });
}

/** Numbers drawn at once: what a trial holds besides its steps would count in its peak. */
const DRAWN = 2 ** 20;

/** Values do not decide the time of a step, and a normal distribution takes longer to draw than the trial. */
async function randomWeights(encoder: Encoder): Promise<void> {
  for (const { name, shape } of encoder.parameters()) {
    const [rows, cols] = shape.length === 2 ? [shape[0]!, shape[1]!] : [1, shape[0]!];
    const most = Math.max(1, Math.floor(DRAWN / cols));
    for (let row = 0; row < rows; row += most) {
      const values = floats(Math.min(most, rows - row) * cols).map((x) => 0.035 * x);
      await encoder.set(name, name.endsWith('LayerNorm.weight') ? values.fill(1) : values, row);
    }
  }
}

export async function stepTrial(spec: StepTrialSpec): Promise<Trial> {
  const config = configOf(spec.shape);
  const encodings = await encodingsOf(spec.lengths, spec.batch * Math.max(32, spec.steps), spec.model);
  const labels = Int32Array.from(encodings, (_, i) => i % CLASSES);
  const batches = new TrainBatches(encodings, labels, { batch: spec.batch, seed: 1 });
  await using device = Device.open({ threads: spec.threads });
  await using encoder = Encoder.blank(device, config);
  await randomWeights(encoder);
  const work = spec.method === 'infer' ? inference(encoder, batches) : await training(encoder, batches, spec.method);
  const peaks = [await multiplyAddPeak(device, PEAK_BUDGET)];
  const filling = work.cachedCost ? await timed(work, spec.steps) : null;
  const seconds = await timed(work, spec.steps);
  const rows = Array.from(seconds, (_, i) => [...batches.rows(WARM_UP + i)]).flat();
  const lengths = rows.map((row) => encodings[row]!.ids.length);
  work.close();
  peaks.push(await multiplyAddPeak(device, PEAK_BUDGET));
  const whole = seconds.reduce((a, b) => a + b, 0);
  return {
    seconds: median(seconds),
    ...(filling && {
      three_epochs_seconds: (median(filling) + 2 * median(seconds)) / 3,
      three_epochs_cost: work.cachedCost!(lengths, 3),
    }),
    tokens_per_s: lengths.reduce((a, b) => a + b, 0) / whole,
    texts_per_s: lengths.length / whole,
    flops_per_s: work.flops(lengths) / whole,
    cost: work.cost(lengths),
    peak: median(peaks),
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
  };
}

/** Seconds of each step. Called a second time it takes the same steps again. */
async function timed(work: Work, steps: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let index = 0; index < WARM_UP + steps; index++) {
    const begin = performance.now();
    await work.step(index);
    if (index >= WARM_UP) seconds.push((performance.now() - begin) / 1000);
  }
  return seconds;
}

interface Work {
  step(index: number): Promise<unknown>;
  /** Of the layers' products and attention, for texts of these lengths. */
  flops(lengths: readonly number[]): number;
  /** Predicted, as a share of full finetuning; of inference a third. */
  cost(lengths: readonly number[]): number;
  /** The same, of a mean step of so many epochs; where states are kept. */
  cachedCost?(lengths: readonly number[], epochs: number): number;
  close(): void;
}

function inference(encoder: Encoder, batches: TrainBatches): Work {
  return {
    step: (index) => encoder.forward(packBatch(batches.encodings, batches.rows(index)), 'logits'),
    flops: (lengths) => forwardFlops(encoder.config, lengths),
    cost: () => 1 / 3,
    close: () => {},
  };
}

async function training(encoder: Encoder, batches: TrainBatches, method: Method): Promise<Work> {
  const { config } = encoder;
  const units = selection(config, method);
  const floor = floorOf(units);
  const lora = method === 'lora' ? LORA : null;
  const trainer = new Trainer(encoder, {
    layers: units.map((layer, l) => ({ ...layer, extras: l >= floor, ...(lora && { adapters: [...lora.targets] }) })),
    ...(lora && { lora }),
    embeddings: method === 'full',
    newRowsFirst: -1,
    head: true,
  });
  const lr = { units: 2e-5, head: 2e-5, rows: 0 };
  const prefixCache = isCached(method);
  const costOver = (lengths: readonly number[], epochs: number) => {
    const alone = { epochs, headFitTexts: 0, headFitPasses: 0, calibrationTexts: 0, tokenPhase: 0, prefixCache };
    return predictCost(config, units, { lengths, baseLengths: lengths, ...alone }, method === 'full', lora);
  };
  // Of a step that finds all states: what is computed once is nothing among so many epochs.
  const cost = (lengths: readonly number[]) => costOver(lengths, prefixCache ? Infinity : 1);
  if (prefixCache) {
    const plan = { floor, embeddings: false, phases: [] };
    const bytes = prefixBytes(config, plan, batches, { epochs: 2, steps: 0 });
    await trainer.keepPrefix(batches.encodings.length, bytes);
  }
  return {
    step: (index) => trainer.step(batches.at(index), { seed: 1, step: index, lr }),
    flops: (lengths) => 3 * forwardFlops(config, lengths) * cost(lengths),
    cost,
    ...(prefixCache && { cachedCost: costOver }),
    close: () => trainer.close(),
  };
}
