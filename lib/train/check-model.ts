/** What is wrong with a model or with options for it is said before the corpus is mined, and before a folder is made for results. */
import { AdaptuneError } from '../errors.js';
import { Encoder } from '../model/encoder.js';
import { Tokenizer } from '../model/tokenizer.js';
import type { EncoderConfig } from '../native/binding.js';
import type { Device } from '../native/device.js';
import { leastBudget } from '../select/units.js';
import type { ResolvedOptions } from './options.js';
import { isScratch, scratchConfig } from './scratch.js';

type Options = Pick<ResolvedOptions, 'model' | 'maxLength' | 'method' | 'budget' | 'cost' | 'spread'>;

/**
 * Loads all of the model once and frees it again: config.json first, because the architecture decides what the rest should
 * be. Every weight is looked at, which takes about as long as hashing the file did.
 */
export async function checkModel(device: Device, options: Options, classes: number): Promise<void> {
  const { model } = options;
  if (isScratch(model)) return checkOptions(scratchConfig(model, 1, classes), options);
  await using encoder = await Encoder.load(device, model, { classes });
  const { vocabularySize } = await Tokenizer.load(model);
  const { vocabulary } = encoder.config;
  if (vocabularySize > vocabulary) {
    throw new AdaptuneError(
      'E_MODEL_MISMATCH',
      `${model}: expected a row of the word table for each of the ${vocabularySize} tokens of tokenizer.json, came ${vocabulary}`,
    );
  }
  checkOptions(encoder.config, options);
}

function checkOptions(config: EncoderConfig, { maxLength, method, budget, cost, spread }: Options): void {
  if (maxLength > config.positions) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected at most ${config.positions}, the positions that the model has, for maxLength (--max-length) but received ${maxLength}`,
    );
  }
  const least = leastBudget(config, spread);
  if (method === 'adapt' && cost === null && budget < least) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected at least ${Math.ceil(least * 1e6) / 1e6}, what the smallest unit of this model takes, for budget but received ${budget}`,
    );
  }
}
