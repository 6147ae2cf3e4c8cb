/**
 * The plan file: what trains, in which phases, at which rates. Every method emits one, the trainer reads nothing else.
 */
import { AdaptuneError } from '../errors.js';
import type { AdapterSettings, AdapterTarget } from '../native/adapters.js';
import type { EncoderConfig } from '../native/binding.js';
import { predictCost } from './cost.js';
import type { Workload } from './cost.js';
import { methodOf, type Method } from './methods.js';
import { adapterWeights, floorOf, layerWeights, selectionWeights, wholeSelection } from './units.js';
import type { LayerSelection, LowRank } from './units.js';

export interface LayerPlan {
  /** Attention groups (a key/value head with its query heads), ascending. */
  groups: number[];
  /** Feed-forward neurons, ascending. */
  neurons: number[];
  /** All biases and both LayerNorms. */
  extras: boolean;
  /** Frozen matrices with a trained low-rank adapter, in the order of a pass; absent: none. */
  adapters?: AdapterTarget[] | undefined;
}

export interface Plan {
  version: 1;
  method: Method;
  layers: LayerPlan[];
  /** Of the layers' adapters; absent without any. */
  lora?: AdapterSettings | undefined;
  /** The lowest layer that trains; `layers.length` when none does. */
  floor: number;
  /** Word, position and type tables and the embedding LayerNorm train (`full` only). */
  embeddings: boolean;
  /** First new row of the word table, -1 without new tokens. */
  newRowsFirst: number;
  head: boolean;
  /** In order; new rows train in `tokens` only, all else in both. */
  phases: { name: 'tokens' | 'units'; steps: number }[];
  rates: { units: number; head: number; rows: number };
  /**
   * Parameters that train in any phase, of all; and matrix weights of the layers (what a budget counts), of all. Adapters
   * train as weights of the layers; they are not parameters of the saved model.
   */
  counts: { trainable: number; parameters: number; encoderTrainable: number; encoderParameters: number };
  /** Fraction of full finetuning's cost, METHOD.md 4. */
  predictedCost: number;
}

export interface PlanRequest {
  method: Method;
  /** The selected units, of a method that chooses among them. */
  selection?: readonly LayerSelection[];
  /** Of a method with adapters. */
  lora?: AdapterSettings & LowRank;
  /** Overrides what the method says: `full` with frozen embeddings. */
  embeddings?: boolean;
  /** First new row of the word table, -1 without new tokens. */
  newRowsFirst: number;
  /** Optimizer steps of the whole run. */
  steps: number;
  rates: Plan['rates'];
  /** Its `tokenPhase` decides the length of the token phase too. */
  work: Workload;
}

/** Does anything train besides the head and, in their phase, new rows? */
export const trainsEncoder = (plan: Pick<Plan, 'layers' | 'floor'>): boolean => plan.floor < plan.layers.length;

/** Learning rates by method and hidden size. METHOD.md 4. */
export function defaultRates(method: Method, hidden: number): Plan['rates'] {
  const { rate } = methodOf(method);
  const units = rate === null ? 0 : hidden >= 768 ? rate.large : rate.small;
  return { units, head: 1e-3, rows: 1e-3 };
}

/** Share of steps -> steps; the margin keeps .07 * 100 at 7. */
export function tokenPhaseSteps(steps: number, share: number): number {
  return Math.min(steps, Math.ceil(steps * share - 1e-9));
}

/** Steps of the token phase; 0 without new tokens. */
export const tokenStepsOf = ({ phases }: Pick<Plan, 'phases'>): number =>
  phases.find(({ name }) => name === 'tokens')?.steps ?? 0;

export function makePlan(config: EncoderConfig, request: PlanRequest): Plan {
  const method = methodOf(request.method);
  const selection =
    typeof method.units === 'string' ? wholeSelection(config, method.units === 'all') : request.selection;
  if (selection?.length !== config.layers) {
    throw new AdaptuneError(
      'E_INTERNAL',
      `expected the selected units of ${config.layers} layers but received ${selection?.length ?? 'none'}`,
    );
  }
  const lora = method.adapters ? request.lora : undefined;
  const floor = lora ? 0 : floorOf(selection);
  if (method.bounded && floor === config.layers) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      'expected a budget that holds a unit of a layer but no unit was selected: raise it, or use frozen',
    );
  }
  const embeddings = request.embeddings ?? method.embeddings;
  const { newRowsFirst } = request;
  const tokens = newRowsFirst < 0 ? 0 : tokenPhaseSteps(request.steps, request.work.tokenPhase);
  const phases: Plan['phases'] = [
    { name: 'tokens', steps: tokens },
    { name: 'units', steps: request.steps - tokens },
  ];
  const layers = selection.map(({ groups, neurons }, l) => {
    const extras = method.extras === 'from floor' ? l >= floor : groups.length + neurons.length > 0;
    return { groups, neurons, extras, ...(lora && { adapters: [...lora.targets] }) };
  });
  const work = { ...request.work, tokenPhase: request.steps > 0 ? tokens / request.steps : 0 };
  return {
    version: 1,
    method: request.method,
    layers,
    ...(lora && { lora: { rank: lora.rank, alpha: lora.alpha, dropout: lora.dropout } }),
    floor,
    embeddings,
    newRowsFirst,
    head: true,
    phases: phases.filter((phase) => phase.steps > 0),
    rates: request.rates,
    counts: count(config, layers, lora, embeddings, newRowsFirst),
    predictedCost: predictCost(config, selection, work, embeddings, lora ?? null),
  };
}

function count(
  config: EncoderConfig,
  plans: readonly LayerPlan[],
  lora: LowRank | undefined,
  embeddings: boolean,
  newRowsFirst: number,
): Plan['counts'] {
  const { hidden, layers } = config;
  // Biases of Q, K, V, O and the two FFN matrices; weight and bias of two LayerNorms.
  const extras = (config.heads + 2 * config.kvHeads) * config.headWidth + config.feedForward + 2 * hidden + 4 * hidden;
  const tables = (config.vocabulary + config.positions + config.types + 2) * hidden;
  const head = (hidden + 1) * hidden + (hidden + 1) * config.classes;
  const encoderTrainable = selectionWeights(config, plans) + (lora ? adapterWeights(config, lora) : 0);
  const trainedExtras = plans.filter((plan) => plan.extras).length * extras;
  const encoderParameters = layers * layerWeights(config);
  const rows = newRowsFirst < 0 ? 0 : (config.vocabulary - newRowsFirst) * hidden;
  return {
    trainable: encoderTrainable + trainedExtras + head + (embeddings ? tables : rows),
    parameters: encoderParameters + layers * extras + tables + head,
    encoderTrainable,
    encoderParameters,
  };
}
