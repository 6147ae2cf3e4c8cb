/**
 * Predicted training cost of a selection as a fraction of full finetuning's on the same texts and epochs without new
 * tokens. METHOD.md 4:
 *
 *   cost = r [phi (F + B_all + W) + (1 - phi) (F + B_floor + W)] / 3F + (head fit + calibration) / full run
 *
 * F: the layers' forward FLOPs at the texts' real lengths, B: backward through activations, W: weight gradients of what
 * is selected. Embeddings, norms and the head are left out of F, B and W: below 1 % of a layer at usual sizes. r needs no
 * factor of its own: F of the numerator is taken at the merged lengths, 3F of the denominator at the base lengths.
 */
import { AdaptuneError } from '../errors.js';
import type { EncoderConfig } from '../native/binding.js';
import type { LayerScores } from './scores.js';
import {
  floorOf,
  groupWeights,
  layerWeights,
  NEURON_BLOCK,
  neuronWeights,
  selectionWeights,
  selectUnits,
} from './units.js';
import type { LayerSelection, SelectOptions } from './units.js';

/** What one run works through. */
export interface Workload {
  /** Tokens of each training text after merging, with specials, as it is trained on. */
  lengths: ArrayLike<number>;
  /** The same texts in base tokens, cut at the same maximum length. */
  baseLengths: ArrayLike<number>;
  epochs: number;
  /** Texts whose [CLS] features the head fit computes, and its passes over them; 0 without a head fit. */
  headFitTexts: number;
  headFitPasses: number;
  /** Texts of the calibration pass; 0 without one. */
  calibrationTexts: number;
  /** Share of the steps in which new rows train; 0 without new tokens. */
  tokenPhase: number;
}

/** FLOPs of one epoch. */
interface Flops {
  forward: number;
  /** Backward through the activations of layers `floor` and up, by floor: [layers + 1], 0 at `layers`. */
  backward: number[];
  /** The same down to the embeddings. */
  backwardAll: number;
  /** Weight gradient of one matrix weight. */
  perWeight: number;
}

/**
 * Per layer and text of L tokens: forward 2 L w + 4 L^2 A, backward 2 L w + 8 L^2 A, weight gradients 2 L w, with w the
 * layer's matrix weights and A = heads x head width. The lowest layer that trains does not need the gradient of its
 * input: Q, K and V's product is left out there.
 */
function flops(config: EncoderConfig, lengths: ArrayLike<number>): Flops {
  let tokens = 0;
  let squares = 0;
  for (let i = 0; i < lengths.length; i++) {
    tokens += lengths[i]!;
    squares += lengths[i]! ** 2;
  }
  const weights = layerWeights(config);
  const attention = 4 * squares * config.heads * config.headWidth;
  const layer = 2 * tokens * weights + 2 * attention;
  const inputOfQkv = 2 * tokens * (config.heads + 2 * config.kvHeads) * config.headWidth * config.hidden;
  const backward = Array.from({ length: config.layers }, (_, floor) => (config.layers - floor) * layer - inputOfQkv);
  return {
    forward: config.layers * (2 * tokens * weights + attention),
    backward: [...backward, 0],
    backwardAll: config.layers * layer,
    perWeight: 2 * tokens,
  };
}

/** cost(floor, selected matrix weights); `throughEmbeddings`: the embeddings train in every step (`full`). */
function costFunction(config: EncoderConfig, work: Workload, throughEmbeddings: boolean) {
  const own = flops(config, work.lengths);
  const full = 3 * flops(config, work.baseLengths).forward;
  const texts = Math.max(1, work.lengths.length);
  const headWeights = config.hidden * (config.hidden + config.classes);
  const headFit = (work.headFitTexts * own.forward) / texts + work.headFitTexts * work.headFitPasses * 6 * headWeights;
  const calibration = (work.calibrationTexts * 3 * own.forward) / texts;
  const once = (headFit + calibration) / (full * work.epochs);
  return (floor: number, weights: number): number => {
    const backward = throughEmbeddings
      ? own.backwardAll
      : work.tokenPhase * own.backwardAll + (1 - work.tokenPhase) * own.backward[floor]!;
    return (own.forward + backward + own.perWeight * weights) / full + once;
  };
}

export function predictCost(
  config: EncoderConfig,
  selection: readonly LayerSelection[],
  work: Workload,
  throughEmbeddings = false,
): number {
  return costFunction(config, work, throughEmbeddings)(floorOf(selection), selectionWeights(config, selection));
}

/** Sum over the selected units of score x matrix weights: filling by score is greedy for it. */
export function totalScore(
  config: EncoderConfig,
  scores: readonly LayerScores[],
  selection: readonly LayerSelection[],
): number {
  let total = 0;
  for (const [l, layer] of selection.entries()) {
    for (const unit of layer.groups) total += scores[l]!.groups[unit]! * groupWeights(config);
    for (const unit of layer.neurons) total += scores[l]!.neurons[unit]! * neuronWeights(config);
  }
  return total;
}

/**
 * Of the selections that fill the affordable budget above each depth floor, the one with the highest total score; equal
 * scores go to the lower floor. `budget` caps the selected weights besides.
 */
export function planForCost(
  config: EncoderConfig,
  scores: readonly LayerScores[],
  cost: number,
  work: Workload,
  options: { spread: SelectOptions['spread']; budget?: number },
): LayerSelection[] {
  if (!(cost > 0)) throw new AdaptuneError('E_ARGUMENT', `expected a cost above 0 but received ${cost}`);
  const costOf = costFunction(config, work, false);
  const total = config.layers * layerWeights(config);
  let best: LayerSelection[] | undefined;
  let bestScore = 0;
  for (let floor = 0; floor < config.layers; floor++) {
    const bare = costOf(floor, 0);
    const affordable = (cost - bare) / (costOf(floor, total) - bare);
    if (affordable <= 0) continue;
    const budget = Math.min(affordable, options.budget ?? 1, 1);
    const selection = selectUnits(config, scores, { budget, spread: options.spread, floor });
    const score = totalScore(config, scores, selection);
    if (score > bestScore) {
      best = selection;
      bestScore = score;
    }
  }
  if (best === undefined) {
    const smallest = Math.min(groupWeights(config), NEURON_BLOCK * neuronWeights(config));
    const minimum = costOf(config.layers - 1, smallest);
    if (cost >= minimum) {
      throw new AdaptuneError('E_ARGUMENT', `expected a budget that holds a unit but received ${options.budget}`);
    }
    throw new AdaptuneError(
      'E_COST_UNREACHABLE',
      `expected a cost of at least ${(Math.ceil(minimum * 1000) / 1000).toFixed(3)} of full finetuning ` +
        `(top layer only, token phase ${work.tokenPhase}) but received ${cost}`,
    );
  }
  return best;
}
