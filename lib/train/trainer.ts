/** What a plan trains, on the device: steps, and the state that makes an interrupted run continue bit for bit. */
import { AdaptuneError } from '../errors.js';
import type { Encoder } from '../model/encoder.js';
import {
  binding,
  type NativePlan,
  type SlotField,
  type SlotInfo,
  type StepOptions,
  type StepResult,
  type TrainerHandle,
} from '../native/binding.js';
import type { TensorSource } from '../model/safetensors.js';
import { Words } from '../util/philox.js';
import type { Plan } from '../select/plan.js';
import type { TrainBatch } from './batches.js';
import { pieceTokens } from './pieces.js';
import { wholeName } from './reselect.js';
import type { RunState } from './state.js';

export type Tensors = ReadonlyMap<string, Float32Array>;

export interface Moments {
  m: Float32Array;
  v: Float32Array;
  /** AdamW steps done. */
  t: number;
}

/** What of a plan says which weights train. */
export type TrainedParts = Pick<Plan, 'layers' | 'lora' | 'embeddings' | 'newRowsFirst' | 'head'>;

const WORD_TABLE = 'embeddings.word_embeddings.weight';
/** The new rows' values once they are frozen and no slot holds them any more. */
const ROWS = 'rows';
/** Step of the stream `init` that adapters draw from; parameters of the model have 0. */
const ADAPTER_STEP = 1;
const MOMENTS = ['value', 'm', 'v'] as const satisfies SlotField[];

export class Trainer {
  readonly #handle: TrainerHandle;
  readonly #pieceTokens: number;
  /** Values of the new rows, from the end of the token phase on. */
  #rows: Float32Array | null = null;
  #rowsActive: boolean;

  constructor(
    readonly encoder: Encoder,
    readonly plan: TrainedParts,
  ) {
    this.#handle = binding().createTrainer(encoder.handle, nativePlan(plan));
    this.#pieceTokens = pieceTokens(encoder.config, plan);
    this.#rowsActive = plan.newRowsFirst >= 0;
  }

  get rowsActive(): boolean {
    return this.#rowsActive;
  }

  step(batch: TrainBatch, options: StepOptions): Promise<StepResult> {
    const pieces = { pieceTokens: this.#pieceTokens, ...options };
    return binding().trainStep(this.#handle, batch.batch, batch.labels, null, pieces);
  }

  /** Keeps the states of `texts` training texts at the floor from step to step, in `bytes` of memory; 0 texts free it. */
  keepPrefix(texts: number, bytes: number): Promise<void> {
    return binding().keepPrefix(this.#handle, texts, bytes);
  }

  /** features: [CLS] states [labels.length, H]. */
  headStep(features: Float32Array, labels: Int32Array, options: StepOptions): Promise<StepResult> {
    return binding().headStep(this.#handle, features, labels, options);
  }

  /**
   * First values of adapters as PEFT has them: A uniform in +-1 / sqrt(in) (Kaiming with a = sqrt(5)), B 0, so that
   * training begins with the model as it is.
   */
  async initializeAdapters(seed: number): Promise<void> {
    for (const [index, { name, rows, cols }] of binding().trainerSlots(this.#handle).entries()) {
      if (!name.endsWith('.lora_A.weight')) continue;
      const words = new Words({ seed, stream: 'init', step: ADAPTER_STEP, site: index });
      const bound = 1 / Math.sqrt(cols);
      const values = Float32Array.from({ length: rows * cols }, (_, i) => bound * (2 * words.uniform(i) - 1));
      await binding().setSlot(this.#handle, index, 'value', values);
    }
  }

  /** Ends the training of adapters: the encoder's matrices take them up, and only then do they show in its tensors. */
  mergeAdapters(): Promise<void> {
    return binding().mergeAdapters(this.#handle);
  }

  /** Ends the token phase. */
  async freezeRows(): Promise<void> {
    const index = binding()
      .trainerSlots(this.#handle)
      .findIndex((slot) => slot.group === 'rows');
    this.#rows = await binding().getSlot(this.#handle, index, 'value');
    await binding().freezeRows(this.#handle);
    this.#rowsActive = false;
  }

  slots(): RunState['slots'] {
    return binding()
      .trainerSlots(this.#handle)
      .map(({ name, group, t }) => ({ name, group, t }));
  }

  /** Values and moments of everything that trains, and the new rows. */
  tensors(): TensorSource[] {
    const sources = binding()
      .trainerSlots(this.#handle)
      .flatMap((slot, index) => MOMENTS.map((field) => this.#source(slot, index, field)));
    const rows = this.#rows;
    if (rows) {
      const hidden = this.encoder.config.hidden;
      sources.push({ name: ROWS, shape: [rows.length / hidden, hidden], read: () => Promise.resolve(rows) });
    }
    return sources;
  }

  /** Values of the encoder's matrices among what trains; of the new rows under both names that `tensors` gives them. */
  encoderMatrices(): TensorSource[] {
    const slots = [...binding().trainerSlots(this.#handle).entries()];
    return slots.flatMap(([index, slot]) => {
      if (slot.group === 'head' || !slot.name.endsWith('.weight')) return [];
      const source = this.#source(slot, index, 'value');
      return slot.group === 'rows' ? [source, { ...source, name: ROWS }] : [source];
    });
  }

  #source({ name, rows, cols }: SlotInfo, index: number, field: SlotField): TensorSource {
    return {
      name: `${field}/${name}`,
      shape: [rows, cols],
      read: () => binding().getSlot(this.#handle, index, field),
    };
  }

  /** Continues where a checkpoint of the same plan and phase was written. */
  async restore(slots: RunState['slots'], tensors: Tensors): Promise<void> {
    const now = binding().trainerSlots(this.#handle);
    const same = now.length === slots.length && now.every((slot, i) => slot.name === slots[i]!.name);
    if (!same) throw new AdaptuneError('E_RESUME', 'expected the trained slices of this plan, came those of another');
    for (const [index, { name, rows, cols }] of now.entries()) {
      for (const field of MOMENTS) {
        await binding().setSlot(this.#handle, index, field, tensorOf(tensors, `${field}/${name}`, rows * cols));
      }
      await binding().setSlotStep(this.#handle, index, slots[index]!.t);
    }
    await this.#restoreRows(tensors);
  }

  /** Moments and counts of steps, by slice. */
  async moments(): Promise<ReadonlyMap<string, Moments>> {
    const found = new Map<string, Moments>();
    for (const [index, { name, group, t }] of binding().trainerSlots(this.#handle).entries()) {
      const [m, v] = [
        await binding().getSlot(this.#handle, index, 'm'),
        await binding().getSlot(this.#handle, index, 'v'),
      ];
      found.set(`${group}/${name}`, { m, v, t });
    }
    return found;
  }

  /** Goes on with the moments of another trainer of this encoder, in the slices that `same` names; the others begin anew. */
  async takeOver(moments: ReadonlyMap<string, Moments>, same: (name: string) => boolean): Promise<void> {
    for (const [index, { name, group }] of binding().trainerSlots(this.#handle).entries()) {
      const before = same(name) ? moments.get(`${group}/${name}`) : undefined;
      if (!before) continue;
      await binding().setSlot(this.#handle, index, 'm', before.m);
      await binding().setSlot(this.#handle, index, 'v', before.v);
      await binding().setSlotStep(this.#handle, index, before.t);
    }
  }

  /** Puts back the weights, and only these, of a checkpoint of the same run, whatever its phase: but not what it has whole. */
  async restoreWeights(tensors: Tensors): Promise<void> {
    for (const [index, { name, rows, cols }] of binding().trainerSlots(this.#handle).entries()) {
      if (tensors.has(wholeName(name))) continue;
      await binding().setSlot(this.#handle, index, 'value', tensorOf(tensors, `value/${name}`, rows * cols));
    }
    await this.#restoreRows(tensors);
  }

  async #restoreRows(tensors: Tensors): Promise<void> {
    if (this.plan.newRowsFirst < 0 || this.#rowsActive) return;
    const { vocabulary, hidden } = this.encoder.config;
    const length = (vocabulary - this.plan.newRowsFirst) * hidden;
    // A checkpoint of the token phase has the rows among its slots.
    const rows = tensorOf(tensors, tensors.has(ROWS) ? ROWS : `value/${WORD_TABLE}`, length);
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    await binding().setParameter(this.encoder.handle, WORD_TABLE, 'F32', bytes, this.plan.newRowsFirst);
    this.#rows = rows;
  }

  close(): void {
    binding().close(this.#handle);
  }
}

export function nativePlan(plan: TrainedParts): NativePlan {
  return {
    layers: plan.layers.map((layer) => ({
      groups: Int32Array.from(layer.groups),
      neurons: Int32Array.from(layer.neurons),
      extras: layer.extras,
      adapters: layer.adapters ?? [],
    })),
    ...(plan.lora ? { lora: plan.lora } : {}),
    embeddings: plan.embeddings,
    newRowsFirst: plan.newRowsFirst,
    head: plan.head,
  };
}

function tensorOf(tensors: Tensors, name: string, length: number): Float32Array {
  const values = tensors.get(name);
  if (values?.length === length) return values;
  throw new AdaptuneError(
    'E_RESUME',
    `expected ${length} values for ${name} in the checkpoint, came ${values ? values.length : 'none'}`,
  );
}
