/** The encoder that a run begins with: of a folder or of random weights, with rows for new tokens and a head for the labels. */
import { Encoder, withDropout } from '../model/encoder.js';
import { growRows } from '../model/growth.js';
import type { Tokenizer } from '../model/tokenizer.js';
import type { Device } from '../native/device.js';
import type { ResolvedOptions } from './options.js';
import { isScratch, scratchConfig, scratchInitializerRange } from './scratch.js';

/** `mined`: how many of the tokenizer's new tokens, the last ones, are this run's own. */
export async function loadEncoder(
  device: Device,
  options: Pick<ResolvedOptions, 'model' | 'seed' | 'init' | 'dropout'>,
  { classes, tokenizer, mined }: { classes: number; tokenizer: Tokenizer; mined: number },
): Promise<Encoder> {
  const pieces = tokenizer.pieces.slice(tokenizer.pieces.length - mined);
  const { model, seed, init, dropout } = options;
  const first = tokenizer.vocabularySize - pieces.length;
  if (!isScratch(model)) {
    return Encoder.load(device, model, {
      classes,
      grow: { pieces, init, first },
      seed,
      ...(dropout === null ? {} : { dropout }),
    });
  }
  const usual = scratchConfig(model, tokenizer.vocabularySize, classes);
  const config = dropout === null ? usual : withDropout(usual, dropout);
  const encoder = await Encoder.random(device, config, {
    seed,
    initializerRange: scratchInitializerRange(config.hidden),
  });
  try {
    await growRows(encoder, { pieces, init }, { first, stored: config.vocabulary, seed });
    return encoder;
  } catch (error) {
    encoder.close();
    throw error;
  }
}
