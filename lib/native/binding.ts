/**
 * The boundary: every function that the addon exports, typed. The only file that loads it.
 *
 * Ids and lengths are copied in, outputs are created by native code. Every asynchronous call runs on the device's one
 * dispatcher thread in the order of the calls, and rejects with a coded error (`code` of lib/errors.ts).
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import type { AdapterSettings, AdapterTarget } from './adapters.js';
import { withCodes } from './codes.js';
import type { KernelArguments, KernelName, KernelResult } from './kernels.js';
import { absent, libc, unusable } from './remedies.js';

declare const tag: unique symbol;
export type DeviceHandle = { readonly [tag]: 'device' };
export type ModelHandle = { readonly [tag]: 'model' };
export type TrainerHandle = { readonly [tag]: 'trainer' };
export type CalibrationHandle = { readonly [tag]: 'calibration' };
export type KernelHandle = { readonly [tag]: 'kernel' };
/** Cancel flag and latest progress of the jobs that it is passed to. */
export type TokenHandle = { readonly [tag]: 'token' };

export type Isa = 'ref' | 'scalar' | 'avx2' | 'avx512';
export type Dtype = 'F32' | 'F16' | 'BF16';

export interface SystemInfo {
  version: string;
  /** Instruction sets that can run here, best last ("ref" is always there). */
  isas: Isa[];
  cpuModel: string;
  /** Processors of the machine, of this process' affinity mask, and of the container's CPU quota (null: none). */
  logicalCpus: number;
  affinityCpus: number;
  quotaCpus: number | null;
  /** max(1, min(affinity, floor(quota))) */
  defaultThreads: number;
  /** Bytes; null: no container limit. */
  memoryLimit: number | null;
  memoryTotal: number;
}

export interface EncoderConfig {
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headWidth: number;
  feedForward: number;
  vocabulary: number;
  positions: number;
  types: number;
  classes: number;
  normEps: number;
  hiddenDropout: number;
  attentionDropout: number;
  classifierDropout: number;
  activation: 'gelu';
}

/** A packed batch: `ids[total]`, `offsets[batch + 1]`, optional `typeIds[total]`. */
export interface PackedBatch {
  ids: Int32Array;
  offsets: Int32Array;
  typeIds?: Int32Array;
  /** Of a training step: which of the training texts each is, for `keepPrefix`. */
  texts?: Int32Array;
}

export interface NativePlan {
  layers: { groups: Int32Array; neurons: Int32Array; extras: boolean; adapters?: readonly AdapterTarget[] }[];
  /** Of all adapters; needed where layers have any. */
  lora?: AdapterSettings;
  embeddings: boolean;
  /** First trained row of the word table, -1 for none. */
  newRowsFirst: number;
  head: boolean;
}

export interface BatchSize {
  tokens: number;
  texts: number;
}

/** Bytes. */
export interface TrainingMemory {
  /** Gradients and two moments of everything that trains. */
  optimizer: number;
  /** Copies, in the order that the kernels read, of weights that do not change. */
  packs: number;
  /** What a step keeps between its ops, and an op needs for itself. */
  activations: number;
  scratch: number;
  /** All of this for a forward pass alone. */
  inference: number;
}

export interface StepOptions {
  seed: number;
  step: number;
  /** Learning rates of this step. */
  lr: { units: number; head: number; rows: number };
  beta1?: number;
  beta2?: number;
  eps?: number;
  weightDecay?: number;
  /** Global-norm clipping; 0: off. */
  clip?: number;
  dropout?: boolean;
  update?: boolean;
  /** Batches with more tokens go through the model in pieces of about so many: bounds memory. 0: never. */
  pieceTokens?: number;
}

export interface StepResult {
  loss: number;
  gradNorm: number;
  finite: boolean;
  /** Texts whose states at the floor were kept from an earlier step (`keepPrefix`). */
  cached: number;
  seconds: number;
}

export interface SlotInfo {
  name: string;
  group: 'units' | 'head' | 'rows';
  rows: number;
  cols: number;
  /** AdamW steps done. */
  t: number;
}
export type SlotField = 'value' | 'grad' | 'm' | 'v';

export interface UnitSensitivity {
  norm: Float64Array;
  ratio: Float64Array;
  feature: Float64Array;
  gradient: Float64Array;
}
export interface LayerSensitivity {
  groups: UnitSensitivity;
  neurons: UnitSensitivity;
}

export interface ParameterInfo {
  name: string;
  /** [n] or [rows, cols] */
  shape: number[];
}

export interface Binding {
  systemInfo(): SystemInfo;
  errorCodes(): string[];
  memory(): { live: number; peak: number; allocations: number };
  /** Test door: the k-th native allocation from now fails; 0 switches off. */
  failAllocation(k: number, always: boolean): void;
  philox(seed: number, c0: number, c1: number, c2: number, c3: number): Uint32Array;
  /** What the container allows, read below a directory that holds copies of /proc and /sys/fs/cgroup ('': the system's). */
  containerLimits(root: string): { cpus: number | null; memory: number | null };
  /** Takes an exclusive lock on a file (flock, close-on-exec); the kernel releases it with the process. Null when another process holds it. */
  lockFile(path: string): number | null;
  unlockFile(lock: number): void;

  openDevice(options: { threads: number; isa: Isa }): DeviceHandle;
  createModel(device: DeviceHandle, config: EncoderConfig): ModelHandle;
  modelParameters(model: ModelHandle): ParameterInfo[];
  /** Converts and copies `bytes` (any alignment) into rows [firstRow, firstRow + n) of the parameter; non-finite values are E_MODEL_VALUE. */
  setParameter(model: ModelHandle, name: string, dtype: Dtype, bytes: Uint8Array, firstRow: number): Promise<void>;
  getParameter(model: ModelHandle, name: string): Promise<Float32Array>;
  /** Gives back what is made again when it is needed: copies of the weights in other orders, and the device's working memory. */
  trim(model: ModelHandle): Promise<void>;
  /** logits [B, classes], pooled [B, hidden], cls [B, hidden], hidden [T, hidden] */
  forward(
    model: ModelHandle,
    batch: PackedBatch,
    output: 'logits' | 'pooled' | 'cls' | 'hidden',
    token?: TokenHandle,
  ): Promise<Float32Array>;
  /** Gradients of everything below the head, from dhidden [T, hidden] of the last hidden states; dropout is off. */
  backward(
    model: ModelHandle,
    batch: PackedBatch,
    dhidden: Float32Array,
    token?: TokenHandle,
  ): Promise<{ name: string; data: Float32Array }[]>;

  createTrainer(model: ModelHandle, plan: NativePlan): TrainerHandle;
  trainStep(
    trainer: TrainerHandle,
    batch: PackedBatch,
    labels: Int32Array,
    weights: Float32Array | null,
    options: StepOptions,
    token?: TokenHandle,
  ): Promise<StepResult>;
  /** One step of pooler and classifier on given [CLS] states, features [B, hidden]. */
  headStep(
    trainer: TrainerHandle,
    features: Float32Array,
    labels: Int32Array,
    options: StepOptions,
  ): Promise<StepResult>;
  /**
   * Bytes that a run takes beside its model; `piece`: the largest that goes through the model at once, `batch`: in inference.
   * `cached`: what steps take that keep a prefix, without what they keep.
   */
  trainingMemory(
    model: ModelHandle,
    plan: NativePlan,
    piece: BatchSize,
    batch: BatchSize,
    cached: boolean,
  ): TrainingMemory;
  freezeRows(trainer: TrainerHandle): Promise<void>;
  /**
   * From now on steps keep the states of `texts` training texts at the floor in `bytes` of memory (16 a text and 4 hidden
   * a token; a text, when only the head trains), and begin there for texts that were met before. What they train stays the
   * same to the bit. Texts that do not fit are computed each time; 0 texts free all.
   */
  keepPrefix(trainer: TrainerHandle, texts: number, bytes: number): Promise<void>;
  /** Adds every adapter's product to its matrix; they are no slots of the trainer from then on. */
  mergeAdapters(trainer: TrainerHandle): Promise<void>;
  trainerFloor(trainer: TrainerHandle): number;
  trainerSlots(trainer: TrainerHandle): SlotInfo[];
  /** Compact [rows, cols] of slot i. */
  getSlot(trainer: TrainerHandle, index: number, field: SlotField): Promise<Float32Array>;
  setSlot(trainer: TrainerHandle, index: number, field: 'value' | 'm' | 'v', data: Float32Array): Promise<void>;
  setSlotStep(trainer: TrainerHandle, index: number, t: number): Promise<void>;

  /** `squares`: of each batch's gradients, in place of the gradients' sum. */
  createCalibration(model: ModelHandle, squares?: boolean): CalibrationHandle;
  calibrate(
    calibration: CalibrationHandle,
    batch: PackedBatch,
    labels: Int32Array,
    scale: number,
    half: 0 | 1,
    token?: TokenHandle,
  ): Promise<void>;
  calibrationResult(calibration: CalibrationHandle, half: 0 | 1 | -1): Promise<LayerSensitivity[]>;

  runKernel<K extends KernelName>(device: DeviceHandle, kernel: K, args: KernelArguments<K>): Promise<KernelResult<K>>;
  createKernel<K extends KernelName>(device: DeviceHandle, kernel: K, args: KernelArguments<K>): KernelHandle;
  /** Seconds [runs, kernels] of kernels of one device that take turns. */
  timeKernels(kernels: KernelHandle[], runs: number): Promise<Float64Array>;

  createToken(): TokenHandle;
  /** Jobs holding the token end with E_ABORTED at their next check. */
  cancel(token: TokenHandle): void;
  /** Layers done so far by the jobs holding the token. */
  progress(token: TokenHandle): number;

  /** Frees native memory once running jobs ended; idempotent. Later calls on the handle throw E_CLOSED. A model closes after its trainers. */
  close(handle: DeviceHandle | ModelHandle | TrainerHandle | CalibrationHandle | KernelHandle): void;
}

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
let loaded: Binding | undefined;
let loadedFrom: string | undefined;

/** The addon, loaded by the first call. Throws E_ADDON, which lists remedies. */
export function binding(): Binding {
  return (loaded ??= withCodes(load()));
}

/** The file that binding() loaded. */
export function addonPath(): string | undefined {
  return loadedFrom;
}

/** ADAPTUNE_BINARY, then what was built here (build/Release), then the prebuilt file of this platform. */
function load(): Binding {
  const chosen = process.env['ADAPTUNE_BINARY'];
  if (chosen) {
    try {
      return checked(require(resolve(chosen)), resolve(chosen));
    } catch (error) {
      throw isMissing(error) ? absent([resolve(chosen)], 'chosen', error) : unusable(resolve(chosen), 'chosen', error);
    }
  }
  try {
    const found = bindings({ bindings: 'adaptune', module_root: ROOT }) as { path: string };
    return checked(found, found.path);
  } catch (error) {
    if (!Array.isArray((error as { tries?: unknown }).tries)) throw unusable(join(ROOT, 'build'), 'searched', error);
  }
  const prebuilt = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`, `adaptune.${libc()}.node`);
  try {
    return checked(require(prebuilt), prebuilt);
  } catch (error) {
    const built = join(ROOT, 'build', 'Release', 'adaptune.node');
    throw isMissing(error) ? absent([built, prebuilt], 'searched', error) : unusable(prebuilt, 'searched', error);
  }
}

function checked(addon: unknown, path: string): Binding {
  if (typeof (addon as Binding | null)?.systemInfo !== 'function') throw new Error('Module did not self-register');
  loadedFrom = path;
  return addon as Binding;
}

const isMissing = (error: unknown) => (error as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND';
