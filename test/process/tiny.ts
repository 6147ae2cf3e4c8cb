/** A tiny model with known weights, and a batch that keeps the device busy for a while. */
import { binding } from '../../lib/native/binding.js';
import type {
  DeviceHandle,
  EncoderConfig,
  Isa,
  ModelHandle,
  NativePlan,
  PackedBatch,
  StepOptions,
} from '../../lib/native/binding.js';

export const CONFIG: EncoderConfig = {
  layers: 2,
  hidden: 32,
  heads: 2,
  kvHeads: 2,
  headWidth: 16,
  feedForward: 64,
  vocabulary: 50,
  positions: 32,
  types: 2,
  classes: 3,
  normEps: 1e-12,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  classifierDropout: 0,
  activation: 'gelu',
};

export const BATCH: PackedBatch = {
  ids: Int32Array.of(1, 2, 3, 4, 5, 6, 7),
  offsets: Int32Array.of(0, 3, 7),
};
export const LABELS = Int32Array.of(0, 2);

export const PLAN: NativePlan = {
  layers: [
    { groups: Int32Array.of(1), neurons: Int32Array.of(0, 5, 63), extras: true },
    { groups: Int32Array.of(), neurons: Int32Array.of(7), extras: true },
  ],
  embeddings: false,
  newRowsFirst: 40,
  head: true,
};

export const STEP: StepOptions = { seed: 1, step: 0, lr: { units: 1e-3, head: 1e-3, rows: 1e-3 } };

export interface Tiny {
  device: DeviceHandle;
  model: ModelHandle;
  close(): void;
}

/** Opens a device with a model whose weights are a fixed wave (norms 1). */
export async function open(isa: Isa = 'scalar', threads = 2): Promise<Tiny> {
  const addon = binding();
  const device = addon.openDevice({ threads, isa });
  const model = addon.createModel(device, CONFIG);
  for (const { name, shape } of addon.modelParameters(model)) {
    const count = shape.reduce((product, size) => product * size, 1);
    const wave = Float32Array.from({ length: count }, (_, i) => 0.1 * Math.sin(i + name.length));
    if (name.endsWith('LayerNorm.weight')) wave.fill(1);
    await addon.setParameter(model, name, 'F32', new Uint8Array(wave.buffer), 0);
  }
  const close = () => {
    addon.close(model);
    addon.close(device);
  };
  return { device, model, close };
}

/** `texts` texts of 32 tokens: about 0.3 ms each on `ref`. */
export function busy(texts: number): PackedBatch {
  const ids = Int32Array.from({ length: texts * 32 }, (_, i) => i % CONFIG.vocabulary);
  return { ids, offsets: Int32Array.from({ length: texts + 1 }, (_, i) => i * 32) };
}

/** Resolves when `ready` holds; fails after `seconds`. */
export async function until(ready: () => boolean, seconds = 10): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!ready()) {
    if (performance.now() > end) throw new Error(`still waiting after ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
