import { ENTRY, Periods } from './periods.js';
import { type Frame, HEADER, Search } from './search.js';

/** Not in the projection: after every position. */
const NOWHERE = 0x7fffffff;
/** Entries between two looks whether enough are left. */
const CHUNK = 64 * ENTRY;
/** Time to read an item of a suffix in units of the time to read an entry of a sibling. */
const ITEM_COST = 4;

/**
 * Closed patterns with any gap: BIDE (Wang & Han, ICDE 2004; Wang, Han & Li, TKDE 2007). A projection holds an entry of every
 * supporting sequence: the end of the first instance, which is the leftmost greedy match, and the last place of its last item.
 *
 * What follows a pattern is counted in one of two ways. An item that follows it also follows the pattern without its last item, so
 * the pattern's siblings are all the candidates; the sibling's entries say where each was found last, and one comparison a sequence
 * decides (as SPADE joins id-lists). Where that is more to read than the suffixes themselves, these are read.
 */
export class BideSearch extends Search {
  /** F_n of the pattern in each sequence, or NOWHERE; and its entry. */
  private readonly ends = new Int32Array(this.database.count).fill(NOWHERE);
  private readonly entries = new Int32Array(this.database.count);
  /** Entries of a sibling in which it follows the pattern; one more, for it is written before that is known. */
  private readonly found = new Int32Array(this.database.count + 1);
  private readonly periods = new Periods(this.database);
  /** Whether the pattern visited last has an item in some maximum period of every sequence. */
  private absorbed = false;

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
    const { arena, periods, prefix } = this;
    if (periods.hasItemBeforeLast(arena, frame)) return true;
    this.absorbed = periods.hasCommonItem(arena, frame, prefix, false);
    return this.absorbed && periods.hasCommonItem(arena, frame, prefix, true);
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
}
