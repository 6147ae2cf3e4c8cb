/**
 * An encoder with a classifier head in native memory: loaded from a Hugging Face folder or made at random, run, read,
 * written and saved. Tensors are read from the file a few megabytes at a time and copied; nothing stays mapped.
 */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import type { EncoderConfig, ModelHandle, PackedBatch, ParameterInfo } from '../native/binding.js';
import { withSignal } from '../native/device.js';
import type { Device } from '../native/device.js';
import { makeDirectory, readText, requireSpace, writeAtomic } from '../util/files.js';
import { JSON_LIMITS } from '../util/json.js';
import { fillNormal } from '../util/philox.js';
import { growRows } from './growth.js';
import type { Growth } from './growth.js';
import { hfConfigText, parseHfConfig } from './hf-config.js';
import { modelFile, WeightFiles } from './model-files.js';
import { encodeSafetensors } from './safetensors.js';
import type { TensorSource } from './safetensors.js';
import { copyTensors, matchTensors } from './weights.js';

export interface LoadOptions {
  /**
   * Classes to train for: a missing pooler or classifier, and a classifier with another number of classes, are made anew
   * and noted. Without it the folder must hold a whole classifier, as for prediction.
   */
  classes?: number;
  /** New rows at the end of the word table. */
  grow?: Growth;
  /** For everything that is made anew; default 0. */
  seed?: number;
  /** Replaces the dropout rates of config.json. */
  dropout?: number;
}

export type Output = 'logits' | 'pooled' | 'cls';

const ARCHITECTURE = 'BertForSequenceClassification';
const isMatrix = (parameter: ParameterInfo) => parameter.shape.length === 2;

export class Encoder {
  private constructor(
    readonly handle: ModelHandle,
    readonly config: EncoderConfig,
    /** Standard deviation of what is made anew. */
    readonly initializerRange: number,
    /** Labels of the folder's classifier by id, null when it has none or another one was made. */
    readonly labels: readonly string[] | null,
    /** What a person should know about how the weights came about. */
    readonly notes: readonly string[],
  ) {}

  /** E_MODEL_CONFIG, E_MODEL_FORMAT, E_MODEL_INCOMPLETE, E_MODEL_SHAPE, E_MODEL_VALUE, E_FILE, E_MEMORY. */
  static async load(device: Device, dir: string, options: LoadOptions = {}): Promise<Encoder> {
    const path = await modelFile(dir, 'config.json');
    const saved = parseHfConfig(await readText(path, { limit: JSON_LIMITS.length }), path);
    await using files = await WeightFiles.open(dir);

    const rows = saved.encoder.vocabulary;
    const grown = options.grow?.pieces.length ?? 0;
    const config = {
      ...(options.dropout === undefined ? saved.encoder : withDropout(saved.encoder, options.dropout)),
      classes: options.classes ?? saved.encoder.classes,
      vocabulary: Math.max(rows, (options.grow?.first ?? rows) + grown),
    };
    checkSize(saved.encoder, options.classes, files, dir);
    const handle = binding().createModel(device.handle, config);
    try {
      const match = matchTensors(files, binding().modelParameters(handle), {
        dir,
        storedRows: rows,
        newHead: options.classes !== undefined,
        // Heads of other tasks have tensors of the same name.
        foreignHead: saved.architectures.find((name) => name !== ARCHITECTURE && name.startsWith('BertFor')),
      });
      const notes = [...saved.notes, ...match.notes];
      const labels = match.missing.includes('classifier.weight') ? null : saved.labels;
      const encoder = new Encoder(handle, config, saved.initializerRange, labels, notes);
      await copyTensors(handle, match.found);
      await files.checkUnchanged();
      const seed = options.seed ?? 0;
      for (const name of match.missing) await encoder.initialize(name, seed);
      if (options.grow && grown > 0) {
        await growRows(encoder, options.grow, { first: options.grow.first ?? rows, stored: rows, seed });
      }
      return encoder;
    } catch (error) {
      binding().close(handle);
      throw error;
    }
  }

  /** Matrices and tables N(0, initializerRange), biases 0, LayerNorm 1 and 0, as BERT starts. */
  static async random(
    device: Device,
    config: EncoderConfig,
    options: { seed: number; initializerRange?: number },
  ): Promise<Encoder> {
    const encoder = Encoder.blank(device, config, options.initializerRange);
    try {
      for (const { name } of encoder.parameters()) await encoder.initialize(name, options.seed);
      return encoder;
    } catch (error) {
      encoder.close();
      throw error;
    }
  }

  /** All weights 0, to be set. */
  static blank(device: Device, config: EncoderConfig, initializerRange = 0.02): Encoder {
    return new Encoder(binding().createModel(device.handle, config), config, initializerRange, null, []);
  }

  /** The same numbers for the same seed, parameter and element, whatever else is made. */
  private async initialize(name: string, seed: number): Promise<void> {
    const parameters = this.parameters();
    const site = parameters.findIndex((parameter) => parameter.name === name);
    const parameter = parameters[site]!;
    const values = new Float32Array(count(parameter));
    if (isMatrix(parameter)) fillNormal(values, { seed, stream: 'init', site }, this.initializerRange);
    else if (name.endsWith('LayerNorm.weight')) values.fill(1);
    await this.set(name, values);
  }

  /** logits [B, classes], pooled [B, hidden] or cls [B, hidden], row-major; dropout is off. */
  forward(batch: PackedBatch, output: Output, signal?: AbortSignal): Promise<Float32Array> {
    return withSignal(signal, (token) =>
      token ? binding().forward(this.handle, batch, output, token) : binding().forward(this.handle, batch, output),
    );
  }

  /** Every tensor under its Hugging Face name without the `bert.` prefix. */
  parameters(): ParameterInfo[] {
    return binding().modelParameters(this.handle);
  }

  /** Copy of a tensor, row-major. */
  get(name: string): Promise<Float32Array> {
    return binding().getParameter(this.handle, name);
  }

  /** Replaces a tensor, or its rows from `firstRow` on. */
  async set(name: string, values: Float32Array, firstRow = 0): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    await binding().setParameter(this.handle, name, 'F32', bytes, firstRow);
  }

  /** The tensors as transformers' BertForSequenceClassification names them. */
  tensors(): TensorSource[] {
    return this.parameters().map(({ name, shape }) => ({
      name: name.startsWith('classifier.') ? name : `bert.${name}`,
      shape,
      read: () => this.get(name),
    }));
  }

  /** Writes config.json (with extra keys) and model.safetensors, each at once, into the folder. */
  async save(
    dir: string,
    options: { labels: readonly string[]; extraConfig?: Readonly<Record<string, unknown>> },
  ): Promise<void> {
    const text = hfConfigText(this.config, options.labels, {
      initializerRange: this.initializerRange,
      extra: options.extraConfig ?? {},
    });
    await makeDirectory(dir);
    const weights = this.parameters().reduce((sum, parameter) => sum + 4 * count(parameter), 0);
    await requireSpace(dir, weights + 2 ** 20);
    await writeAtomic(join(dir, 'model.safetensors'), encodeSafetensors(this.tensors(), [['format', 'pt']]));
    await writeAtomic(join(dir, 'config.json'), text);
  }

  /** Gives back native memory that is made again when it is needed: packed weights, the device's working memory. */
  trim(): Promise<void> {
    return binding().trim(this.handle);
  }

  /** Frees the native memory once running jobs ended; idempotent. Later calls throw E_CLOSED. */
  close(): void {
    binding().close(this.handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** One rate for every dropout of the encoder and its head. */
export function withDropout(config: EncoderConfig, rate: number): EncoderConfig {
  return { ...config, hiddenDropout: rate, attentionDropout: rate, classifierDropout: rate };
}

function count({ shape }: ParameterInfo): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Before native memory is taken on the word of config.json: the weights that it describes are about those that the folder
 * holds. Twice and 16 MiB over, so that a folder without some tensors gets an error that names them.
 */
function checkSize(config: EncoderConfig, newClasses: number | undefined, files: WeightFiles, dir: string): void {
  const { layers, hidden, feedForward, vocabulary, positions, types } = config;
  const classes = newClasses === undefined ? config.classes : 0;
  const layer = 4 * hidden * (hidden + 1) + 2 * hidden * feedForward + feedForward + 5 * hidden;
  const described = (vocabulary + positions + types + hidden + classes) * hidden + layers * layer;
  let held = 0;
  for (const { entry } of files.tensors.values()) held += entry.shape.reduce((product, size) => product * size, 1);
  if (described > 2 * held + 2 ** 22) {
    throw new AdaptuneError(
      'E_MODEL_SHAPE',
      `${dir}: expected the ${described} weights that config.json describes, came ${held}`,
    );
  }
}
