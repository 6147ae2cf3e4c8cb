/** The methods of finetuning: one row each, and nowhere else is a method asked for by name. */
import type { EncoderConfig } from '../native/binding.js';
import { planForCost, type Workload } from './cost.js';
import type { LayerScores, ScoreOptions } from './scores.js';
import { layerUnits, randomModules, randomUnits, sensitiveLayers, topLayers } from './baselines.js';
import { selectUnits, type Granularity, type LayerSelection, type SelectOptions } from './units.js';

/** What a selection depends on besides the model and the texts. */
export interface MethodOptions extends Omit<ScoreOptions, 'score'> {
  /** random: by lot, without a measurement. */
  score: ScoreOptions['score'] | 'random';
  /** What is selected by score, or at random: units, or whole modules. */
  granularity: Granularity;
  budget: number;
  cost: number | null;
  spread: SelectOptions['spread'];
  /** No unit below this layer. */
  floor: number;
  /** Whole layers; null: a third of them. */
  layers: number | null;
  layersBy: 'top' | 'sensitive';
  seed: number;
}

export interface Choosing {
  config: EncoderConfig;
  options: MethodOptions;
  /** Of every unit; by lot when the method does not measure any. */
  scores: readonly LayerScores[];
  work: Workload;
}

/** Peak learning rates of the encoder below hidden size 768 (docs/results.md), and from there on (METHOD.md 4). */
const SPARSE_RATE = { small: 2e-3, large: 3e-4 };
const ADAPTER_RATE = { small: 1e-3, large: 3e-4 };
const DENSE_RATE = { small: 2e-4, large: 5e-5 };

export interface MethodRow {
  /** Behind its name in `--help`. */
  summary: string;
  /** New tokens, unless told otherwise. */
  newTokens: 'auto' | 0;
  /** Pooler and classifier are fitted to the encoder as it is, before anything else trains. */
  headFit: boolean;
  /** The budget, or the cost asked for, bounds what is selected. */
  bounded: boolean;
  /** What decides among units, unless told otherwise. */
  score: MethodOptions['score'];
  /** Are the units' scores needed? Then calibration runs, and is part of the predicted cost. */
  measures: (options: Pick<MethodOptions, 'layersBy' | 'score'>) => boolean;
  /** The trained units are the ones with the highest scores: how steady they are is told. */
  followsScores: boolean;
  units: 'all' | 'none' | ((choosing: Choosing) => LayerSelection[]);
  /** Biases and LayerNorms train in every layer from the lowest one with a selected unit up, or only beside such units. */
  extras: 'from floor' | 'beside units';
  /** Frozen matrices get low-rank adapters, which train. */
  adapters: boolean;
  /** Word, position and type tables and their LayerNorm train. */
  embeddings: boolean;
  /** Of the encoder; null where it does not train. */
  rate: { small: number; large: number } | null;
}

const sensitiveUnits = ({ config, options, scores, work }: Choosing): LayerSelection[] =>
  options.cost === null
    ? selectUnits(config, scores, options)
    : planForCost(config, scores, options.cost, work, {
        granularity: options.granularity,
        spread: options.spread,
        floor: options.floor,
      });

function randomOnes(choosing: Choosing): LayerSelection[] {
  const { config, options } = choosing;
  const draw = options.granularity === 'module' ? randomModules : randomUnits;
  return draw(config, sensitiveUnits(choosing), options.seed);
}

const byMeasures = ({ score }: Pick<MethodOptions, 'score'>): boolean => score !== 'random';

export const METHODS = {
  adapt: {
    summary: 'new tokens and some units of every layer, chosen by --score',
    newTokens: 'auto',
    headFit: true,
    bounded: true,
    score: 'random',
    measures: byMeasures,
    followsScores: true,
    units: sensitiveUnits,
    extras: 'from floor',
    adapters: false,
    embeddings: false,
    rate: SPARSE_RATE,
  },
  random: {
    summary: 'like adapt, with random units: as many of each kind in each layer as adapt selects with this --score',
    newTokens: 'auto',
    headFit: true,
    bounded: true,
    // How many units of which layer adapt selects is known only from their scores.
    score: 'rank',
    measures: byMeasures,
    followsScores: false,
    units: randomOnes,
    extras: 'from floor',
    adapters: false,
    embeddings: false,
    rate: SPARSE_RATE,
  },
  layers: {
    summary: 'all of some layers',
    newTokens: 0,
    headFit: true,
    bounded: false,
    score: 'rank',
    measures: ({ layersBy, score }) => layersBy === 'sensitive' && byMeasures({ score }),
    followsScores: true,
    units: ({ config, options, scores }) => {
      const count = options.layers ?? defaultLayers(config);
      const chosen = options.layersBy === 'top' ? topLayers(config, count) : sensitiveLayers(config, scores, count);
      return layerUnits(config, chosen);
    },
    extras: 'beside units',
    adapters: false,
    embeddings: false,
    rate: DENSE_RATE,
  },
  lora: {
    summary: 'low-rank adapters, merged into the weights at the end',
    newTokens: 0,
    headFit: true,
    bounded: false,
    score: 'random',
    measures: () => false,
    followsScores: false,
    units: 'none',
    extras: 'beside units',
    adapters: true,
    embeddings: false,
    rate: ADAPTER_RATE,
  },
  full: {
    summary: 'every weight',
    newTokens: 0,
    headFit: true,
    bounded: false,
    score: 'random',
    measures: () => false,
    followsScores: false,
    units: 'all',
    extras: 'beside units',
    adapters: false,
    embeddings: true,
    rate: DENSE_RATE,
  },
  frozen: {
    summary: 'the head alone',
    newTokens: 0,
    headFit: false,
    bounded: false,
    score: 'random',
    measures: () => false,
    followsScores: false,
    units: 'none',
    extras: 'beside units',
    adapters: false,
    embeddings: false,
    rate: null,
  },
} satisfies Record<string, MethodRow>;

export type Method = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as Method[];

export const methodOf = (method: Method): MethodRow => METHODS[method];

/** Of `layers`, unless told otherwise. */
export const defaultLayers = (config: EncoderConfig): number => Math.max(1, Math.round(config.layers / 3));
