/** Scores of a classifier on labelled texts. */
import type { Encoder } from '../model/encoder.js';
import { forwardAll, type InferenceHooks } from '../model/inference.js';
import { openSavedModel } from '../model/saved-model.js';
import type { Encoding } from '../model/tokenization.js';
import { Device, type DeviceOptions } from '../native/device.js';
import { labelIds } from './labels.js';
import { argmaxRows, classificationMetrics, meanCrossEntropy, type Scores } from './metrics.js';
import type { LabelledTexts } from './labelled-texts.js';
import { readLabelled } from './texts.js';

export interface EncodedPart {
  encodings: readonly Encoding[];
  labels: Int32Array;
}

export async function evaluateEncoded(
  encoder: Encoder,
  part: EncodedPart,
  labels: readonly string[],
  { onLogits, ...hooks }: InferenceHooks & { onLogits?: (logits: Float32Array, predicted: Int32Array) => void } = {},
): Promise<Scores> {
  const logits = await forwardAll(encoder, part.encodings, 'logits', hooks);
  const predicted = argmaxRows(logits, labels.length);
  onLogits?.(logits, predicted);
  return {
    ...classificationMetrics(part.labels, predicted, labels),
    loss: meanCrossEntropy(logits, part.labels, labels.length),
  };
}

export interface EvaluateOptions extends DeviceOptions {
  /** Names of the columns of a file; default text and label. */
  text?: string | undefined;
  label?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Counts texts. */
  onProgress?: ((event: { stage: 'evaluate'; done: number; total: number }) => void) | undefined;
}

export interface Evaluation extends Scores {
  labels: readonly string[];
  /** Texts longer than the model's maximum length, of which the beginning was read. */
  truncated: number;
  /** Of tokenizing and the forward pass. */
  seconds: number;
}

/** Scores a saved model on a file or on texts in memory. E_LABELS names labels that the model does not have. */
export async function evaluate(
  folder: string,
  data: string | LabelledTexts,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { text = 'text', label = 'label', signal, onProgress } = options;
  const rows = await readLabelled(data, 'evaluation', { text, label });
  await using device = Device.open(options);
  const model = await openSavedModel(device, folder);
  try {
    const gold = labelIds(rows.labels, model.labels, rows.source, rows.lines);
    const begin = performance.now();
    const encodings = await model.tokenizer.encode(rows.texts, { maxLength: model.maxLength });
    const metrics = await evaluateEncoded(model.encoder, { encodings, labels: gold }, model.labels, {
      signal,
      onProgress: (done) => onProgress?.({ stage: 'evaluate', done, total: encodings.length }),
    });
    const truncated = encodings.filter((encoding) => encoding.truncated).length;
    return { ...metrics, labels: model.labels, truncated, seconds: (performance.now() - begin) / 1000 };
  } finally {
    model.encoder.close();
  }
}
