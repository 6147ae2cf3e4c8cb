/** When a run writes checkpoints, what it does when one cannot be written, and which ones it keeps. */
import type { TensorSource } from '../model/safetensors.js';
import type { CheckpointContents, CheckpointStore } from './checkpoint.js';
import { isDiverged } from './divergence.js';
import type { Run } from './run.js';
import type { RunState } from './state.js';

/** Failed periodic checkpoints in a row that are put up with; training goes on from memory meanwhile. */
const FAILURES = 1;

/** All of a checkpoint but its tensors. */
export type CheckpointState = Omit<CheckpointContents, 'tensors'>;

export class CheckpointWriter {
  #failures = 0;

  constructor(
    private readonly store: CheckpointStore,
    private readonly run: Run,
  ) {}

  async save(state: CheckpointState, tensors: TensorSource[]): Promise<void> {
    const name = await this.store.write({ ...state, tensors });
    await this.written(name, state.state.stage);
  }

  /** False when a periodic checkpoint failed, which may be missed once; a required one is written, or the run ends. */
  async saveStep(state: CheckpointState, tensors: TensorSource[], why: 'periodic' | 'required'): Promise<boolean> {
    try {
      await this.save(state, tensors);
      this.#failures = 0;
      return true;
    } catch (error) {
      if (isDiverged(error) || why === 'required' || ++this.#failures > FAILURES) throw error;
      this.run.note(`checkpoint after step ${state.state.step} failed, training goes on: ${(error as Error).message}`);
      return false;
    }
  }

  /** A checkpoint of this stage is the newest. Removes all but it, the best and the last good one. */
  async written(name: string, stage: RunState['stage']): Promise<void> {
    this.run.checkpointWritten(name, stage !== 'train');
    const { best, lastGood } = this.run.progress;
    await this.store.keep(new Set([name, best?.checkpoint ?? name, lastGood ?? name]));
  }

  /** Makes the last good checkpoint the newest one, so that what diverged is never gone on with. */
  async rollBack(): Promise<void> {
    const { lastGood } = this.run.progress;
    try {
      if (lastGood !== null) await this.store.rollBack(lastGood);
    } catch (reason) {
      this.run.note(`checkpoints after ${lastGood} could not be removed: ${(reason as Error).message}`);
    }
  }
}
