/** The result of a run: one JSON file, complete without the others, and without a path of the machine that made it. */
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { parseJson } from '../util/json.js';
import { BIASES } from './sample.js';

const count = z.int().min(0);
const scores = z.object({
  rows: count,
  /** Labels counted as METHOD says: those that occur in the gold data or the predictions. */
  macro_f1: z.number(),
  /** Equal to the accuracy, every text having one label. */
  micro_f1: z.number(),
  /** Mean cross-entropy, nats. */
  loss: z.number(),
});
/** Null: a value that JSON has no number for. */
const correlation = z.object({ dispersion: z.number().nullable(), gradient: z.number().nullable() });

const metrics = z.looseObject({
  validation: scores,
  /** Null in a search. */
  test: scores.nullable(),
  /** Texts and base tokens trained on, over all epochs. */
  texts_seen: count,
  base_tokens_seen: count,
  rows: z.object({ train: count, validation: count, test: count }),
  trainable: count,
  encoder_trainable: count,
  parameters: count,
  encoder_parameters: count,
  /** Of the whole job, in all processes of it. */
  seconds: z.number().positive(),
  /** Of all threads; null for a run of several processes. */
  cpu_s: z.number().nullable(),
  train_s: z.number(),
  stages: z.record(z.string(), z.number()),
  /** Of full finetuning on the same texts without new tokens. */
  predicted_cost: z.number(),
  predicted_memory_mb: z.number(),
  peak_rss_mb: z.number(),
  new_tokens: count,
  length_ratio: z.number(),
  chosen: z.object({ epoch: count, by: z.string() }),
  evaluations: z.array(z.looseObject({ epoch: count, loss: z.number(), macroF1: z.number() })),
});

const range = z.string().regex(/^(?:\d{1,6}(?:-\d{1,6})?(?: |$))*$/);

/** The units that train, by layer, as ranges: "0-15 32". */
const units = z.object({
  groups: z.array(range),
  neurons: z.array(range),
  /** Of a layer, and the matrix weights of one. */
  of: z.object({ groups: count, neurons: count }),
  weights: z.object({ group: count, neuron: count }),
});

const schema = z.object({
  version: z.literal(1),
  experiment: z.string(),
  id: z.string(),
  kind: z.enum(['run', 'search']),
  data: z.string(),
  sample: z.object({ share: z.number(), bias: z.enum(BIASES) }).nullable(),
  name: z.string(),
  method: z.string(),
  seed: count,
  /** Every option of train that decides the result, defaults included. */
  options: z.record(z.string(), z.json()),
  key: z.object({
    config: z.string(),
    model: z.string(),
    data: z.record(z.string(), z.string()),
    version: z.string(),
    commit: z.string().nullable(),
  }),
  /** What the search of this data set and method tried, and what it found best. */
  search: z
    .object({
      winner: z.record(z.string(), z.json()),
      tried: z.array(z.object({ options: z.record(z.string(), z.json()), validation_macro_f1: z.number().nullable() })),
    })
    .nullable(),
  model: z.string(),
  machine: z.looseObject({ cpu: z.string(), isa: z.string(), threads: count, node: z.string() }),
  finished: z.string(),
  resumed: z.boolean(),
  /** Of tokens, units, phases, rates and everything else that training depends on: equal ones are trained once. */
  plan_hash: z.string(),
  /** The run with the same plan that was trained; its figures are repeated here. */
  same_as: z.string().nullable(),
  /** How this run ended instead of with figures. */
  failed: z.object({ code: z.string(), message: z.string() }).nullable(),
  metrics: metrics.nullable(),
  units: units.nullable(),
  /** Spearman of the score with dispersion and gradient norm, overlap of two halves' selections (Jaccard). */
  selection: z
    .object({
      spearman: z.object({ groups: correlation, neurons: correlation }),
      jaccard: z.object({
        weights: z.number().nullable(),
        groups: z.number().nullable(),
        neurons: z.number().nullable(),
      }),
    })
    .nullable(),
  /** Index of each test text's predicted label. */
  predicted: z.string().nullable(),
  notes: z.array(z.string()),
});

export type RunResult = z.infer<typeof schema>;
export type RunMetrics = NonNullable<RunResult['metrics']>;
export type RunUnits = NonNullable<RunResult['units']>;

const gold = z.object({
  version: z.literal(1),
  data: z.string(),
  /** Of the test file. */
  sha256: z.string(),
  labels: z.array(z.string()),
  /** Index of each test text's label. */
  gold: z.string(),
});
export type Gold = z.infer<typeof gold>;

/** What was asked for, for the report: which runs there are to be. */
const description = z.object({
  version: z.literal(1),
  name: z.string(),
  about: z.string(),
  reference: z.string().nullable(),
  runs: z.array(z.string()),
});
export type Description = z.infer<typeof description>;

/** UTF-16 units: predictions of a large test part. */
const LENGTH = 2 ** 26;
const LIMITS = { code: 'E_FILE', length: LENGTH, keys: 100_000 } as const;

export const readResult = (text: string, path: string): RunResult => parsed(schema, text, path, 'the result of a run');
export const readGold = (text: string, path: string): Gold => parsed(gold, text, path, 'the labels of test texts');
export const readDescription = (text: string, path: string): Description =>
  parsed(description, text, path, 'the description of an experiment');

function parsed<T>(kind: z.ZodType<T>, text: string, path: string, what: string): T {
  const result = kind.safeParse(parseJson(text, path, LIMITS));
  if (result.success) return result.data;
  const { path: place, message } = result.error.issues[0]!;
  throw new AdaptuneError('E_FILE', `${path}: expected ${what}, came ${place.map(String).join('.')}: ${message}`);
}

/** "0-2 5" of [0, 1, 2, 5]. */
export function ranges(values: readonly number[]): string {
  const parts: string[] = [];
  for (let begin = 0; begin < values.length;) {
    let end = begin;
    while (values[end + 1] === values[end]! + 1) end++;
    parts.push(begin === end ? `${values[begin]}` : `${values[begin]}-${values[end]}`);
    begin = end + 1;
  }
  return parts.join(' ');
}

/** [0, 1, 2, 5] of "0-2 5". */
export function unranged(text: string): number[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** -1 for what is no index. */
export const indices = (text: string): Int32Array =>
  Int32Array.from(text === '' ? [] : text.split(' '), (part) => (/^\d{1,9}$/.test(part) ? Number(part) : -1));
