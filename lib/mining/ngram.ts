import { type Frame, Search } from './search.js';

/**
 * Closed contiguous patterns: an n-gram is closed iff no one-item extension to the left or to the right has its support.
 * A projection is the list of the n-gram's last positions, ascending; each level reads every occurrence once, so all n-grams
 * up to length L cost O(L x items).
 */
export class NgramSearch extends Search {
  protected override project(positions: Int32Array): number {
    this.reserve(positions.length);
    this.arena.set(positions);
    return positions.length;
  }

  protected override extend(frame: Frame): void {
    const { items, sequenceOf } = this.database;
    const { arena, tally } = this;
    for (let k = frame.begin; k < frame.end; k++) {
      const next = arena[k]! + 1;
      const item = items[next]!;
      if (item >= 0) tally.add(item, sequenceOf[next]!);
    }
    if (!this.branch(frame, tally.occurrences, 1)) return;
    this.place(frame);
  }

  /** The same item stands before every occurrence. */
  protected override isDominated(frame: Frame): boolean {
    const { items } = this.database;
    const { arena } = this;
    const length = this.prefix.length;
    const first = items[arena[frame.begin]! - length]!;
    if (first < 0) return false;
    for (let k = frame.begin + 1; k < frame.end; k++) {
      if (items[arena[k]! - length] !== first) return false;
    }
    return true;
  }

  protected override extendsBackward(frame: Frame): boolean {
    const { items, sequenceOf } = this.database;
    const { arena, tally } = this;
    const length = this.prefix.length;
    for (let k = frame.begin; k < frame.end; k++) {
      const before = arena[k]! - length;
      const item = items[before]!;
      if (item >= 0) tally.add(item, sequenceOf[before]!);
    }
    const extended = tally.reaches(frame.support);
    tally.clear();
    return extended;
  }

  private place(frame: Frame): void {
    const { items } = this.database;
    const { arena } = this;
    const { slot } = this.tally;
    for (let k = frame.begin; k < frame.end; k++) {
      const next = arena[k]! + 1;
      const item = items[next]!;
      if (item < 0) continue;
      const free = slot[item]!;
      if (free < 0) continue;
      arena[free] = next;
      slot[item] = free + 1;
    }
  }
}
