/** Which units a budget buys. METHOD.md 4. */
import { AdaptuneError } from '../errors.js';
import type { AdapterTarget } from '../native/adapters.js';
import type { EncoderConfig } from '../native/binding.js';
import { UNIT_KINDS, type LayerScores, type UnitKind } from './scores.js';

/** The selected units of one layer, ascending. */
export interface LayerSelection {
  groups: number[];
  neurons: number[];
}

/** What is selected: single units, or modules, each all groups or all neurons of a layer. */
export type Granularity = 'unit' | 'module';

export interface SelectOptions {
  /** Default: unit. */
  granularity?: Granularity;
  /** Fraction of the layers' matrix weights (Q, K, V, O, FFN). */
  budget: number;
  /** layer: every layer at or above the floor gets an equal share; model: one list over those layers. */
  spread: 'layer' | 'model';
  /** No unit below this layer. */
  floor?: number;
}

/** Neurons are taken by the sixteen, the width that a vector kernel handles without a remainder. */
export const NEURON_BLOCK = 16;

/** Matrix weights of one attention group: its query heads' rows of Q and columns of O, its rows of K and V. */
export function groupWeights(config: EncoderConfig): number {
  const queryHeads = config.heads / config.kvHeads;
  return (2 * queryHeads + 2) * config.headWidth * config.hidden;
}

/** Matrix weights of one feed-forward neuron: its row of the first matrix and column of the second. */
export function neuronWeights(config: EncoderConfig): number {
  return 2 * config.hidden;
}

/** Matrix weights of one layer. */
export function layerWeights(config: EncoderConfig): number {
  return config.kvHeads * groupWeights(config) + config.feedForward * neuronWeights(config);
}

export function selectionWeights(config: EncoderConfig, selection: readonly LayerSelection[]): number {
  return selection.reduce(
    (sum, layer) => sum + layer.groups.length * groupWeights(config) + layer.neurons.length * neuronWeights(config),
    0,
  );
}

/** Low-rank adapters of the same matrices in every layer. */
export interface LowRank {
  rank: number;
  /** In the order of a pass. */
  targets: readonly AdapterTarget[];
}

/** Of the matrix that an adapter goes with: y [out] = W x [into]. */
export function adapterShape(config: EncoderConfig, target: AdapterTarget): { out: number; into: number } {
  const { hidden, heads, kvHeads, headWidth, feedForward } = config;
  const shapes: Record<AdapterTarget, [out: number, into: number]> = {
    query: [heads * headWidth, hidden],
    key: [kvHeads * headWidth, hidden],
    value: [kvHeads * headWidth, hidden],
    output: [hidden, heads * headWidth],
    up: [feedForward, hidden],
    down: [hidden, feedForward],
  };
  const [out, into] = shapes[target];
  return { out, into };
}

export function adapterWeights(config: EncoderConfig, { rank, targets }: LowRank): number {
  const shapes = targets.map((target) => adapterShape(config, target));
  return config.layers * rank * shapes.reduce((sum, { out, into }) => sum + out + into, 0);
}

/** Every unit of every layer, or of none. */
export function wholeSelection(config: EncoderConfig, selected: boolean): LayerSelection[] {
  const all = (n: number) => Array.from({ length: selected ? n : 0 }, (_, i) => i);
  return Array.from({ length: config.layers }, () => ({
    groups: all(config.kvHeads),
    neurons: all(config.feedForward),
  }));
}

/** The lowest layer with a selected unit; the number of layers when none is selected. */
export function floorOf(selection: readonly LayerSelection[]): number {
  const floor = selection.findIndex((layer) => layer.groups.length + layer.neurons.length > 0);
  return floor < 0 ? selection.length : floor;
}

/** The least budget that holds a group, a block of neurons, or a module: in each layer from the floor up, or in one. */
export function leastBudget(config: EncoderConfig, options: Omit<SelectOptions, 'budget'>): number {
  const { granularity, spread, floor = 0 } = options;
  const whole = granularity === 'module';
  const groups = whole ? config.kvHeads : 1;
  const neurons = whole ? config.feedForward : Math.min(NEURON_BLOCK, config.feedForward);
  const share = Math.min(groups * groupWeights(config), neurons * neuronWeights(config)) / layerWeights(config);
  return share * ((spread === 'layer' ? config.layers - floor : 1) / config.layers);
}

/** What is taken or skipped as a whole: one group, a layer's next sixteen neurons by score, or a module. */
interface Candidate {
  layer: number;
  kind: UnitKind;
  units: number[];
  score: number;
  weights: number;
}
/** The candidates of each layer in tie order. */
export type RankedUnits = readonly (readonly Candidate[])[];

/**
 * Fills the budget by score, skipping what does not fit. A block of neurons counts with its mean score; a layer's last
 * block may be smaller, so that budget 1 selects everything. Ties: lower layer, groups first, lower index.
 */
export function selectUnits(
  config: EncoderConfig,
  scores: readonly LayerScores[],
  options: SelectOptions,
): LayerSelection[] {
  return fillBudget(config, rankUnits(config, scores, options.granularity), options);
}

/** What `selectUnits` does before it knows a budget. Units of a module have one score. */
export function rankUnits(
  config: EncoderConfig,
  scores: readonly LayerScores[],
  granularity: Granularity = 'unit',
): RankedUnits {
  const of = granularity === 'module' ? modules : candidates;
  return scores.map((layer, index) => of(config, layer, index));
}

export function fillBudget(config: EncoderConfig, ranked: RankedUnits, options: SelectOptions): LayerSelection[] {
  const floor = options.floor ?? 0;
  if (!(options.budget >= 0 && options.budget <= 1)) {
    throw new AdaptuneError('E_ARGUMENT', `expected a budget from 0 to 1 but received ${options.budget}`);
  }
  if (!Number.isInteger(floor) || floor < 0 || floor >= config.layers) {
    throw new AdaptuneError('E_ARGUMENT', `expected a floor from 0 to ${config.layers - 1} but received ${floor}`);
  }
  const layers = ranked.slice(floor);
  const available = Math.floor(options.budget * config.layers * layerWeights(config));
  const selection = wholeSelection(config, false);
  if (options.spread === 'layer') {
    const share = Math.floor(available / layers.length);
    for (const list of layers) fill(list, share, selection);
  } else fill(layers.flat(), available, selection);
  return selection.map(ascending);
}

/** Selections of one candidate that holds at most `available` weights: any group, the best block of a layer, any module. */
export function singleCandidates(config: EncoderConfig, ranked: RankedUnits, available: number): LayerSelection[][] {
  return ranked.flatMap((list) => {
    const block = list.find((candidate) => candidate.kind === 'neurons');
    const fitting = list.filter((c) => c.weights <= available && (c.kind === 'groups' || c === block));
    return fitting.map((candidate) => {
      const selection = wholeSelection(config, false);
      selection[candidate.layer]![candidate.kind].push(...candidate.units);
      return selection.map(ascending);
    });
  });
}

function ascending({ groups, neurons }: LayerSelection): LayerSelection {
  return { groups: groups.toSorted((a, b) => a - b), neurons: neurons.toSorted((a, b) => a - b) };
}

function modules(config: EncoderConfig, scores: LayerScores, layer: number): Candidate[] {
  return UNIT_KINDS.map((kind) => {
    const units = Array.from(scores[kind].keys());
    const weights = units.length * (kind === 'groups' ? groupWeights(config) : neuronWeights(config));
    return { layer, kind, units, score: scores[kind][0]!, weights };
  });
}

function candidates(config: EncoderConfig, scores: LayerScores, layer: number): Candidate[] {
  const out: Candidate[] = Array.from(scores.groups, (score, group) => {
    return { layer, kind: 'groups' as const, units: [group], score, weights: groupWeights(config) };
  });
  const order = Array.from(scores.neurons.keys());
  order.sort((a, b) => scores.neurons[b]! - scores.neurons[a]! || a - b);
  let score = Infinity;
  for (let begin = 0; begin < order.length; begin += NEURON_BLOCK) {
    const units = order.slice(begin, begin + NEURON_BLOCK);
    // Blocks descend: rounding in the mean of equal scores must not put a smaller last block first.
    score = Math.min(score, units.reduce((sum, unit) => sum + scores.neurons[unit]!, 0) / units.length);
    out.push({ layer, kind: 'neurons', units, score, weights: units.length * neuronWeights(config) });
  }
  return out;
}

/** The sort is stable and the list comes in tie order. */
function fill(list: readonly Candidate[], available: number, selection: LayerSelection[]): void {
  let left = available;
  const closed = new Set<number>(); // layers whose next block did not fit: a smaller last one must not jump ahead
  for (const candidate of list.toSorted((a, b) => b.score - a.score)) {
    const neurons = candidate.kind === 'neurons';
    if (neurons && closed.has(candidate.layer)) continue;
    if (candidate.weights > left) {
      if (neurons) closed.add(candidate.layer);
      continue;
    }
    selection[candidate.layer]![candidate.kind].push(...candidate.units);
    left -= candidate.weights;
  }
}
