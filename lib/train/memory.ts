/**
 * Memory of a training run, predicted before its first step and compared with the container's limit: the kernel's way of
 * saying that it was too much is a process that is gone (137), without a word.
 */
import { AdaptuneError } from '../errors.js';
import { BATCH_TOKENS } from '../model/batching.js';
import type { Encoder } from '../model/encoder.js';
import { binding, type BatchSize } from '../native/binding.js';
import { nativePlan, type TrainedParts } from './trainer.js';

/** Bytes. */
export interface MemoryPlan {
  /** Held before training: the process with the model, texts and tokens in it. */
  now: number;
  /** Copies of frozen matrices in the order that the kernels read. */
  packs: number;
  /** Gradient and two moments of everything that trains. */
  optimizer: number;
  /** What forward keeps for backward, and both of their own, in the largest piece of a batch. */
  activations: number;
  /** What evaluating or saving takes more than a step, which then holds nothing. */
  between: number;
  /** States of the training texts below the lowest trained layer (prefix-cache.ts). */
  prefixCache: number;
  total: number;
}

/** A checkpoint's tensors are copied one by one: out of native memory, and once more as what JavaScript has not yet freed. */
const COPIES = 3;

/** Without a prefix cache, but with what steps take that have one. `now`: bytes held by the process, trimmed (`Encoder.trim`). */
export function predictMemory(
  encoder: Encoder,
  plan: TrainedParts,
  piece: BatchSize,
  { now, cached }: { now: number; cached: boolean },
): MemoryPlan {
  const { config, handle } = encoder;
  const inference = { tokens: Math.max(BATCH_TOKENS, config.positions), texts: BATCH_TOKENS };
  const bytes = binding().trainingMemory(handle, nativePlan(plan), piece, inference, cached);
  const { packs, optimizer } = bytes;
  const activations = bytes.activations + bytes.scratch;
  const table = plan.embeddings ? 4 * config.vocabulary * config.hidden : 0;
  const saving = COPIES * Math.max(table, 4 * config.feedForward * config.hidden);
  const between = Math.max(0, Math.max(bytes.inference, saving) - packs - activations);
  const total = now + packs + optimizer + activations + between;
  return { now, packs, optimizer, activations, between, prefixCache: 0, total };
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** E_MEMORY when the plan does not fit into the container. */
export function checkMemory(plan: MemoryPlan, limit: number | null = binding().systemInfo().memoryLimit): void {
  if (limit === null || plan.total <= limit) return;
  const parts = [
    `${mebibytes(plan.now)} held now`,
    `${mebibytes(plan.optimizer)} optimizer`,
    `${mebibytes(plan.activations)} activations`,
    ...(plan.packs > 0 ? [`${mebibytes(plan.packs)} packed weights`] : []),
    ...(plan.between > 0 ? [`${mebibytes(plan.between)} for evaluating and saving`] : []),
  ];
  throw new AdaptuneError(
    'E_MEMORY',
    `expected a run that fits into the container's ${mebibytes(limit)}, but this one needs about ${mebibytes(plan.total)} ` +
      `(${parts.join(', ')}): lower --batch or --max-length, or raise the limit`,
  );
}
