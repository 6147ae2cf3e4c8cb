/**
 * What the report of a training run is made of: `adaptune.json`, of which it reads the results, and `report.json`, which
 * holds what nothing but the report needs. Both may have passed through anybody's hands.
 */
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { parseJson } from '../util/json.js';

const count = z.int().min(0);
const number = z.number();
/** JSON has no NaN: a correlation of constants, say, is null. */
const figure = z.number().nullable();

const scores = z.looseObject({
  rows: count,
  accuracy: number,
  macroF1: number,
  loss: figure,
  perClass: z.array(
    z.looseObject({
      label: z.string(),
      precision: number,
      recall: number,
      f1: number,
      support: count,
      predicted: count,
    }),
  ),
  confusion: z.array(z.array(count)),
});
export type ReportedScores = z.infer<typeof scores>;

const correlations = z.looseObject({ dispersion: figure, gradient: figure });
const diagnostics = z.looseObject({
  spearman: z.looseObject({ groups: correlations, neurons: correlations }),
  jaccard: z.looseObject({ weights: number, groups: number, neurons: number }),
});

const metrics = z.looseObject({
  model: z.string(),
  method: z.string(),
  seed: number,
  epochs: count,
  batch: count,
  lr: number,
  head_lr: number,
  token_lr: number,
  trainable: count,
  parameters: count,
  encoder_trainable: count,
  encoder_parameters: count,
  train_s: number,
  steps: count,
  tokens: count,
  tokens_per_s: number,
  peak_rss_mb: number,
  length_ratio: number,
  stages: z.record(z.string(), number),
  predicted_cost: number,
  cached_texts: count,
  sizes: z.record(z.string(), count),
  floor: count,
  lora: z.looseObject({ rank: count, alpha: number, dropout: number, targets: z.array(z.string()) }).nullable(),
  diagnostics: diagnostics.nullable(),
  rows: z.looseObject({ train: count, validation: count, test: count }),
  chosen: z.looseObject({ epoch: count, by: z.string() }),
  evaluations: z
    .array(
      z.looseObject({
        epoch: count,
        step: count,
        loss: number,
        validationLoss: number,
        macroF1: number,
        accuracy: number,
      }),
    )
    .min(1),
  validation: scores,
  test: scores.nullable(),
  isa: z.string(),
  threads: count,
  notes: z.array(z.string()),
});

const token = z.looseObject({
  phrase: z.string(),
  support: count,
  uses: count,
  pplU: figure,
  saved: number,
  association: z.looseObject({ label: z.string(), share: figure, base: figure, q: figure }).nullable(),
});

const summary = z.looseObject({
  version: z.literal(1),
  adaptune: z.string(),
  labels: z.array(z.string()).min(2),
  maxLength: count,
  tokens: z.array(token),
  plan: z.looseObject({
    layers: z.array(z.looseObject({ groups: z.array(count), neurons: z.array(count), extras: z.boolean() })),
    embeddings: z.boolean(),
    phases: z.array(z.looseObject({ name: z.string(), steps: count })),
  }),
  options: z.record(z.string(), z.json()),
  identity: z.looseObject({ model: z.string(), data: z.array(z.tuple([z.string(), z.string()])) }),
  metrics,
});
/** Of adaptune.json. */
export type Summary = z.infer<typeof summary>;

/** What goes into the score beside dispersion. */
export const importanceName = ({ options }: Summary): string =>
  options['importance'] === 'fisher' ? 'root of the Fisher information' : 'gradient norm';

const layered = z.array(z.array(number));
const axis = z.strictObject({ low: number, high: number });

const units = z.strictObject({
  /** Form of the index of dispersion, as the option names it. */
  dispersion: z.enum(['norm', 'ratio', 'feature']),
  /** By layer: score (percentile within the kind), dispersion and gradient norm of every attention group. */
  groups: z.strictObject({ score: layered, dispersion: layered, gradient: layered }),
  neurons: z.strictObject({
    layers: z.array(z.strictObject({ mean: number, selected: figure })),
    /** Numbers of neurons by log10 of dispersion and gradient norm, in `bins` equal parts of each axis; empty cells are left out. */
    density: z.strictObject({
      bins: z.int().min(1).max(1000),
      dispersion: axis,
      gradient: axis,
      cells: z.array(z.strictObject({ dispersion: count, gradient: count, neurons: z.int().min(1), selected: count })),
      /** Neurons with dispersion or gradient norm 0, which have no logarithm. */
      zero: count,
    }),
  }),
});
export type ReportedUnits = z.infer<typeof units>;

const mistake = z.strictObject({
  /** Of the file, from 0. */
  row: count,
  text: z.string(),
  /** Indices of labels. */
  gold: count,
  predicted: count,
  /** Softmax of the predicted and of the gold label. */
  confidence: number,
  goldProbability: number,
});
export type Mistake = z.infer<typeof mistake>;

const details = z.strictObject({
  version: z.literal(1),
  /** Mean training loss of every `steps` steps; null where no step had a finite one. */
  losses: z.strictObject({ steps: z.int().min(1), means: z.array(figure) }),
  /** Which texts the mistakes, and the tables of the report, are of. */
  scored: z.enum(['test', 'validation']),
  mistakes: z.array(mistake),
  /** Training texts by their number of tokens, specials included, in bins of `width` from 0. */
  lengths: z.strictObject({
    width: z.int().min(1),
    base: z.array(count),
    merged: z.array(count),
    means: z.strictObject({ base: number, merged: number }),
    truncated: count,
  }),
  /** Units of a layer. */
  sizes: z.strictObject({ groups: z.int().min(1), neurons: z.int().min(1) }),
  /** Null: the method measured no unit. */
  units: units.nullable(),
  /** Of the first tokens of adaptune.json, in their order: a text that contains it, cut to its surroundings. */
  examples: z.array(z.strictObject({ before: z.string(), phrase: z.string(), after: z.string() }).nullable()),
  /** Fractions of full finetuning's cost; they sum to the predicted cost. */
  predictedCost: z.strictObject({ headFit: number, calibration: number, tokens: number, units: number }),
  /** Bytes, predicted before the first step. */
  memory: z.strictObject({
    now: number,
    packs: number,
    optimizer: number,
    activations: number,
    between: number,
    prefixCache: number,
    total: number,
  }),
});
/** Of report.json. */
export type Details = z.infer<typeof details>;

/** As adaptune.json may be: plans of full finetuning list every neuron. */
const LIMITS = { length: 2 ** 26, depth: 32, keys: 4_000_000 };

function checked<T>(schema: z.ZodType<T>, value: unknown, path: string, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path: where, message } = parsed.error.issues[0]!;
  throw new AdaptuneError('E_FILE', `${path}: expected ${what}, came ${where.join('.')}: ${message}`);
}

/** `text`: of adaptune.json. E_FILE names what is wrong with it. */
export const parseSummary = (text: string, path: string): Summary =>
  checked(summary, parseJson(text, path, { ...LIMITS, code: 'E_FILE' }), path, 'the results of a training run');

/** `text`: of report.json. E_FILE names what is wrong with it. */
export const parseDetails = (text: string, path: string): Details =>
  checked(details, parseJson(text, path, { ...LIMITS, code: 'E_FILE' }), path, 'details of a training run');
