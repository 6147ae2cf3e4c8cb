import { type Frame, Search } from './search.js';

/**
 * Closed contiguous patterns: an n-gram is closed iff no one-item extension to the left or to the right has its support.
 * A projection is the list of the n-gram's last positions, ascending; each level reads every occurrence once, so all n-grams
 * up to length L cost O(L x items).
 */
export class NgramSearch extends Search {
  protected override extendRoot(): void {
    const { items, sequenceOf } = this.database;
    for (let at = 0; at < items.length; at++) {
      const item = items[at]!;
      if (item >= 0) this.tally.add(item, sequenceOf[at]!);
    }
    this.branch(1);
    for (let at = 0; at < items.length; at++) this.place(items[at]!, at);
  }

  protected override extend(frame: Frame): void {
    const { items, sequenceOf } = this.database;
    const { arena } = this;
    for (let k = frame.begin; k < frame.end; k++) {
      const next = arena[k]! + 1;
      const item = items[next]!;
      if (item >= 0) this.tally.add(item, sequenceOf[next]!);
    }
    this.branch(1);
    for (let k = frame.begin; k < frame.end; k++) {
      const next = this.arena[k]! + 1;
      this.place(items[next]!, next);
    }
  }

  /** The same item stands before every occurrence. */
  protected override isDominated(frame: Frame): boolean {
    const { items } = this.database;
    const length = this.prefix.length;
    const first = items[this.arena[frame.begin]! - length]!;
    if (first < 0) return false;
    for (let k = frame.begin + 1; k < frame.end; k++) {
      if (items[this.arena[k]! - length] !== first) return false;
    }
    return true;
  }

  protected override extendsBackward(frame: Frame): boolean {
    const { items, sequenceOf } = this.database;
    const length = this.prefix.length;
    for (let k = frame.begin; k < frame.end; k++) {
      const before = this.arena[k]! - length;
      const item = items[before]!;
      if (item >= 0) this.tally.add(item, sequenceOf[before]!);
    }
    const extended = this.tally.frequent(frame.support).length > 0;
    this.tally.clear();
    return extended;
  }

  private place(item: number, position: number): void {
    if (item < 0) return;
    const slot = this.tally.slot[item]!;
    if (slot < 0) return;
    this.arena[slot] = position;
    this.tally.slot[item] = slot + 1;
  }
}
