/**
 * What a checkpoint knows besides weights: JSON of this schema and nothing else, so that resuming runs no code of a file.
 * Lists of pairs instead of objects wherever user text could be a key.
 */
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { ADAPTER_TARGETS } from '../native/adapters.js';
import { METHOD_NAMES } from '../select/methods.js';
import { parseJson } from '../util/json.js';

const count = z.int().min(0);
const finite = z.number();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const plan = z.strictObject({
  version: z.literal(1),
  method: z.enum(METHOD_NAMES),
  layers: z.array(
    z.strictObject({
      groups: z.array(count),
      neurons: z.array(count),
      extras: z.boolean(),
      adapters: z.array(z.enum(ADAPTER_TARGETS)).optional(),
    }),
  ),
  lora: z.strictObject({ rank: count, alpha: finite, dropout: finite }).optional(),
  floor: count,
  embeddings: z.boolean(),
  newRowsFirst: z.int().min(-1),
  head: z.boolean(),
  phases: z.array(z.strictObject({ name: z.enum(['tokens', 'units']), steps: count })),
  rates: z.strictObject({ units: finite, head: finite, rows: finite }),
  counts: z.strictObject({ trainable: count, parameters: count, encoderTrainable: count, encoderParameters: count }),
  predictedCost: finite,
});

/** What must be equal for a run to be continued. Files and texts count by content, not by path. */
const identity = z.strictObject({
  model: z.string(),
  data: z.array(z.tuple([z.string(), sha256])),
  options: z.array(z.tuple([z.string(), z.json()])),
});
export type Identity = z.infer<typeof identity>;

const evaluation = z.strictObject({
  epoch: count,
  step: count,
  /** Mean training loss of the epoch. */
  loss: finite,
  /** Mean cross-entropy of the validation texts. */
  validationLoss: finite,
  macroF1: finite,
  accuracy: finite,
});
export type EpochEvaluation = z.infer<typeof evaluation>;

export const STAGES = ['tokens', 'head', 'plan', 'train'] as const;

const state = z.strictObject({
  version: z.literal(1),
  adaptune: z.string(),
  identity,
  /** The last finished stage; of `train`, the first `step` steps are done. */
  stage: z.enum(STAGES),
  step: count,
  isa: z.string(),
  labels: z.array(z.string()),
  /** Report of the mined tokens, in the order of their ids. */
  tokens: z.json(),
  plan: plan.nullable(),
  /** How far the selection can be trusted, as printed. */
  diagnostics: z.json(),
  /** Measures of the units, for the report. */
  units: z.json(),
  /** AdamW steps of each trained slice; the tensors are beside this file. */
  slots: z.array(z.strictObject({ name: z.string(), group: z.enum(['units', 'head', 'rows']), t: count })),
  progress: z.strictObject({
    /** Steps in a row without an update, because loss or gradient was not finite. */
    skipped: count,
    /** Base tokens and losses of the steps done, of this epoch for the losses. */
    baseTokens: count,
    lossSum: finite,
    lossSteps: count,
    /** Sum and number of the finite losses of every so many steps (curve.ts). */
    curve: z.array(z.tuple([finite, count])),
    trainSeconds: finite,
    /** Passes of texts that began at the floor, by the prefix cache. */
    cachedTexts: count,
    evaluations: z.array(evaluation),
    best: z.strictObject({ epoch: count, step: count, macroF1: finite, checkpoint: z.string() }).nullable(),
    lastGood: z.string().nullable(),
    stages: z.array(z.tuple([z.string(), finite])),
    notes: z.array(z.string()),
  }),
});
export type RunState = z.infer<typeof state>;
export type RunProgress = RunState['progress'];

/** Plans of full finetuning list every neuron. */
const LIMITS = { length: 2 ** 26, depth: 32, keys: 1_000_000 };

export function parseState(text: string, path: string): RunState {
  const parsed = state.safeParse(parseJson(text, path, { ...LIMITS, code: 'E_RESUME' }));
  if (parsed.success) return parsed.data;
  const { path: where, message } = parsed.error.issues[0]!;
  throw new AdaptuneError(
    'E_RESUME',
    `${path}: expected the state of a training run, came ${where.join('.')}: ${message}`,
  );
}

export const newProgress = (): RunProgress => ({
  skipped: 0,
  baseTokens: 0,
  lossSum: 0,
  lossSteps: 0,
  curve: [],
  trainSeconds: 0,
  cachedTexts: 0,
  evaluations: [],
  best: null,
  lastGood: null,
  stages: [],
  notes: [],
});

/** Throws E_RESUME that names everything in which the run that is asked for differs from the checkpoint's. */
export function checkIdentity(saved: Identity, now: Identity): void {
  const differences: string[] = [];
  if (saved.model !== now.model)
    differences.push(`the model (${saved.model.slice(0, 20)} then, ${now.model.slice(0, 20)} now)`);
  const dataThen = new Map(saved.data);
  const dataNow = new Map(now.data);
  for (const name of new Set([...dataThen.keys(), ...dataNow.keys()])) {
    const [a, b] = [dataThen.get(name), dataNow.get(name)];
    if (a !== b)
      differences.push(
        `${name} (${a === undefined ? 'not given then' : b === undefined ? 'not given now' : 'other contents'})`,
      );
  }
  const optionsThen = new Map(saved.options);
  for (const [name, value] of now.options) {
    const [a, b] = [JSON.stringify(optionsThen.get(name) ?? null), JSON.stringify(value)];
    if (a !== b) differences.push(`${name} (${a} then, ${b} now)`);
  }
  if (differences.length > 0) {
    throw new AdaptuneError(
      'E_RESUME',
      `expected the data and options of the checkpoint, but these differ: ${differences.join(', ')}`,
    );
  }
}
