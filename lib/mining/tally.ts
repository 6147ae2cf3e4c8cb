/**
 * Counts the items that follow (or precede) the occurrences of a pattern: how often, and in how many sequences. Occurrences come
 * in ascending order of their sequence. Cleared in time proportional to what was counted.
 */
export class Tally {
  /** Occurrences of each item. */
  readonly occurrences: Int32Array;
  /** Sequences of each item. */
  readonly support: Int32Array;
  /** Free for the owner's use between counting and `clear`: where the next occurrence of an item goes; -1 = nowhere. */
  readonly slot: Int32Array;
  private readonly last: Int32Array;
  private readonly seen: Int32Array;
  private size = 0;

  constructor(alphabet: number) {
    this.occurrences = new Int32Array(alphabet);
    this.support = new Int32Array(alphabet);
    this.slot = new Int32Array(alphabet).fill(-1);
    this.last = new Int32Array(alphabet).fill(-1);
    this.seen = new Int32Array(alphabet);
  }

  add(item: number, sequence: number): void {
    const last = this.last[item]!;
    if (last === -1) this.seen[this.size++] = item;
    if (last !== sequence) {
      this.last[item] = sequence;
      this.support[item] = this.support[item]! + 1;
    }
    this.occurrences[item] = this.occurrences[item]! + 1;
  }

  /** Items with at least this support, ascending. */
  frequent(minSupport: number): Int32Array {
    return this.seen
      .subarray(0, this.size)
      .filter((item) => this.support[item]! >= minSupport)
      .sort();
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
