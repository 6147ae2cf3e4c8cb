/**
 * Predicted training cost of a selection as a fraction of full finetuning's on the same texts and epochs without new
 * tokens. METHOD.md 4:
 *
 *   cost = r [phi (F + B_all + W) + (1 - phi) (F' + B_floor + W)] / 3F + (head fit + calibration) / full run
 *
 * F: the layers' forward FLOPs at the texts' real lengths, B: backward through activations, W: weight gradients of what
 * is selected; full finetuning's F + B + W is 3F. Embeddings, norms and the head are left out of them: below 1 % of a
 * layer at usual sizes. F' is without the layers below the floor for texts whose states the prefix cache has: once behind
 * the token phase each text computes them. r needs no factor of its own: the numerator is taken at the merged lengths, 3F
 * at the base ones.
 *
 * Per layer, with T tokens in texts of L: products of w weights cost 2 T w in each of F, B and W; attention 4 A sum L^2 in
 * F and twice that in B, A = heads x head width. The engine carries the top layer on for [CLS] rows alone: there every
 * product but Q, K and V's has as many rows as there are texts. The floor's layer needs no gradient of its input. A
 * low-rank adapter of W [out, in] is r (in + out) more weights beside it.
 */
import { AdaptuneError } from '../errors.js';
import type { AdapterTarget } from '../native/adapters.js';
import type { EncoderConfig } from '../native/binding.js';
import type { LayerScores } from './scores.js';
import {
  adapterShape,
  fillBudget,
  floorOf,
  groupWeights,
  layerWeights,
  neuronWeights,
  rankUnits,
  singleCandidates,
} from './units.js';
import type { Granularity, LayerSelection, LowRank, RankedUnits, SelectOptions } from './units.js';

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
  /** Texts that calibration goes through, twice where units are chosen again; 0 without it. */
  calibrationTexts: number;
  /** Share of the steps in which new rows train; 0 without new tokens. */
  tokenPhase: number;
  /** Are the states of all texts at the floor kept? */
  prefixCache: boolean;
}

/** Sums over texts that FLOPs depend on. */
interface Volume {
  texts: number;
  tokens: number;
  /** Sum of squared lengths. */
  squares: number;
}

function volumeOf(lengths: ArrayLike<number>): Volume {
  const volume = { texts: lengths.length, tokens: 0, squares: 0 };
  for (let i = 0; i < lengths.length; i++) {
    volume.tokens += lengths[i]!;
    volume.squares += lengths[i]! ** 2;
  }
  return volume;
}

/** FLOPs of one pass of the texts through one layer, `rows` of which go through what follows attention. */
class LayerFlops {
  readonly #qkvOfGroup: number;
  readonly #outOfGroup: number;
  readonly #input: number;
  readonly #rest: number;
  readonly #attention: number;

  constructor(
    readonly config: EncoderConfig,
    readonly volume: Volume,
    readonly rows: number,
  ) {
    const width = (config.heads / config.kvHeads) * config.headWidth * config.hidden;
    this.#qkvOfGroup = width + 2 * config.headWidth * config.hidden;
    this.#outOfGroup = width;
    this.#input = 2 * volume.tokens * config.kvHeads * this.#qkvOfGroup;
    this.#rest = 2 * rows * (config.kvHeads * this.#outOfGroup + config.feedForward * neuronWeights(config));
    this.#attention = 4 * volume.squares * config.heads * config.headWidth;
  }

  get forward(): number {
    return this.#input + this.#rest + this.#attention;
  }

  backward(ofInput: boolean): number {
    return (ofInput ? this.#input : 0) + this.#rest + 2 * this.#attention;
  }

  weightGradients({ groups, neurons }: LayerSelection): number {
    const carried = groups.length * this.#outOfGroup + neurons.length * neuronWeights(this.config);
    return 2 * this.volume.tokens * groups.length * this.#qkvOfGroup + 2 * this.rows * carried;
  }

  /** Forward, backward and weight gradients. */
  adapters({ rank, targets }: LowRank, ofInput: boolean): number {
    return sum(
      targets.map((target) => {
        const { out, into } = adapterShape(this.config, target);
        const rows = OF_INPUT.has(target) ? this.volume.tokens : this.rows;
        const unneeded = OF_INPUT.has(target) && !ofInput ? into : 0;
        return 2 * rows * rank * (3 * (out + into) - unneeded);
      }),
    );
  }
}

/** What reads a layer's input; the others' inputs come to be inside the layer. */
const OF_INPUT: ReadonlySet<AdapterTarget> = new Set(['query', 'key', 'value']);

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

/** One layer after the other; `cut`: the top layer carries the [CLS] rows alone. */
function stack(config: EncoderConfig, volume: Volume, cut: boolean): LayerFlops[] {
  return Array.from({ length: config.layers }, (_, l) => {
    return new LayerFlops(config, volume, cut && l === config.layers - 1 ? volume.texts : volume.tokens);
  });
}

const forwardOf = (layers: LayerFlops[]) => sum(layers.map((layer) => layer.forward));

/** F: FLOPs of the layers' products and attention in one forward pass of texts of these lengths, for their [CLS] states. */
export function forwardFlops(config: EncoderConfig, lengths: ArrayLike<number>): number {
  return forwardOf(stack(config, volumeOf(lengths), true));
}

/** Fractions of full finetuning's cost, by what is done for it; `tokens` and `units` are the phases. */
export interface CostParts {
  headFit: number;
  calibration: number;
  tokens: number;
  units: number;
}

const totalCost = ({ headFit, calibration, tokens, units }: CostParts) => headFit + calibration + tokens + units;

/** cost(selection); `throughEmbeddings`: the embeddings train in every step (`full`); `lora`: adapters do, in every layer. */
function costFunction(config: EncoderConfig, work: Workload, throughEmbeddings: boolean, lora: LowRank | null = null) {
  const volume = volumeOf(work.lengths);
  const layers = stack(config, volume, true);
  const forward = forwardOf(layers);
  const backwardAll = sum(layers.map((layer) => layer.backward(true)));
  const full = 3 * forwardFlops(config, work.baseLengths);
  const texts = Math.max(1, volume.texts);
  const headFitPass = 6 * work.headFitTexts * config.hidden * (config.hidden + config.classes);
  const headFit = (work.headFitTexts / texts) * forward + work.headFitPasses * headFitPass;
  // Dispersion is of all positions: calibration carries every row through the top layer.
  const calibration = (work.calibrationTexts / texts) * 3 * forwardOf(stack(config, volume, false));
  const run = full * work.epochs;
  return (selection: readonly LayerSelection[]): CostParts => {
    const floor = lora ? 0 : floorOf(selection);
    const toFloor = sum(layers.slice(floor).map((layer, i) => layer.backward(i > 0)));
    // The embeddings' gradients go all the way down in the phase that has none of its own, too.
    const through = throughEmbeddings ? backwardAll : toFloor;
    const phi = work.tokenPhase;
    const weights = sum(layers.map((layer, l) => layer.weightGradients(selection[l]!)));
    const adapters = lora ? sum(layers.map((layer, l) => layer.adapters(lora, l > 0))) : 0;
    const found = work.prefixCache && !throughEmbeddings ? 1 - phi - Math.min(1 - phi, 1 / work.epochs) : 0;
    const kept = found * forwardOf(layers.slice(0, floor));
    const step = forward + weights + adapters;
    return {
      headFit: headFit / run,
      calibration: calibration / run,
      tokens: (phi * (step + backwardAll)) / full,
      units: ((1 - phi) * (step + through) - kept) / full,
    };
  };
}

export function predictCostParts(
  config: EncoderConfig,
  selection: readonly LayerSelection[],
  work: Workload,
  throughEmbeddings = false,
  lora: LowRank | null = null,
): CostParts {
  return costFunction(config, work, throughEmbeddings, lora)(selection);
}

export const predictCost = (...of: Parameters<typeof predictCostParts>): number => totalCost(predictCostParts(...of));

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

/** Halvings of the interval in which the largest affordable budget lies. */
const BISECTIONS = 16;

/**
 * Of the selections that fill the largest affordable budget above each depth floor from `floor` up, the one with the highest total
 * score; equal scores go to the lower floor. Where not even the first candidate by score is affordable, the best single
 * candidate that is. `budget` caps the selected weights besides.
 */
export function planForCost(
  config: EncoderConfig,
  scores: readonly LayerScores[],
  cost: number,
  work: Workload,
  options: Omit<SelectOptions, 'budget'> & { budget?: number },
): LayerSelection[] {
  if (!(cost > 0)) throw new AdaptuneError('E_ARGUMENT', `expected a cost above 0 but received ${cost}`);
  const cap = options.budget ?? 1;
  const costOf = costFunction(config, work, false);
  const ranked = rankUnits(config, scores, options.granularity);
  let best: LayerSelection[] | undefined;
  let bestScore = 0;
  const consider = (selection: LayerSelection[]): boolean => {
    if (totalCost(costOf(selection)) > cost) return false;
    const score = totalScore(config, scores, selection);
    if (score > bestScore) {
      best = selection;
      bestScore = score;
    }
    return true;
  };
  for (let floor = options.floor ?? 0; floor < config.layers; floor++) {
    let [low, high] = [0, cap];
    for (let budget = cap, i = 0; i <= BISECTIONS && low < high; i++, budget = (low + high) / 2) {
      const affordable = consider(fillBudget(config, ranked, { budget, spread: options.spread, floor }));
      if (affordable) low = budget;
      else high = budget;
    }
  }
  if (best !== undefined) return best;

  const singles = singlesWithin(config, ranked, cap).filter((single) => floorOf(single) >= (options.floor ?? 0));
  for (const single of singles) consider(single);
  if (best !== undefined) return best;
  throw unreachable(cost, Math.min(...singles.map((single) => totalCost(costOf(single)))), work);
}

function singlesWithin(config: EncoderConfig, ranked: RankedUnits, budget: number): LayerSelection[][] {
  const singles = singleCandidates(config, ranked, Math.floor(budget * config.layers * layerWeights(config)));
  if (singles.length > 0) return singles;
  throw new AdaptuneError('E_ARGUMENT', `expected a budget that holds a unit but received ${budget}`);
}

/** What the cheapest plan with a unit, or a module, costs. It needs no scores: those of one kind and layer cost the same. */
export function leastCost(config: EncoderConfig, work: Workload, granularity?: Granularity): number {
  const scores = Array.from({ length: config.layers }, () => ({
    groups: new Float64Array(config.kvHeads),
    neurons: new Float64Array(config.feedForward),
  }));
  const costOf = costFunction(config, work, false);
  const singles = singlesWithin(config, rankUnits(config, scores, granularity), 1);
  return Math.min(...singles.map((single) => totalCost(costOf(single))));
}

/** `least`: what is possible for `work`. */
export function unreachable(cost: number, least: number, work: Workload): AdaptuneError {
  return new AdaptuneError(
    'E_COST_UNREACHABLE',
    `expected a cost of at least ${(Math.ceil(least * 1000) / 1000).toFixed(3)} of full finetuning ` +
      `(${work.tokenPhase > 0 ? `token phase ${Number(work.tokenPhase.toFixed(3))}` : 'without new tokens'}) but received ${cost}`,
  );
}
