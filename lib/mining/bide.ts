import { type Frame, HEADER, Search } from './search.js';

/** Ints of an entry: sequence, F_n, last e_n of the sequence, and the entry of the pattern without its last item (-1 for none). */
const ENTRY = 4;
/** Not in the projection: after every position. */
const NOWHERE = 0x7fffffff;
/** Entries between two looks whether enough are left. */
const CHUNK = 64 * ENTRY;
/** Time to read an item of a suffix in units of the time to read an entry of a sibling. */
const ITEM_COST = 4;
/** Entries among which the backward check looks for a short sequence. */
const LOOKED_AT = 8;

/**
 * Closed patterns with any gap: BIDE (Wang & Han, ICDE 2004; Wang, Han & Li, TKDE 2007). A projection holds an entry of every
 * supporting sequence: the end of the first instance, which is the leftmost greedy match, and the last place of its last item.
 *
 * What follows a pattern is counted in one of two ways. An item that follows it also follows the pattern without its last item, so
 * the pattern's siblings are all the candidates; the sibling's entries say where each was found last, and one comparison a sequence
 * decides (as SPADE joins id-lists). Where that is more to read than the suffixes themselves, these are read.
 *
 * With F_i the end of the first instance of e_1..e_i, LL_n the last e_n of the sequence and LL_i the last e_i before LL_(i+1), LF_n
 * = F_n and LF_i the last e_i before LF_(i+1):
 *   maximum period i      = items strictly between F_(i-1) and LL_i
 *   semi-maximum period i = items strictly between F_(i-1) and LF_i
 * An item in some maximum period i of every supporting sequence can be inserted before e_i: not closed. An item in some semi-maximum
 * period i of every one can be inserted whatever follows: no extension is closed (BackScan).
 */
export class BideSearch extends Search {
  /** F_n of the pattern in each sequence, or NOWHERE; and its entry. */
  private readonly ends = new Int32Array(this.database.count).fill(NOWHERE);
  private readonly entries = new Int32Array(this.database.count);
  /** Entries of a sibling in which it follows the pattern; one more, for it is written before that is known. */
  private readonly found = new Int32Array(this.database.count + 1);
  /** Whether the pattern visited last has an item in some maximum period of every sequence. */
  private absorbed = false;
  /** Items that are in period i of every sequence so far: `common[from[i]]` to `common[to[i] - 1]`. */
  private common = new Int32Array(1 << 8);
  private readonly from: number[] = [];
  private readonly to: number[] = [];

  protected override project(positions: Int32Array): number {
    const { sequenceOf } = this.database;
    this.reserve(ENTRY * positions.length);
    const { arena } = this;
    let end = 0;
    let last = -1;
    for (let i = 0; i < positions.length; i++) {
      const at = positions[i]!;
      if (sequenceOf[at] !== last) {
        last = sequenceOf[at]!;
        arena[end] = last;
        arena[end + 1] = at;
        arena[end + 3] = -1;
        end += ENTRY;
      }
      arena[end - 2] = at;
    }
    return end;
  }

  protected override extend(frame: Frame, parent: Frame | null): void {
    const { arena, ends, entries, tally } = this;
    const { starts } = this.database;
    let suffixes = 0;
    for (let k = frame.begin; k < frame.end; k += ENTRY) {
      const sequence = arena[k]!;
      const end = arena[k + 1]!;
      ends[sequence] = end;
      entries[sequence] = k;
      suffixes += starts[sequence + 1]! - end;
    }
    if (parent !== null && parent.childSupport < ITEM_COST * suffixes) {
      this.countSiblings(parent);
      if (this.branch(frame, tally.support, ENTRY)) this.placeSiblings(parent);
    } else {
      this.countSuffixes(frame);
      if (this.branch(frame, tally.support, ENTRY)) this.placeSuffixes(frame);
    }
    for (let k = frame.begin; k < frame.end; k += ENTRY) ends[this.arena[k]!] = NOWHERE;
  }

  /**
   * The last semi-maximum period needs no search for places and is short. Maximum periods hold the semi-maximum ones: without a
   * common item in the former there is none in the latter.
   */
  protected override isDominated(frame: Frame): boolean {
    if (this.hasItemBeforeLast(frame)) return true;
    this.absorbed = this.hasCommonItem(frame, false);
    return this.absorbed && this.hasCommonItem(frame, true);
  }

  protected override extendsBackward(): boolean {
    return this.absorbed;
  }

  /** Counts the siblings that follow the pattern; of those that cannot be frequent only a part. */
  private countSiblings(parent: Frame): void {
    const { arena, tally, ends } = this;
    const { threshold } = this.sink;
    for (let header = parent.first; header < parent.last; header += HEADER) {
      const end = arena[header + 3]!;
      let at = arena[header + 2]!;
      let count = 0;
      while (at < end && count + (end - at) / ENTRY >= threshold) {
        const stop = Math.min(end, at + CHUNK);
        // One where the last place of the sibling lies after the pattern; no branch, for it would be mispredicted.
        for (; at < stop; at += ENTRY) count += (ends[arena[at]!]! - arena[at + 2]!) >>> 31;
      }
      if (count >= threshold) tally.set(arena[header]!, count);
    }
  }

  private placeSiblings(parent: Frame): void {
    const { arena, ends, entries, found } = this;
    const { next } = this.database;
    const { slot } = this.tally;
    for (let header = parent.first; header < parent.last; header += HEADER) {
      let free = slot[arena[header]!]!;
      if (free < 0) continue;
      const end = arena[header + 3]!;
      let count = 0;
      for (let at = arena[header + 2]!; at < end; at += ENTRY) {
        found[count] = at;
        count += (ends[arena[at]!]! - arena[at + 2]!) >>> 31;
      }
      for (let i = 0; i < count; i++) {
        const at = found[i]!;
        const sequence = arena[at]!;
        const after = ends[sequence]!;
        let first = arena[at + 1]!;
        while (first <= after) first = next[first]!;
        arena[free] = sequence;
        arena[free + 1] = first;
        arena[free + 2] = arena[at + 2]!;
        arena[free + 3] = entries[sequence]!;
        free += ENTRY;
      }
    }
  }

  /** Counts each item of the suffixes at its last place. */
  private countSuffixes(frame: Frame): void {
    const { items, next, starts } = this.database;
    const { arena, tally } = this;
    for (let k = frame.begin; k < frame.end; k += ENTRY) {
      tally.addLast(items, next, arena[k + 1]! + 1, starts[arena[k]! + 1]! - 1);
    }
  }

  private placeSuffixes(frame: Frame): void {
    const { items, starts } = this.database;
    const { arena, marks } = this;
    const { slot } = this.tally;
    for (let k = frame.begin; k < frame.end; k += ENTRY) {
      const sequence = arena[k]!;
      const end = starts[sequence + 1]! - 1;
      marks.clear();
      for (let at = arena[k + 1]! + 1; at < end; at++) {
        const item = items[at]!;
        let free = slot[item]!;
        if (free < 0) continue;
        if (!marks.has(item)) {
          marks.add(item);
          arena[free] = sequence;
          arena[free + 1] = at;
          arena[free + 3] = k;
          free += ENTRY;
          slot[item] = free;
        }
        arena[free - 2] = at;
      }
    }
  }

  /** Whether an item is in semi-maximum period n of every supporting sequence. */
  private hasItemBeforeLast(frame: Frame): boolean {
    const { arena, from, to } = this;
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
  private hasCommonItem(frame: Frame, semi: boolean): boolean {
    const { items, starts } = this.database;
    const { prefix, arena, from, to } = this;
    let lowest = 1;
    // A short sequence to begin with leaves few candidates.
    const shortest = this.shortest(frame);
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
  private shortest(frame: Frame): number {
    const { arena } = this;
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
