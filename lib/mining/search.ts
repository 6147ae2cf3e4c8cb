import type { Collector } from './collector.js';
import type { SequenceDatabase } from './database.js';
import { Marks, Tally } from './tally.js';

/** A pattern on the path from the root to the pattern that is being visited. */
export interface Frame {
  support: number;
  /** The pattern's projection: [begin, end) in the arena. */
  begin: number;
  end: number;
  /** Some item can be put before every occurrence of the pattern, so no extension within the length bound is closed. */
  dominated: boolean;
  /** Children: headers of HEADER ints in the arena, `next` to `last`. */
  next: number;
  last: number;
  /** Arena top before the children were written. */
  mark: number;
}

/** A child's header: item, support, begin and end of its projection. */
const HEADER = 4;

/**
 * Depth-first search over patterns that grow at their end, with an explicit stack, so that it can stop at any pattern and let
 * the event loop run. Projections of the children of every pattern on the path lie in one growing arena:
 * memory is O(depth x projection) and no set of candidates is kept.
 *
 * Subclasses say what a projection is, how it grows, and when a pattern can be extended backward.
 */
export abstract class Search {
  protected arena = new Int32Array(1 << 12);
  protected readonly tally: Tally;
  protected readonly marks: Marks;
  /** Dense items of the pattern being visited: the path without the root. */
  protected readonly prefix: number[] = [];
  /** Patterns visited, by length; all frequent patterns when no subtree was pruned. */
  readonly visited: number[] = [];
  private top = 0;
  private readonly frames: Frame[] = [];
  private depth = 0;
  private rootOccurrences = 0;
  private rootDone = 0;

  constructor(
    protected readonly database: SequenceDatabase,
    private readonly maxPattern: number,
    private readonly collector: Collector,
  ) {
    this.tally = new Tally(database.alphabet.length);
    this.marks = new Marks(database.alphabet.length);
  }

  /** Share of the search that is done, 0 to 1. */
  get done(): number {
    return this.rootOccurrences === 0 ? 1 : this.rootDone / this.rootOccurrences;
  }

  /** Works until all is done (true) or the clock (`performance.now`) passes the deadline (false). */
  advance(deadline: number): boolean {
    if (this.frames.length === 0) this.openRoot();
    for (;;) {
      const frame = this.frames[this.depth]!;
      if (frame.next < frame.last) {
        this.openChild(frame);
        if (performance.now() > deadline) return false;
      } else if (this.depth > 0) {
        this.top = frame.mark;
        this.prefix.pop();
        this.depth -= 1;
      } else {
        this.rootDone = this.rootOccurrences;
        return true;
      }
    }
  }

  /** Counts in `tally` what follows the pattern, then calls `branch` and writes the children's projections to their slots. */
  protected abstract extend(frame: Frame): void;
  /** The same for the empty pattern. */
  protected abstract extendRoot(): void;
  /** Whether some item can be put before (or into) the pattern in every occurrence that an extension can grow from. */
  protected abstract isDominated(frame: Frame): boolean;
  /** Whether some item put before (or into) the pattern leaves the support as it is. */
  protected abstract extendsBackward(frame: Frame): boolean;
  /** Called when a pattern joins the path. */
  protected enter(_frame: Frame, _depth: number): void {}

  /**
   * Makes a child of each frequent item counted, with room for `occurrences x width` ints of projection each, and sets
   * `tally.slot` to where they begin.
   */
  protected branch(width: number): void {
    const frame = this.frames[this.depth]!;
    const { occurrences, support, slot } = this.tally;
    const items = this.tally.frequent(this.collector.threshold);
    let free = this.top + HEADER * items.length;
    let room = free;
    for (const item of items) room += width * occurrences[item]!;
    this.reserve(room);
    frame.next = this.top;
    for (const item of items) {
      const end = free + width * occurrences[item]!;
      this.arena[this.top++] = item;
      this.arena[this.top++] = support[item]!;
      this.arena[this.top++] = free;
      this.arena[this.top++] = end;
      slot[item] = free;
      free = end;
    }
    frame.last = this.top;
    this.top = free;
  }

  private openRoot(): void {
    this.push(this.database.count, 0, 0, false);
    this.extendRoot();
    this.tally.clear();
    const root = this.frames[0]!;
    for (let at = root.next; at < root.last; at += HEADER) {
      this.rootOccurrences += this.arena[at + 3]! - this.arena[at + 2]!;
    }
  }

  private openChild(parent: Frame): void {
    const item = this.arena[parent.next]!;
    const support = this.arena[parent.next + 1]!;
    const begin = this.arena[parent.next + 2]!;
    const end = this.arena[parent.next + 3]!;
    parent.next += HEADER;
    if (this.depth === 0) this.rootDone += end - begin;
    if (support < this.collector.threshold) return;

    this.depth += 1;
    this.prefix.push(item);
    const length = this.depth;
    const frame = this.push(support, begin, end, parent.dominated);
    this.visited[length] = (this.visited[length] ?? 0) + 1;
    this.enter(frame, length);
    if (length === this.maxPattern) {
      // Nothing longer is within the bound, so nothing absorbs it.
      this.emit(support);
      return;
    }
    frame.dominated ||= this.isDominated(frame);
    // Under a length bound, patterns of exactly that length are closed whatever dominates their prefix.
    if (frame.dominated && this.maxPattern === Infinity) return;
    this.extend(frame);
    this.tally.clear();
    if (!frame.dominated && !this.extendsForward(frame) && !this.extendsBackward(frame)) this.emit(support);
  }

  private extendsForward(frame: Frame): boolean {
    for (let at = frame.next; at < frame.last; at += HEADER) {
      if (this.arena[at + 1] === frame.support) return true;
    }
    return false;
  }

  private emit(support: number): void {
    const { alphabet } = this.database;
    this.collector.add(
      Int32Array.from(this.prefix, (item) => alphabet[item]!),
      support,
    );
  }

  /** Frames are reused: one object per depth, however many patterns are visited. */
  private push(support: number, begin: number, end: number, dominated: boolean): Frame {
    const frame = (this.frames[this.depth] ??= {} as Frame);
    frame.support = support;
    frame.begin = begin;
    frame.end = end;
    frame.dominated = dominated;
    frame.next = frame.last = frame.mark = this.top;
    return frame;
  }

  private reserve(size: number): void {
    if (size <= this.arena.length) return;
    const larger = new Int32Array(Math.max(size, 2 * this.arena.length));
    larger.set(this.arena.subarray(0, this.top));
    this.arena = larger;
  }
}
