import type { SequenceDatabase } from './database.js';
import type { Sink } from './search.js';
import type { Tally } from './tally.js';

/** Largest alphabet with a table: 2 MiB of bits. */
const LARGEST_ALPHABET = 1 << 12;

/**
 * Which items follow which in enough sequences. An item can follow a pattern often enough only if it follows the pattern's last
 * item so; where items are many and sequences short that excludes most. An item's followers are counted when they are first asked for.
 */
export class Pairs {
  /** A bit for each pair: `bits[row + (y >>> 5)] >>> (y & 31) & 1`, with the row of the item that comes first. */
  readonly bits: Int32Array;
  private readonly width: number;
  /** Of each item its followers and their supports by turns. */
  private readonly followers: Int32Array[] | null;

  constructor(
    private readonly database: SequenceDatabase,
    private readonly tally: Tally,
    private readonly sink: Sink,
  ) {
    const { length } = database.alphabet;
    this.width = (length + 31) >>> 5;
    const isSmall = length <= LARGEST_ALPHABET;
    this.followers = isSmall ? [] : null;
    // Without a table every item has the same row, which excludes nothing.
    this.bits = isSmall ? new Int32Array(length * this.width) : new Int32Array(this.width).fill(-1);
  }

  /** Counts in the tally, which is empty, the items that follow `item`, or at least those that do so often enough. */
  count(item: number): void {
    const { tally } = this;
    const known = this.followers?.[item];
    if (known === undefined) {
      this.read(item);
      return;
    }
    for (let i = 0; i < known.length; i += 2) tally.set(known[i]!, known[i + 1]!);
  }

  /** Where the row of `item` begins. The tally must be empty. */
  row(item: number): number {
    const { followers, tally } = this;
    if (followers === null) return 0;
    if (followers[item] === undefined) {
      this.read(item);
      tally.clear();
    }
    return item * this.width;
  }

  private read(item: number): void {
    const { items, next, sequenceOf, starts, index, positions } = this.database;
    const { tally } = this;
    const end = index[item + 1]!;
    let last = -1;
    for (let i = index[item]!; i < end; i++) {
      const at = positions[i]!;
      const sequence = sequenceOf[at]!;
      if (sequence === last) continue;
      last = sequence;
      tally.addLast(items, next, at + 1, starts[sequence + 1]! - 1);
    }
    if (this.followers !== null) this.keep(item, this.followers);
  }

  private keep(item: number, followers: Int32Array[]): void {
    const { bits } = this;
    const { seen, size, support } = this.tally;
    const { threshold } = this.sink;
    const list = new Int32Array(2 * size);
    let end = 0;
    for (let i = 0; i < size; i++) {
      const other = seen[i]!;
      if (support[other]! < threshold) continue;
      list[end] = other;
      list[end + 1] = support[other]!;
      end += 2;
      bits[item * this.width + (other >>> 5)]! |= 1 << (other & 31);
    }
    followers[item] = list.slice(0, end);
  }
}
