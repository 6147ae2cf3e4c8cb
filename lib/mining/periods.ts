import type { SequenceDatabase } from './database.js';
import type { Frame } from './search.js';
import { Marks } from './tally.js';

/** Ints of an entry of a projection: sequence, F_n, last e_n of the sequence, and the entry of the pattern without its last item (-1 for none). */
export const ENTRY = 4;
/** Entries among which the backward check looks for a short sequence. */
const LOOKED_AT = 8;

/**
 * The backward check of BIDE.
 *
 * With F_i the end of the first instance of e_1..e_i, LL_n the last e_n of the sequence and LL_i the last e_i before LL_(i+1), LF_n
 * = F_n and LF_i the last e_i before LF_(i+1):
 *   maximum period i      = items strictly between F_(i-1) and LL_i
 *   semi-maximum period i = items strictly between F_(i-1) and LF_i
 * An item in some maximum period i of every supporting sequence can be inserted before e_i: not closed. An item in some semi-maximum
 * period i of every one can be inserted whatever follows: no extension is closed (BackScan).
 */
export class Periods {
  private readonly marks: Marks;
  /** Items that are in period i of every sequence so far: `common[from[i]]` to `common[to[i] - 1]`. */
  private common = new Int32Array(1 << 8);
  private readonly from: number[] = [];
  private readonly to: number[] = [];

  constructor(private readonly database: SequenceDatabase) {
    this.marks = new Marks(database.alphabet.length);
  }

  /** Whether an item is in semi-maximum period n of every supporting sequence. */
  hasItemBeforeLast(arena: Int32Array, frame: Frame): boolean {
    const { from, to } = this;
    const { starts } = this.database;
    for (let k = frame.begin; k < frame.end; k += ENTRY) {
      const before = arena[k + 3]!;
      const first = before < 0 ? starts[arena[k]!]! : arena[before + 1]! + 1;
      const last = arena[k + 1]!;
      if (first === last) return false;
      if (k === frame.begin) {
        from[1] = 0;
        to[1] = this.collect(first, last, 0);
      } else {
        this.retain(1, first, last);
        if (to[1] === 0) return false;
      }
    }
    return true;
  }

  /**
   * Whether for some i an item is in period i of every supporting sequence. ScanSkip: stops as soon as no period has a common item
   * left, usually after a few sequences.
   */
  hasCommonItem(arena: Int32Array, frame: Frame, prefix: readonly number[], semi: boolean): boolean {
    const { items, starts } = this.database;
    const { from, to } = this;
    let lowest = 1;
    // A short sequence to begin with leaves few candidates.
    const shortest = this.shortest(arena, frame);
    for (let row = frame.begin - ENTRY; row < frame.end; row += ENTRY) {
      const isFirst = row < frame.begin;
      const k = isFirst ? shortest : row;
      const start = starts[arena[k]!]!;
      let last = arena[semi ? k + 1 : k + 2]!;
      let entry = k;
      let lowestLeft = 0;
      let top = 0;
      for (let i = prefix.length; i >= lowest; i--) {
        const item = prefix[i - 1];
        while (items[last] !== item) last--;
        entry = arena[entry + 3]!;
        const first = entry < 0 ? start : arena[entry + 1]! + 1;
        if (isFirst) {
          from[i] = top;
          to[i] = top = this.collect(first, last, top);
        } else if (to[i]! > from[i]!) this.retain(i, first, last);
        if (to[i]! > from[i]!) lowestLeft = i;
        last--;
      }
      if (lowestLeft === 0) return false;
      lowest = lowestLeft;
    }
    return true;
  }

  /** The entry, of the first few, whose last item is nearest to the beginning of its sequence. */
  private shortest(arena: Int32Array, frame: Frame): number {
    const { starts } = this.database;
    const end = Math.min(frame.end, frame.begin + LOOKED_AT * ENTRY);
    let shortest = frame.begin;
    let length = Infinity;
    for (let k = frame.begin; k < end; k += ENTRY) {
      const reach = arena[k + 2]! - starts[arena[k]!]!;
      if (reach >= length) continue;
      length = reach;
      shortest = k;
    }
    return shortest;
  }

  /** Writes the different items of [first, last) to `common` from `top` and returns the new top. */
  private collect(first: number, last: number, top: number): number {
    const { marks } = this;
    const { items } = this.database;
    if (top + last - first > this.common.length) {
      const larger = new Int32Array(2 * (top + last - first));
      larger.set(this.common);
      this.common = larger;
    }
    marks.clear();
    for (let at = first; at < last; at++) {
      const item = items[at]!;
      if (marks.has(item)) continue;
      marks.add(item);
      this.common[top++] = item;
    }
    return top;
  }

  /** Drops the candidates of period i that are not in [first, last). */
  private retain(i: number, first: number, last: number): void {
    const { common, marks } = this;
    const { items } = this.database;
    marks.clear();
    for (let at = first; at < last; at++) marks.add(items[at]!);
    let kept = this.from[i]!;
    for (let c = kept; c < this.to[i]!; c++) {
      const item = common[c]!;
      if (marks.has(item)) common[kept++] = item;
    }
    this.to[i] = kept;
  }
}
