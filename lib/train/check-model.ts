/** What is wrong with a model or with options for it is said before the corpus is mined, and before a folder is made for results. */
import { AdaptuneError } from '../errors.js';
import { Encoder } from '../model/encoder.js';
import { Tokenizer } from '../model/tokenizer.js';
import type { EncoderConfig } from '../native/binding.js';
import type { Device } from '../native/device.js';
import { leastCost, unreachable } from '../select/cost.js';
import { methodOf } from '../select/methods.js';
import { leastBudget } from '../select/units.js';
import { corpusOf, type Inputs } from './inputs.js';
import type { ResolvedOptions } from './options.js';
import { workloadOf } from './planning.js';
import { isScratch, scratchConfig, scratchTokenizer } from './scratch.js';

type Options = Pick<
  ResolvedOptions,
  | 'model'
  | 'maxLength'
  | 'method'
  | 'budget'
  | 'cost'
  | 'granularity'
  | 'spread'
  | 'floor'
  | 'layers'
  | 'layersBy'
  | 'score'
  | 'epochs'
  | 'reselect'
  | 'prefixCache'
  | 'newTokens'
  | 'tokens'
  | 'maxPattern'
>;

/**
 * Loads all of the model once and frees it again: config.json first, because the architecture decides what the rest should
 * be. Every weight is looked at, which takes about as long as hashing the file did.
 */
export async function checkModel(device: Device, options: Options, inputs: Inputs): Promise<void> {
  const { model } = options;
  const classes = inputs.labels.length;
  if (isScratch(model)) {
    const config = scratchConfig(model, 1, classes);
    checkOptions(config, options);
    return checkCost(config, options, inputs, () => scratchTokenizer(model, corpusOf(inputs)));
  }
  await using encoder = await Encoder.load(device, model, { classes });
  const tokenizer = await Tokenizer.load(model);
  const { vocabularySize } = tokenizer;
  const { vocabulary } = encoder.config;
  if (vocabularySize > vocabulary) {
    throw new AdaptuneError(
      'E_MODEL_MISMATCH',
      `${model}: expected a row of the word table for each of the ${vocabularySize} tokens of tokenizer.json, came ${vocabulary}`,
    );
  }
  checkOptions(encoder.config, options);
  if (tokenizer.gapped && (options.newTokens !== 0 || options.tokens !== null))
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected 0 for newTokens (--new-tokens) and no tokens with ${model}: it has gapped patterns, and takes no more tokens`,
    );
  await checkCost(encoder.config, options, inputs, () => tokenizer);
}

/**
 * E_COST_UNREACHABLE when the cost asked for cannot be kept, however many tokens are mined: with each of them in place of
 * as many words as a pattern may have. The least cost that is named is the one without new tokens.
 */
async function checkCost(
  config: EncoderConfig,
  options: Options,
  { train }: Inputs,
  tokenizerOf: () => Tokenizer,
): Promise<void> {
  const { method, cost, granularity, maxLength, newTokens, tokens, maxPattern } = options;
  if (!methodOf(method).bounded || cost === null) return;
  const tokenizer = tokenizerOf();
  const work = workloadOf(await tokenizer.encode(train.texts, { maxLength }), options, 0);
  const least = leastCost(config, work, granularity);
  if (cost >= least) return;
  if (newTokens === 0 && tokens === null) throw unreachable(cost, least, work);
  // Of tokens that are given, or that the model has from before, the length is not bounded.
  const longest = tokens === null && tokenizer.pieces.length === 0 ? maxPattern : Infinity;
  const words = await tokenizer.encodeForMining(train.texts);
  // [CLS] and [SEP] besides.
  const lengths = words.map(({ word }) => Math.min(maxLength, 2 + Math.ceil(((word.at(-1) ?? -1) + 1) / longest)));
  if (cost < leastCost(config, { ...work, lengths }, granularity)) throw unreachable(cost, least, work);
}

function checkOptions(config: EncoderConfig, options: Options): void {
  const { maxLength, method, budget, cost, granularity, spread, floor, layers } = options;
  if (maxLength > config.positions) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected at most ${config.positions}, the positions that the model has, for maxLength (--max-length) but received ${maxLength}`,
    );
  }
  if (layers !== null && layers > config.layers) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected at most ${config.layers}, the layers that the model has, for layers (--layers) but received ${layers}`,
    );
  }
  if (floor >= config.layers) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected at most ${config.layers - 1}, the uppermost layer that the model has, for floor (--floor) but received ${floor}`,
    );
  }
  const least = leastBudget(config, options);
  if (methodOf(method).bounded && cost === null && budget < least) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected at least ${Math.ceil(least * 1e6) / 1e6}, what the smallest ${granularity} of ${spread === 'layer' ? 'each layer' : 'this model'} takes, for budget (--budget) but received ${budget}`,
    );
  }
}
