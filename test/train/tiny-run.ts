/** A run of eight steps on the sample corpus, and what of it must not depend on how it came about. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { train } from '../../lib/train/job.js';
import type { TrainOptions } from '../../lib/train/options.js';
import type { TrainResult } from '../../lib/train/result.js';
import type { TrainHooks } from '../../lib/train/run.js';
import { sha256 } from '../../lib/util/hash.js';
import { sampleTexts } from './sample-corpus.js';

export const STEPS = 8;
/** Of these, in the token phase. */
export const TOKEN_STEPS = 3;

/** 110 texts: 4 steps an epoch, the last one short. */
export const TINY_RUN: Omit<TrainOptions, 'out'> = {
  model: 'scratch:tiny',
  train: sampleTexts(110, 1),
  validation: sampleTexts(30, 2),
  epochs: 2,
  batch: 32,
  minUses: 3,
  minSupport: 3,
  // All stages, calibration too.
  score: 'rank',
  seed: 5,
  saveEvery: 2,
};

export const tinyRun = (out: string, options: Partial<TrainOptions & TrainHooks> = {}): Promise<TrainResult> =>
  train({ ...TINY_RUN, ...options, out });

/** Weights, moments, tokens and metrics of a finished run, and what its report shows but for time and memory. */
export function outcome(out: string, steps = STEPS): Record<string, unknown> {
  const last = join(out, 'checkpoints', `step-${String(steps).padStart(6, '0')}`);
  const json = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, unknown>>;
  const state = json(join(last, 'state.json'));
  const { tokens, plan, metrics } = json(join(out, 'adaptune.json'));
  const { memory: _, ...report } = json(join(out, 'report.json'));
  return {
    model: sha256(readFileSync(join(out, 'model.safetensors'))),
    tensors: sha256(readFileSync(join(last, 'tensors.safetensors'))),
    tokenizer: sha256(readFileSync(join(out, 'tokenizer.json'))),
    slots: state['slots'],
    tokens,
    plan,
    evaluations: metrics!['evaluations'],
    seen: metrics!['tokens'],
    validation: metrics!['validation'],
    diagnostics: metrics!['diagnostics'],
    report,
  };
}
