/**
 * How much memory a run spends on the training texts' states at the plan's floor, so that epochs after the first need not
 * compute the frozen layers below it again (native/train/prefix_cache.h). It decides nothing but time: the steps train the
 * same bits, and a resumed run fills the cache anew.
 */
import { freemem } from 'node:os';
import { AdaptuneError } from '../errors.js';
import { binding, type EncoderConfig } from '../native/binding.js';
import { tokenStepsOf, type Plan } from '../select/plan.js';
import type { TrainBatches } from './batches.js';
import type { MemoryPlan } from './memory.js';
import type { Run } from './run.js';
import type { Trainer } from './trainer.js';

/** Share of the memory that the run would leave free. */
const SHARE = 1 / 2;
/** Where the rows of a text are. */
const TEXT_BYTES = 16;

/** Bytes for all texts, for a run that has `steps` steps behind it; 0 where no step would find anything. */
export function prefixBytes(
  config: EncoderConfig,
  plan: Pick<Plan, 'floor' | 'embeddings' | 'phases'>,
  { encodings, perEpoch }: Pick<TrainBatches, 'encodings' | 'perEpoch'>,
  { epochs, steps }: { epochs: number; steps: number },
): number {
  const tokenSteps = tokenStepsOf(plan);
  const filled = Math.floor(Math.max(steps, tokenSteps) / perEpoch);
  if (plan.embeddings || plan.floor === 0 || filled >= epochs - 1) return 0;
  const cls = plan.floor === config.layers;
  const states = cls ? encodings.length : encodings.reduce((sum, { ids }) => sum + ids.length, 0);
  return TEXT_BYTES * encodings.length + 4 * config.hidden * states;
}

export interface Room {
  /** Bytes that this process may take in all, and that nobody has taken yet. */
  limit: number;
  free: number;
}

function roomHere(): Room {
  const { memoryLimit, memoryTotal } = binding().systemInfo();
  return { limit: Math.min(memoryLimit ?? Infinity, memoryTotal), free: freemem() };
}

/** `memory` with as much of `wanted` as there is room for. */
export function withPrefixCache(memory: MemoryPlan, wanted: number, { limit, free }: Room = roomHere()): MemoryPlan {
  const left = Math.min(limit - memory.total, free - (memory.total - memory.now));
  const prefixCache = Math.max(0, Math.min(wanted, Math.floor(SHARE * left)));
  return { ...memory, prefixCache, total: memory.total + prefixCache };
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Takes `bytes` of the `wanted`. Says so when that is less, and goes on without when they are not to be had. */
export async function keepPrefix(
  trainer: Pick<Trainer, 'keepPrefix'>,
  run: Pick<Run, 'note'>,
  texts: number,
  { bytes, wanted }: { bytes: number; wanted: number },
): Promise<void> {
  if (wanted === 0) return;
  let kept = bytes > TEXT_BYTES * texts;
  if (kept) {
    await trainer.keepPrefix(texts, bytes).catch((error: unknown) => {
      if (!(error instanceof AdaptuneError && error.code === 'E_MEMORY')) throw error;
      kept = false;
    });
  }
  if (kept && bytes === wanted) return;
  run.note(
    `the states below the lowest trained layer take ${mebibytes(wanted)}, and there is room for ` +
      `${kept ? mebibytes(bytes) : 'none of them'}: the rest is computed in every epoch, which the predicted cost leaves out`,
  );
}
