/**
 * Counts the items that follow (or precede) the occurrences of a pattern: how often, and in how many sequences. Occurrences come
 * in ascending order of their sequence. Cleared in time proportional to what was counted.
 */
export class Tally {
  /** Occurrences of each item; not kept by `addRow`. */
  readonly occurrences: Int32Array;
  /** Sequences of each item. */
  readonly support: Int32Array;
  /** Free for the owner's use between counting and `clear`: where the next occurrence of an item goes; -1 = nowhere. */
  readonly slot: Int32Array;
  /** The items counted: `seen[0]` to `seen[size - 1]`. */
  readonly seen: Int32Array;
  size = 0;
  private readonly last: Int32Array;

  constructor(alphabet: number) {
    this.occurrences = new Int32Array(alphabet);
    this.support = new Int32Array(alphabet);
    this.slot = new Int32Array(alphabet).fill(-1);
    this.last = new Int32Array(alphabet).fill(-1);
    // One more than there are items: `addLast` writes before it knows.
    this.seen = new Int32Array(alphabet + 1);
  }

  add(item: number, sequence: number): void {
    const last = this.last[item]!;
    if (last === -1) this.seen[this.size++] = item;
    if (last !== sequence) {
      this.last[item] = sequence;
      this.support[item]! += 1;
    }
    this.occurrences[item]! += 1;
  }

  /**
   * Counts each different item of [begin, end), the end of a sequence, at its last place there: where `next`, the place of the same
   * item after it, lies beyond. Arithmetic, for a branch would be mispredicted.
   */
  addLast(items: Int32Array, next: Int32Array, begin: number, end: number): void {
    const { support, seen } = this;
    for (let at = begin; at < end; at++) {
      const isLast = (end - next[at]!) >>> 31;
      const item = items[at]!;
      const before = support[item]!;
      seen[this.size] = item;
      this.size += ((before - 1) >>> 31) & isLast;
      support[item] = before + isLast;
    }
  }

  /** Sets the support of an item that was not counted yet. */
  set(item: number, support: number): void {
    this.seen[this.size++] = item;
    this.support[item] = support;
  }

  /** Whether some item has at least this support. */
  reaches(minSupport: number): boolean {
    for (let i = 0; i < this.size; i++) if (this.support[this.seen[i]!]! >= minSupport) return true;
    return false;
  }

  clear(): void {
    for (let i = 0; i < this.size; i++) {
      const item = this.seen[i]!;
      this.occurrences[item] = 0;
      this.support[item] = 0;
      this.last[item] = -1;
      this.slot[item] = -1;
    }
    this.size = 0;
  }
}

/** A set of items that is emptied in constant time. */
export class Marks {
  private readonly stamps: Int32Array;
  private stamp = 0;

  constructor(alphabet: number) {
    this.stamps = new Int32Array(alphabet);
  }

  clear(): void {
    if (this.stamp === 0x7fffffff) {
      this.stamps.fill(0);
      this.stamp = 0;
    }
    this.stamp += 1;
  }

  has(item: number): boolean {
    return this.stamps[item] === this.stamp;
  }

  add(item: number): void {
    this.stamps[item] = this.stamp;
  }
}
