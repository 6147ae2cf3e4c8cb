/** `scratch:SIZE`: a small BERT with random weights and a vocabulary from the training texts, so that a run needs no download. */
import { AdaptuneError } from '../errors.js';
import { Tokenizer } from '../model/tokenizer.js';
import { trainWordPiece } from '../model/wordpiece-trainer.js';
import type { EncoderConfig } from '../native/binding.js';

const SIZES = new Map([
  ['tiny', { layers: 2, hidden: 128, heads: 2, vocabulary: 4_000 }],
  ['mini', { layers: 4, hidden: 256, heads: 4, vocabulary: 8_000 }],
  ['small', { layers: 4, hidden: 512, heads: 8, vocabulary: 16_000 }],
]);

/**
 * Standard deviation of the first weights: Glorot's for the feed-forward matrices, sqrt(2 / (H + 4 H)). With BERT's own
 * .02 a narrow model passes almost nothing of the other tokens to [CLS], and a few hundred steps learn nothing.
 */
export const scratchInitializerRange = (hidden: number): number => Math.sqrt(2 / (5 * hidden));

export const isScratch = (model: string): boolean => model.startsWith('scratch:');

/** E_ARGUMENT names the sizes. */
export function scratchSize(model: string) {
  const size = SIZES.get(model.slice('scratch:'.length));
  if (size) return size;
  const names = [...SIZES.keys()].map((name) => `scratch:${name}`).join(', ');
  throw new AdaptuneError(
    'E_ARGUMENT',
    `expected a model folder or one of ${names} but received ${JSON.stringify(model)}`,
  );
}

export function scratchTokenizer(model: string, texts: readonly string[]): Tokenizer {
  return Tokenizer.fromJson(trainWordPiece(texts, { vocabularySize: scratchSize(model).vocabulary }));
}

/** BERT's own proportions and rates (Devlin et al. 2019) at a size. */
export function bertConfig(
  { layers, hidden, heads }: { layers: number; hidden: number; heads: number },
  vocabulary: number,
  classes: number,
): EncoderConfig {
  return {
    layers,
    hidden,
    heads,
    kvHeads: heads,
    headWidth: hidden / heads,
    feedForward: 4 * hidden,
    vocabulary,
    positions: 512,
    types: 2,
    classes,
    normEps: 1e-12,
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    classifierDropout: 0.1,
    activation: 'gelu',
  };
}

export const scratchConfig = (model: string, vocabulary: number, classes: number): EncoderConfig =>
  bertConfig(scratchSize(model), vocabulary, classes);
