/**
 * Memory of a training run, predicted before its first step and compared with the container's limit: the kernel's way of
 * saying that it was too much is a process that is gone (137), without a word.
 */
import { AdaptuneError } from '../errors.js';
import { binding, type EncoderConfig } from '../native/binding.js';
import type { Plan } from '../select/plan.js';
import { layerWeights } from '../select/units.js';
import type { TrainBatches } from './batches.js';

/** Bytes. */
export interface MemoryPlan {
  /** Held before training: the process with the model, texts and tokens in it. */
  now: number;
  /** Copies of the layers' matrices in the order that the kernels read, for forward and backward. */
  packs: number;
  /** Gradient and two moments of everything that trains. */
  optimizer: number;
  /** What forward keeps for backward, and backward's own, in the largest batch. */
  activations: number;
  /** States of the training texts below the lowest trained layer (prefix-cache.ts). */
  prefixCache: number;
  total: number;
}

export function predictMemory(config: EncoderConfig, plan: Plan, largestBatch: number, now: number): MemoryPlan {
  const { layers, hidden, feedForward, heads, kvHeads, headWidth } = config;
  const context = heads * headWidth;
  const qkv = context + 2 * kvHeads * headWidth;
  // Rows of native/model/activations.cc, for one token.
  const targets = plan.layers.flatMap((layer) => layer.adapters ?? []);
  const adapted = (targets.length / layers) * (plan.lora?.rank ?? 0);
  const kept = 4 * hidden + qkv + context + 2 * feedForward + heads + 4 + adapted;
  // Gradients on the way down: of a layer's output, its neurons before and behind the activation, Q, K, V and context.
  const passing = 4 * hidden + 2 * feedForward + qkv + context;
  const through = plan.embeddings || plan.newRowsFirst >= 0 ? layers : layers - plan.floor;
  const packs = 4 * 2 * layers * layerWeights(config);
  const optimizer = 4 * 3 * plan.counts.trainable;
  const activations = 4 * largestBatch * (through * kept + passing);
  return { now, packs, optimizer, activations, prefixCache: 0, total: now + packs + optimizer + activations };
}

/** Tokens of the largest batch of the run. */
export function largestBatch(batches: TrainBatches, epochs: number): number {
  let largest = 0;
  for (let step = 0; step < epochs * batches.perEpoch; step++) {
    const tokens = batches.rows(step).reduce((sum, row) => sum + batches.encodings[row]!.ids.length, 0);
    largest = Math.max(largest, tokens);
  }
  return largest;
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** E_MEMORY when the plan does not fit into the container. */
export function checkMemory(plan: MemoryPlan, limit: number | null = binding().systemInfo().memoryLimit): void {
  if (limit === null || plan.total <= limit) return;
  const parts = [
    `${mebibytes(plan.now)} held now`,
    `${mebibytes(plan.packs)} packed weights`,
    `${mebibytes(plan.optimizer)} optimizer`,
    `${mebibytes(plan.activations)} activations`,
  ];
  throw new AdaptuneError(
    'E_MEMORY',
    `expected a run that fits into the container's ${mebibytes(limit)}, but this one needs about ${mebibytes(plan.total)} ` +
      `(${parts.join(', ')}): lower --batch or --max-length, or raise the limit`,
  );
}
