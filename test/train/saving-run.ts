/** The run of saving.ts, for processes that load nothing but what trains. */
import type { TrainOptions } from '../../lib/train/options.js';
import { sampleTexts } from './sample-corpus.js';

/** Two epochs of three steps; of these two in the token phase. */
export const SAVING_STEPS = 6;

/** 45 texts to train on, 5 taken from them for validation. */
export const savingOptions = (model: string): Omit<TrainOptions, 'out'> => ({
  model,
  train: sampleTexts(50, 1),
  epochs: 2,
  batch: 15,
  minUses: 2,
  minSupport: 2,
  seed: 5,
  saveEvery: 5,
  budget: 0.3,
  maxLength: 32,
  threads: 1,
});
