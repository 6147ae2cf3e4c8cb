/** One run of the training job: its stages with their times, what it tells while it works, and how it stops. */
import { AdaptuneError } from '../errors.js';
import type { EncoderConfig } from '../native/binding.js';
import type { SelectionDiagnostics } from '../select/diagnostics.js';
import type { Plan } from '../select/plan.js';
import type { EpochEvaluation, RunProgress } from './state.js';

export const TRAIN_STAGES = [
  'tokenizer',
  'mine',
  'grow',
  'tokenize',
  'load',
  'head fit',
  'calibrate',
  'select',
  'tokens',
  'units',
  'evaluate',
  'save',
] as const;
export type TrainStage = (typeof TRAIN_STAGES)[number];

export interface TrainEvent {
  stage: TrainStage;
  /** Of `total`: texts, tokens, or steps in the phases `tokens` and `units`. */
  done: number;
  total: number;
  /** Per second since the stage began, in this process. */
  rate: number;
  loss?: number;
  /** Of the step just done. */
  lr?: number;
  epoch?: number;
  /** Texts of the step whose states below the lowest trained layer were kept from an earlier one. */
  cached?: number;
}

export interface PlanEvent {
  plan: Plan;
  /** Equal for runs that end with the same weights. */
  hash: string;
  config: EncoderConfig;
  diagnostics: SelectionDiagnostics | null;
}

export interface TestEvent {
  labels: readonly string[];
  /** Indices of labels, by test text. */
  gold: Int32Array;
  predicted: Int32Array;
}

export interface TrainHooks {
  /** Finishes the step under way, writes a checkpoint, and rejects with E_INTERRUPTED. */
  signal?: AbortSignal | undefined;
  onProgress?: ((event: TrainEvent) => void) | undefined;
  /** After each epoch: its mean training loss, and the scores of the validation texts. */
  onEpoch?: ((epoch: EpochEvaluation) => void) | undefined;
  /** Remarks worth reading: heads created, a changed instruction set, an unsteady selection. */
  onNote?: ((note: string) => void) | undefined;
  /** Before the first step that follows the plan. What it throws ends the run. */
  onPlan?: ((event: PlanEvent) => void) | undefined;
  /** After the test texts were scored. */
  onTest?: ((event: TestEvent) => void) | undefined;
}

type Detail = Omit<TrainEvent, 'stage' | 'done' | 'total' | 'rate'>;
export type Report = (done: number, total: number, detail?: Detail) => void;

export class Run {
  /** The newest checkpoint while no sound step or evaluation has followed it. */
  #unconfirmed: string | null = null;

  constructor(
    readonly hooks: TrainHooks,
    readonly progress: RunProgress,
  ) {}

  get signal(): AbortSignal | undefined {
    return this.hooks.signal;
  }

  /** `good`: nothing has trained that could have made it a bad one. */
  checkpointWritten(name: string, good: boolean): void {
    this.#unconfirmed = name;
    if (good) this.confirmCheckpoint();
  }

  /** Training goes on with sound numbers from the newest checkpoint: it is a good one. */
  confirmCheckpoint(): void {
    this.progress.lastGood = this.#unconfirmed ?? this.progress.lastGood;
    this.#unconfirmed = null;
  }

  note(text: string): void {
    if (this.progress.notes.includes(text)) return;
    this.progress.notes.push(text);
    this.hooks.onNote?.(text);
  }

  /** Runs a stage and adds its seconds to what the stage took before. An abort during it becomes E_INTERRUPTED. */
  async stage<T>(stage: TrainStage, work: (report: Report) => Promise<T>): Promise<T> {
    const begin = performance.now();
    let first: number | null = null;
    const report: Report = (done, total, detail = {}) => {
      first ??= done;
      const seconds = (performance.now() - begin) / 1000;
      this.hooks.onProgress?.({ stage, done, total, rate: seconds > 0 ? (done - first) / seconds : 0, ...detail });
    };
    try {
      this.signal?.throwIfAborted();
      return await work(report);
    } catch (error) {
      throw this.signal?.aborted ? this.interrupted(stage, error) : error;
    } finally {
      this.addSeconds(stage, (performance.now() - begin) / 1000);
    }
  }

  addSeconds(stage: TrainStage, seconds: number): void {
    const entry = this.progress.stages.find(([name]) => name === stage);
    if (entry) entry[1] += seconds;
    else this.progress.stages.push([stage, seconds]);
  }

  /** What to throw when `cause` came after an abort: E_INTERRUPTED, unless something else went wrong. */
  interrupted(stage: TrainStage, cause: unknown): unknown {
    const aborted =
      cause === this.signal?.reason ||
      (cause instanceof AdaptuneError && cause.code === 'E_ABORTED') ||
      isAbortError(cause);
    if (!aborted) return cause;
    return new AdaptuneError('E_INTERRUPTED', `stopped on request in the stage "${stage}"; --resume continues`, {
      cause,
    });
  }
}

const isAbortError = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
