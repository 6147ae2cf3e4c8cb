/** A whole encoder on weights of one's own: kept in native memory, packed for the products once. */
import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import type { EncoderConfig, ModelHandle, PackedBatch, ParameterInfo } from '../native/binding.js';
import { type Device, withSignal } from '../native/device.js';

export type { EncoderConfig, PackedBatch } from '../native/binding.js';

/** logits [B, classes]; pooled [B, H] behind tanh; cls [B, H]; hidden [T, H], the last layer's states of all tokens. */
export type EncoderOutput = 'logits' | 'pooled' | 'cls' | 'hidden';

export class EncoderKernel {
  private constructor(
    readonly handle: ModelHandle,
    readonly config: EncoderConfig,
  ) {}

  /**
   * All weights are 0 until they are set. E_ARGUMENT or E_MODEL_SHAPE names the field of the configuration, what was expected and
   * what came. The architecture is BERT's (Devlin et al. 2019): norms behind the residuals, learned positions, GELU with the error
   * function; dropout rates are not used here.
   */
  static create(device: Device, config: EncoderConfig): EncoderKernel {
    return new EncoderKernel(binding().createModel(device.handle, config), config);
  }

  /** Names and shapes, [n] or [rows, cols]; names as in Hugging Face's files without `bert.`. */
  parameters(): ParameterInfo[] {
    return binding().modelParameters(this.handle);
  }

  /** Copies of weights, row-major. E_ARGUMENT for an unknown name or another length, E_MODEL_VALUE for NaN or infinite values. */
  async set(weights: Iterable<readonly [string, Float32Array]>): Promise<void> {
    const shapes = new Map(this.parameters().map(({ name, shape }) => [name, shape]));
    for (const [name, values] of weights) {
      const shape = shapes.get(name) ?? [];
      const length = shape.reduce((product, size) => product * size, 1);
      if (shape.length > 0 && values.length !== length)
        throw new AdaptuneError(
          'E_ARGUMENT',
          `expected ${shape.join(' x ')} floats for ${name} but received ${values.length}`,
        );
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      await binding().setParameter(this.handle, name, 'F32', bytes, 0);
    }
  }

  /** Copy of a weight. */
  get(name: string): Promise<Float32Array> {
    return binding().getParameter(this.handle, name);
  }

  /**
   * A packed batch: ids [T], offsets [B + 1] ascending from 0 to T, typeIds [T] or none; no text is empty or longer than
   * config.positions. A text's rows are the same bits alone and in any batch.
   */
  forward(batch: PackedBatch, output: EncoderOutput, signal?: AbortSignal): Promise<Float32Array> {
    return withSignal(signal, (token) => binding().forward(this.handle, batch, output, ...(token ? [token] : [])));
  }

  /**
   * Gradients of sum(dhidden x hidden), dhidden [T, H], in every weight below the head, by name and of the weight's shape. Runs
   * forward again and keeps nothing between calls.
   */
  async backward(batch: PackedBatch, dhidden: Float32Array, signal?: AbortSignal): Promise<Map<string, Float32Array>> {
    const gradients = await withSignal(signal, (token) =>
      binding().backward(this.handle, batch, dhidden, ...(token ? [token] : [])),
    );
    return new Map(gradients.map(({ name, data }) => [name, data]));
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
