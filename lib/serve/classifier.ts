/** A saved model that labels texts, as the `text-classification` pipelines of transformers do. */
import { AdaptuneError } from '../errors.js';
import { BATCH_TOKENS } from '../model/batching.js';
import { forwardAll } from '../model/inference.js';
import { openSavedModel, type OpenModel } from '../model/saved-model.js';
import { Device, type DeviceOptions } from '../native/device.js';

export interface Prediction {
  label: string;
  /** Probability: softmax over all labels of the model. */
  score: number;
}

export interface PredictOptions {
  /** Labels per text, best first. Default 1. */
  topK?: number | undefined;
  /** Tokens of one batch; decides speed and memory, never a score. Default 2048. */
  batchTokens?: number | undefined;
  /** Told the index of each text that is longer than `maxLength` tokens: what follows them has no part in its label. */
  onTruncated?: ((index: number) => void) | undefined;
  /** Cancels: E_ABORTED. */
  signal?: AbortSignal | undefined;
}

export class Classifier {
  #model: OpenModel | null;

  private constructor(
    readonly device: Device,
    model: OpenModel,
  ) {
    this.#model = model;
    this.labels = model.labels;
    this.maxLength = model.maxLength;
  }

  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** Longer texts are cut at this many tokens. */
  readonly maxLength: number;

  /** Opens the folder that `train` wrote. E_MODEL_INCOMPLETE, E_MODEL_MISMATCH and the codes of a broken file. */
  static async load(folder: string, options: DeviceOptions = {}): Promise<Classifier> {
    const device = Device.open(options);
    try {
      return new Classifier(device, await openSavedModel(device, folder));
    } catch (error) {
      device.close();
      throw error;
    }
  }

  /** One list of `topK` labels per text, in the order of the texts; no texts, no lists. */
  async predict(texts: readonly string[], options: PredictOptions = {}): Promise<Prediction[][]> {
    const { topK = 1, batchTokens = BATCH_TOKENS, onTruncated, signal } = options;
    const model = this.#open();
    checkTexts(texts);
    checkCount('topK', topK);
    checkCount('batchTokens', batchTokens);
    const encodings = await model.tokenizer.encode(texts, { maxLength: model.maxLength });
    if (onTruncated) for (const [i, { truncated }] of encodings.entries()) if (truncated) onTruncated(i);
    const logits = await forwardAll(model.encoder, encodings, 'logits', { signal, batchTokens });
    const width = model.labels.length;
    return encodings.map((_, i) => best(logits.subarray(i * width, (i + 1) * width), model.labels, topK));
  }

  /** Frees the model; idempotent. Later calls throw E_CLOSED. */
  close(): void {
    this.#model?.encoder.close();
    this.#model = null;
    this.device.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #open(): OpenModel {
    if (this.#model) return this.#model;
    throw new AdaptuneError('E_CLOSED', 'expected an open classifier but it was closed');
  }
}

/** Ties go to the label that comes first in the model. */
function best(logits: Float32Array, labels: readonly string[], topK: number): Prediction[] {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return labels
    .map((label, i) => ({ label, score: powers[i]! / sum, at: i }))
    .sort((a, b) => b.score - a.score || a.at - b.at)
    .slice(0, topK)
    .map(({ label, score }) => ({ label, score }));
}

function checkTexts(texts: unknown): void {
  const wrong = Array.isArray(texts) ? texts.findIndex((text) => typeof text !== 'string') : -1;
  if (Array.isArray(texts) && wrong < 0) return;
  const came = Array.isArray(texts) ? `${typeof texts[wrong]} at index ${wrong}` : typeof texts;
  throw new AdaptuneError('E_ARGUMENT', `expected a list of strings for texts but received ${came}`);
}

function checkCount(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return;
  throw new AdaptuneError(
    'E_ARGUMENT',
    `expected a whole number of at least 1 for ${name} but received ${String(value)}`,
  );
}
