/** What `train` returns and `train --json` prints; the first block has the keys of common finetuning scripts. */
import type { TokenReport } from '../mining/index.js';
import type { AdapterSettings, AdapterTarget } from '../native/adapters.js';
import { trainsEncoder, type Plan } from '../select/plan.js';
import type { SelectionDiagnostics } from '../select/diagnostics.js';
import type { MemoryPlan } from './memory.js';
import type { Scores } from './metrics.js';

import type { EpochEvaluation, RunProgress } from './state.js';

export interface TrainResult {
  model: string;
  out: string;
  method: string;
  /** Whose defaults other options had; null: the plain ones. */
  preset: string | null;
  seed: number;
  epochs: number;
  /** Peak rate of the encoder; of the head where the encoder is frozen. */
  lr: number;
  head_lr: number;
  token_lr: number;
  batch: number;
  trainable: number;
  parameters: number;
  /** Seconds of training steps, over all processes of a resumed run. */
  train_s: number;
  steps: number;
  /** Base tokens trained on, over all epochs. */
  tokens: number;
  tokens_per_s: number;
  last_loss: number;
  validation_macro_f1: number;
  validation_accuracy: number;
  test_macro_f1: number | null;
  test_accuracy: number | null;
  peak_rss_mb: number;

  new_tokens: number;
  /** Tokens after merging over base tokens, of the training texts. */
  length_ratio: number;
  /** Seconds of each stage, in order. */
  stages: Record<string, number>;
  predicted_cost: number;
  /** MiB, predicted before the first step. */
  predicted_memory_mb: number;
  /** MiB of it for the texts' states below the lowest trained layer, and passes of texts that found theirs. */
  prefix_cache_mb: number;
  cached_texts: number;
  /** Bytes of the saved files. */
  sizes: Record<string, number>;
  encoder_trainable: number;
  encoder_parameters: number;
  /** The lowest layer that trains; the number of layers when none does. */
  floor: number;
  /** Units that train, by layer: all of them in a whole layer. */
  selected: { groups: number; neurons: number }[];
  /** Adapters of every layer, by now part of its matrices. */
  lora: (AdapterSettings & { targets: readonly AdapterTarget[] }) | null;
  diagnostics: SelectionDiagnostics | null;
  labels: readonly string[];
  rows: { train: number; validation: number; test: number };
  /** Which epoch's weights were saved, and why. */
  chosen: { epoch: number; by: 'last epoch' | 'validation macro-F1' };
  evaluations: readonly EpochEvaluation[];
  best_epoch: number;
  best_validation_macro_f1: number;
  validation: Scores;
  test: Scores | null;
  mined: readonly TokenReport[];
  isa: string;
  threads: number;
  resumed: boolean;
  notes: readonly string[];
}

/** Under this many validation rows a difference between epochs is mostly chance: the last epoch is taken. */
const ROWS_TO_CHOOSE = 500;

/** May the weights of an epoch before the last be the result? */
export const choosesEpoch = (validationRows: number): boolean => validationRows >= ROWS_TO_CHOOSE;

export function chooseEpoch(progress: RunProgress, validationRows: number): TrainResult['chosen'] {
  const best = progress.best!.epoch;
  if (choosesEpoch(validationRows)) return { epoch: best, by: 'validation macro-F1' };
  return { epoch: progress.evaluations.at(-1)!.epoch, by: 'last epoch' };
}

export interface ResultParts {
  head: Pick<
    TrainResult,
    | 'model'
    | 'out'
    | 'method'
    | 'preset'
    | 'seed'
    | 'epochs'
    | 'batch'
    | 'labels'
    | 'rows'
    | 'isa'
    | 'threads'
    | 'resumed'
  >;
  plan: Plan;
  progress: RunProgress;
  lengthRatio: number;
  diagnostics: SelectionDiagnostics | null;
  memory: MemoryPlan;
  sizes: [string, number][];
  chosen: TrainResult['chosen'];
  validation: Scores;
  test: Scores | null;
  mined: readonly TokenReport[];
}

export function trainResult(parts: ResultParts): TrainResult {
  const { head, plan, progress, validation, test } = parts;
  const { model, out, method, preset, seed, epochs, batch, ...rest } = head;
  return {
    model,
    out,
    method,
    preset,
    seed,
    epochs,
    lr: trainsEncoder(plan) ? plan.rates.units : plan.rates.head,
    head_lr: plan.rates.head,
    token_lr: plan.rates.rows,
    batch,
    trainable: plan.counts.trainable,
    parameters: plan.counts.parameters,
    train_s: progress.trainSeconds,
    steps: plan.phases.reduce((sum, phase) => sum + phase.steps, 0),
    tokens: progress.baseTokens,
    tokens_per_s: progress.trainSeconds > 0 ? Math.round(progress.baseTokens / progress.trainSeconds) : 0,
    last_loss: progress.evaluations.at(-1)!.loss,
    validation_macro_f1: validation.macroF1,
    validation_accuracy: validation.accuracy,
    test_macro_f1: test?.macroF1 ?? null,
    test_accuracy: test?.accuracy ?? null,
    peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
    new_tokens: parts.mined.length,
    length_ratio: parts.lengthRatio,
    stages: Object.fromEntries(progress.stages),
    predicted_cost: plan.predictedCost,
    predicted_memory_mb: Math.round(parts.memory.total / 2 ** 20),
    prefix_cache_mb: Math.round((10 * parts.memory.prefixCache) / 2 ** 20) / 10,
    cached_texts: progress.cachedTexts,
    sizes: Object.fromEntries(parts.sizes),
    encoder_trainable: plan.counts.encoderTrainable,
    encoder_parameters: plan.counts.encoderParameters,
    floor: plan.floor,
    selected: plan.layers.map((layer) => ({ groups: layer.groups.length, neurons: layer.neurons.length })),
    lora: plan.lora ? { ...plan.lora, targets: plan.layers[0]!.adapters ?? [] } : null,
    diagnostics: parts.diagnostics,
    ...rest,
    chosen: parts.chosen,
    evaluations: progress.evaluations,
    best_epoch: progress.best!.epoch,
    best_validation_macro_f1: progress.best!.macroF1,
    validation,
    test,
    mined: parts.mined,
    notes: progress.notes,
  };
}
