/** Models and trainers on the addon for tests: opened, used, closed in order. */
import { createHash } from 'node:crypto';
import { binding } from '../../lib/native/binding.js';
import type {
  EncoderConfig,
  Isa,
  ModelHandle,
  PackedBatch,
  StepOptions,
  StepResult,
  TrainerHandle,
} from '../../lib/native/binding.js';
import { nativePlan, parameterNames, values } from './fixture.js';
import type { Fixture, PlanJson } from './fixture.js';

export const ISAS: Isa[] = ['ref', 'scalar', 'avx2', 'avx512'];

/** In a `before` hook: skips the suite's tests where this machine lacks the instruction set, and says so. */
export function requireIsa(context: Mocha.Context, isa: Isa): void {
  if (binding().systemInfo().isas.includes(isa)) return;
  for (const test of context.test!.parent!.tests) test.title += ` (skipped: this machine lacks ${isa})`;
  context.skip();
}

export interface EngineOptions {
  isa: Isa;
  threads?: number;
  config?: Partial<EncoderConfig>;
}

/** Opens a device, loads the fixture's weights, hands the model over, closes. */
export async function withModel<T>(
  fixture: Fixture,
  options: EngineOptions,
  work: (model: ModelHandle) => Promise<T>,
): Promise<T> {
  const device = binding().openDevice({ threads: options.threads ?? 2, isa: options.isa });
  const model = binding().createModel(device, { ...fixture.config, ...options.config });
  try {
    for (const name of parameterNames(fixture)) {
      await setParameter(model, name, values(fixture, `weight/${name}`) as Float32Array);
    }
    return await work(model);
  } finally {
    binding().close(model);
    binding().close(device);
  }
}

export async function withTrainer<T>(
  model: ModelHandle,
  plan: PlanJson,
  work: (trainer: TrainerHandle) => Promise<T>,
): Promise<T> {
  const trainer = binding().createTrainer(model, nativePlan(plan));
  try {
    return await work(trainer);
  } finally {
    binding().close(trainer);
  }
}

export function setParameter(model: ModelHandle, name: string, data: Float32Array): Promise<void> {
  return binding().setParameter(model, name, 'F32', new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 0);
}

export async function parameters(model: ModelHandle): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
  const out = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const { name, shape } of binding().modelParameters(model)) {
    out.set(name, { shape, data: await binding().getParameter(model, name) });
  }
  return out;
}

/** The gradients of all slots, by tensor. */
export async function gradients(trainer: TrainerHandle): Promise<Map<string, Float32Array>> {
  const out = new Map<string, Float32Array>();
  for (const [index, slot] of binding().trainerSlots(trainer).entries()) {
    out.set(slot.name, await binding().getSlot(trainer, index, 'grad'));
  }
  return out;
}

/** One step, dropout off and all rates 1e-3 unless told otherwise. */
export function step(
  trainer: TrainerHandle,
  { batch, labels }: { batch: PackedBatch; labels: Int32Array },
  options: Partial<StepOptions> = {},
): Promise<StepResult> {
  const lr = { units: 1e-3, head: 1e-3, rows: 1e-3 };
  return binding().trainStep(trainer, batch, labels, null, { seed: 7, step: 0, lr, dropout: false, ...options });
}

export function sha256(data: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}
