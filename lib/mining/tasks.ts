import type { SequenceDatabase } from './database.js';

const NEXT = 0;
const DONE = 1;
const THRESHOLD = 2;
const STOPPED = 3;

/** What threads share besides the database. */
export interface SharedTasks {
  /** First items, those with the most occurrences first: large subtrees begin early, and a rising support rises fast. */
  readonly order: Int32Array;
  readonly control: Int32Array;
}

/**
 * The first-level prefixes of a search, handed out one by one to whichever thread asks next, and what threads tell each other: the
 * support that still matters, and that all is over. Which thread takes which prefix decides nothing about the answer.
 */
export class Tasks {
  private constructor(
    readonly shared: SharedTasks,
    private readonly index: Int32Array,
  ) {}

  static of(database: SequenceDatabase, threshold: number): Tasks {
    const { index, alphabet } = database;
    const order = new Int32Array(new SharedArrayBuffer(4 * alphabet.length));
    const size = (item: number): number => index[item + 1]! - index[item]!;
    order.set([...alphabet.keys()].sort((a, b) => size(b) - size(a) || a - b));
    const control = new Int32Array(new SharedArrayBuffer(16));
    control[THRESHOLD] = threshold;
    return new Tasks({ order, control }, index);
  }

  /** The same tasks on another thread. */
  static join(shared: SharedTasks, database: SequenceDatabase): Tasks {
    return new Tasks(shared, database.index);
  }

  /** The next first item, or -1. */
  take(): number {
    const { order, control } = this.shared;
    if (Atomics.load(control, STOPPED) === 1) return -1;
    const next = Atomics.add(control, NEXT, 1);
    return next < order.length ? order[next]! : -1;
  }

  finish(item: number): void {
    Atomics.add(this.shared.control, DONE, this.index[item + 1]! - this.index[item]!);
  }

  /** Share of the occurrences of first items whose patterns are all found, 0 to 1. */
  get done(): number {
    const all = this.index.at(-1)!;
    return all === 0 ? 1 : Atomics.load(this.shared.control, DONE) / all;
  }

  get threshold(): number {
    return Atomics.load(this.shared.control, THRESHOLD);
  }

  set threshold(support: number) {
    Atomics.store(this.shared.control, THRESHOLD, support);
  }

  get stopped(): boolean {
    return Atomics.load(this.shared.control, STOPPED) === 1;
  }

  /** Every thread ends at its next look. */
  stop(): void {
    Atomics.store(this.shared.control, STOPPED, 1);
  }
}
