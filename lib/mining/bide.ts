import { BARRIER } from './database.js';
import { type Frame, Search } from './search.js';

/**
 * Closed patterns with any gap: BIDE (Wang & Han, ICDE 2004; Wang, Han & Li, TKDE 2007). A projection holds (sequence, end of the
 * first instance) of every supporting sequence; the first instance is the leftmost greedy match.
 *
 * With F_i the end of the first instance of e_1..e_i, LL_n the last e_n of the sequence and LL_i the last e_i before LL_(i+1), LF_n
 * = F_n and LF_i the last e_i before LF_(i+1):
 *   maximum period i      = items strictly between F_(i-1) and LL_i
 *   semi-maximum period i = items strictly between F_(i-1) and LF_i
 * An item in some maximum period i of every supporting sequence can be inserted before e_i: not closed. An item in some semi-maximum
 * period i of every one can be inserted whatever follows: no extension is closed (BackScan).
 */
export class BideSearch extends Search {
  /** `ends[i][s]` = F_i in sequence s, for the prefixes on the path; F_0 is the place before the sequence. */
  private readonly ends: Int32Array[] = [];
  /** Items that are in period i of every sequence so far. */
  private readonly common: number[][] = [];

  protected override enter(frame: Frame, depth: number): void {
    const ends = (this.ends[depth] ??= new Int32Array(this.database.count));
    for (let k = frame.begin; k < frame.end; k += 2) ends[this.arena[k]!] = this.arena[k + 1]!;
  }

  protected override extendRoot(): void {
    const { starts, count } = this.database;
    const before = (this.ends[0] = new Int32Array(count));
    for (let s = 0; s < count; s++) before[s] = starts[s]! - 1;
    for (let s = 0; s < count; s++) this.count(s, before[s]!);
    this.branch(2);
    for (let s = 0; s < count; s++) this.place(s, before[s]!);
  }

  protected override extend(frame: Frame): void {
    for (let k = frame.begin; k < frame.end; k += 2) this.count(this.arena[k]!, this.arena[k + 1]!);
    this.branch(2);
    for (let k = frame.begin; k < frame.end; k += 2) this.place(this.arena[k]!, this.arena[k + 1]!);
  }

  protected override isDominated(frame: Frame): boolean {
    return this.hasCommonItem(frame, true);
  }

  protected override extendsBackward(frame: Frame): boolean {
    return this.hasCommonItem(frame, false);
  }

  /** Counts each item of the suffix once. */
  private count(sequence: number, end: number): void {
    const { items } = this.database;
    this.marks.clear();
    for (let at = end + 1, item = items[at]!; item !== BARRIER; item = items[++at]!) {
      if (this.marks.has(item)) continue;
      this.marks.add(item);
      this.tally.add(item, sequence);
    }
  }

  /** Writes (sequence, first place in the suffix) for each frequent item of the suffix. */
  private place(sequence: number, end: number): void {
    const { items } = this.database;
    const { slot } = this.tally;
    this.marks.clear();
    for (let at = end + 1, item = items[at]!; item !== BARRIER; item = items[++at]!) {
      if (this.marks.has(item)) continue;
      this.marks.add(item);
      const free = slot[item]!;
      if (free < 0) continue;
      this.arena[free] = sequence;
      this.arena[free + 1] = at;
      slot[item] = free + 2;
    }
  }

  /**
   * Whether for some i an item is in period i of every supporting sequence. ScanSkip: stops as soon as no period has a common item
   * left, usually after a few sequences.
   */
  private hasCommonItem(frame: Frame, semi: boolean): boolean {
    const { items, starts } = this.database;
    const { prefix, common } = this;
    let lowest = 1;
    for (let k = frame.begin; k < frame.end; k += 2) {
      const sequence = this.arena[k]!;
      let last = semi ? this.arena[k + 1]! + 1 : starts[sequence + 1]! - 1;
      let lowestLeft = 0;
      for (let i = prefix.length; i >= lowest; i--) {
        const item = prefix[i - 1];
        do last--;
        while (items[last] !== item);
        const first = this.ends[i - 1]![sequence]! + 1;
        if (k === frame.begin) common[i] = this.distinct(first, last);
        else this.retain(common[i]!, first, last);
        if (common[i]!.length > 0) lowestLeft = i;
      }
      if (lowestLeft === 0) return false;
      lowest = lowestLeft;
    }
    return true;
  }

  private distinct(first: number, last: number): number[] {
    return [...new Set(this.database.items.subarray(first, Math.max(first, last)))];
  }

  /** Drops the candidates that are not in [first, last). */
  private retain(candidates: number[], first: number, last: number): void {
    if (candidates.length === 0) return;
    const { items } = this.database;
    this.marks.clear();
    for (let at = first; at < last; at++) this.marks.add(items[at]!);
    let kept = 0;
    for (const item of candidates) if (this.marks.has(item)) candidates[kept++] = item;
    candidates.length = kept;
  }
}
