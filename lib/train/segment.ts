/** A part of a run with one plan and so one trainer: all of it, or what lies before or behind a second choice of units. */
import type { Encoder } from '../model/encoder.js';
import { tokenStepsOf, type Plan } from '../select/plan.js';
import type { TrainBatches } from './batches.js';
import { WeightWatch } from './divergence.js';
import { checkMemory, predictMemory, type MemoryPlan } from './memory.js';
import type { ResolvedOptions } from './options.js';
import { largestPiece, pieceTokens } from './pieces.js';
import { keepPrefix, prefixBytes, withPrefixCache } from './prefix-cache.js';
import type { Run } from './run.js';
import { Trainer } from './trainer.js';

export interface Segment {
  trainer: Trainer;
  watch: WeightWatch;
  memory: MemoryPlan;
}

export interface SegmentRequest {
  run: Run;
  encoder: Encoder;
  plan: Plan;
  batches: TrainBatches;
  options: Pick<ResolvedOptions, 'epochs' | 'seed' | 'prefixCache'>;
  /** Steps done before. */
  step: number;
  /** Gives a trainer in the phase of that step its state. */
  restore(trainer: Trainer): Promise<void>;
}

/** E_MEMORY when it would not fit. */
export async function beginSegment(request: SegmentRequest): Promise<Segment> {
  const { run, encoder, plan, batches, options, step } = request;
  const cached = options.prefixCache === 'auto';
  const wanted = cached ? prefixBytes(encoder.config, plan, batches, { ...options, steps: step }) : 0;
  await encoder.trim();
  const piece = largestPiece(batches, options.epochs, pieceTokens(encoder.config, plan));
  const now = process.memoryUsage.rss();
  const without = predictMemory(encoder, plan, piece, { now, cached: wanted > 0 });
  checkMemory(without);
  const memory = withPrefixCache(without, wanted);
  const trainer = new Trainer(encoder, plan);
  try {
    await trainer.initializeAdapters(options.seed);
    const watch = await WeightWatch.begin(trainer.encoderMatrices());
    const tokenSteps = tokenStepsOf(plan);
    if (trainer.rowsActive && step >= tokenSteps) await trainer.freezeRows();
    await request.restore(trainer);
    await keepPrefix(trainer, run, batches.encodings.length, { bytes: memory.prefixCache, wanted });
    return { trainer, watch, memory };
  } catch (error) {
    trainer.close();
    throw error;
  }
}
