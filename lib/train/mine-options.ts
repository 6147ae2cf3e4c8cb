import type { OptionTable } from '../util/options.js';
import { TRAIN_OPTIONS } from './options.js';

const {
  model,
  train,
  unlabelled,
  text,
  label,
  minSupport,
  maxPattern,
  minUses,
  pplMax,
  gapped,
  maxGap,
  singleWords,
  rank,
  stopWords,
  protect,
  tokens,
  threads,
} = TRAIN_OPTIONS;

/** What makes a pattern a candidate, and which candidates are chosen. */
export const CHOICE_OPTIONS = { minSupport, maxPattern, minUses, pplMax, gapped, maxGap, singleWords, rank };

/** The options of `train` that decide the tokens. */
export const MINE_OPTIONS = {
  model,
  train,
  unlabelled,
  text,
  label,
  newTokens: { ...TRAIN_OPTIONS.newTokens, default: 'auto', help: 'Largest number of tokens.' },
  tokens: {
    ...tokens,
    help: 'Report these phrases instead of mining: one a line, or an edited report of this command.',
  },
  ...CHOICE_OPTIONS,
  stopWords,
  protect,
  threads,
} as const satisfies OptionTable;
