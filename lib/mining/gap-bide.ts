import { BARRIER, type SequenceDatabase } from './database.js';
import { type Frame, Search, type Sink } from './search.js';
import type { Tasks } from './tasks.js';

/**
 * Closed patterns with at most `maxGap` items between neighbours (Li & Wang, Gap-BIDE, ICDM 2008). A projection holds every
 * distinct occurrence as (begin, end), ascending; occurrences that differ only inside are one. A pattern is closed iff no item
 * before or after it, within the gap, has its support. A prefix is pruned iff one item lies in the backward window of every
 * occurrence: then that item can be put before every extension.
 */
export class GapSearch extends Search {
  constructor(
    database: SequenceDatabase,
    maxPattern: number,
    sink: Sink,
    tasks: Tasks,
    private readonly maxGap: number,
  ) {
    super(database, maxPattern, sink, tasks);
  }

  protected override project(positions: Int32Array): number {
    this.reserve(2 * positions.length);
    const { arena } = this;
    for (let i = 0; i < positions.length; i++) arena[2 * i] = arena[2 * i + 1] = positions[i]!;
    return 2 * positions.length;
  }

  protected override extend(frame: Frame): void {
    const { sequenceOf } = this.database;
    this.followers(frame, (item, _begin, end) => this.tally.add(item, sequenceOf[end]!));
    if (this.branch(frame, this.tally.occurrences, 2)) {
      this.followers(frame, (item, begin, end) => this.place(item, begin, end));
    }
  }

  protected override isDominated(frame: Frame): boolean {
    let candidates: number[] | undefined;
    let begin = -1;
    for (let k = frame.begin; k < frame.end; k += 2) {
      if (this.arena[k] === begin) continue;
      begin = this.arena[k]!;
      if (candidates === undefined) {
        const window = new Set<number>();
        this.preceding(begin, (item) => window.add(item));
        candidates = [...window];
      } else {
        this.marks.clear();
        this.preceding(begin, (item) => this.marks.add(item));
        candidates = candidates.filter((item) => this.marks.has(item));
      }
      if (candidates.length === 0) return false;
    }
    return true;
  }

  protected override extendsBackward(frame: Frame): boolean {
    const { sequenceOf } = this.database;
    let begin = -1;
    for (let k = frame.begin; k < frame.end; k += 2) {
      if (this.arena[k] === begin) continue;
      begin = this.arena[k]!;
      const sequence = sequenceOf[begin]!;
      this.preceding(begin, (item) => this.tally.add(item, sequence));
    }
    const extended = this.tally.reaches(frame.support);
    this.tally.clear();
    return extended;
  }

  /**
   * Visits each distinct (begin, end) of the pattern's one-item extensions once, ascending. Windows of occurrences with the same
   * begin overlap; as their ends ascend, what was visited before is a prefix of the next window.
   */
  private followers(frame: Frame, visit: (item: number, begin: number, end: number) => void): void {
    const { items } = this.database;
    let begin = -1;
    let visited = -1;
    for (let k = frame.begin; k < frame.end; k += 2) {
      const end = this.arena[k + 1]!;
      if (this.arena[k] !== begin) {
        begin = this.arena[k]!;
        visited = end;
      }
      const last = end + 1 + this.maxGap;
      let at = Math.max(end, visited) + 1;
      for (; at <= last; at++) {
        const item = items[at]!;
        if (item === BARRIER) break;
        if (item >= 0) visit(item, begin, at);
      }
      visited = at - 1;
    }
  }

  /** Visits the items in the backward window of a position. */
  private preceding(begin: number, visit: (item: number) => void): void {
    const { items } = this.database;
    const last = begin - 1 - this.maxGap;
    for (let at = begin - 1; at >= last; at--) {
      const item = items[at]!;
      if (item === BARRIER) break;
      if (item >= 0) visit(item);
    }
  }

  private place(item: number, begin: number, end: number): void {
    const slot = this.tally.slot[item]!;
    if (slot < 0) return;
    this.arena[slot] = begin;
    this.arena[slot + 1] = end;
    this.tally.slot[item] = slot + 2;
  }
}
