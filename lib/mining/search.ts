import type { SequenceDatabase } from './database.js';
import { Marks, Tally } from './tally.js';
import type { Tasks } from './tasks.js';

/** A pattern on the path from its first item to the pattern that is being visited. */
export interface Frame {
  support: number;
  /** The pattern's projection: [begin, end) in the arena. */
  begin: number;
  end: number;
  /** Some item can be put before every occurrence of the pattern, so no extension within the length bound is closed. */
  dominated: boolean;
  /** An item that follows the pattern has its support. */
  extended: boolean;
  /** Children: headers of HEADER ints in the arena from `first` to `last`, those from `next` on not yet visited. */
  first: number;
  next: number;
  last: number;
  /** Sum of their supports. */
  childSupport: number;
  /** Arena top before the children were written. */
  mark: number;
}

/** Where patterns go. */
export interface Sink {
  /** The least support that still matters. It may rise. */
  readonly threshold: number;
  /** `items` is copied: the array is used again. */
  add(items: ArrayLike<number>, support: number): void;
}

/** A child's header: item, support, begin and end of its projection. */
export const HEADER = 4;
/** First size of the arena, in ints: four for each position, which most searches never exceed; the system gives memory as it is touched. */
const arenaSize = (positions: number): number => Math.min(1 << 22, (1 << 12) + 4 * positions);

/**
 * Depth-first search over patterns that grow at their end, with an explicit stack, so that it can stop at any pattern and let
 * the event loop run. Projections of the children of every pattern on the path lie in one growing arena:
 * memory is O(depth x projection) and no set of candidates is kept.
 *
 * Subclasses say what a projection is, how it grows, and when a pattern can be extended backward.
 */
export abstract class Search {
  protected arena: Int32Array;
  protected readonly tally: Tally;
  protected readonly marks: Marks;
  /** Dense items of the pattern being visited. */
  protected readonly prefix: number[] = [];
  /** Patterns visited, by length; all frequent patterns when no subtree was pruned. */
  readonly visited: number[] = [];
  /** The pattern on its way to the sink. */
  private readonly pattern: number[] = [];
  private top = 0;
  /** By length of the pattern; `frames[0]` is not used. */
  private readonly frames: Frame[] = [];

  constructor(
    protected readonly database: SequenceDatabase,
    private readonly maxPattern: number,
    protected readonly sink: Sink,
    private readonly tasks: Tasks,
  ) {
    this.arena = new Int32Array(arenaSize(database.positions.length));
    this.tally = new Tally(database.alphabet.length);
    this.marks = new Marks(database.alphabet.length);
  }

  /** Works until there is no further task (true) or the clock (`performance.now`) passes the deadline (false). */
  advance(deadline: number): boolean {
    for (;;) {
      const length = this.prefix.length;
      if (length === 0) {
        const item = this.tasks.take();
        if (item === -1) return true;
        this.openFirst(item);
      } else {
        const frame = this.frames[length]!;
        if (frame.next < frame.last) this.openChild(frame);
        else this.close(frame);
      }
      if (performance.now() > deadline) return false;
    }
  }

  /** Writes the projection of a pattern of one item to the arena from 0 and returns its size. */
  protected abstract project(positions: Int32Array): number;
  /** Counts in `tally` what follows the pattern, then calls `branch` and, if that says so, writes the children's projections to their slots. */
  protected abstract extend(frame: Frame, parent: Frame | null): void;
  /** Whether some item can be put before (or into) the pattern in every occurrence that an extension can grow from. */
  protected abstract isDominated(frame: Frame): boolean;
  /** Whether some item put before (or into) the pattern leaves the support as it is. Called after `isDominated`, which said no. */
  protected abstract extendsBackward(frame: Frame): boolean;

  /**
   * Makes a child of each frequent item counted, with room for `width` ints of projection for each of its `entries`, and sets
   * `tally.slot` to where they begin. False when there is nothing to write.
   */
  protected branch(frame: Frame, entries: Int32Array, width: number): boolean {
    const { seen, size, support, slot } = this.tally;
    const { threshold } = this.sink;
    const length = this.prefix.length + 1;
    let room = this.top;
    let children = 0;
    for (let i = 0; i < size; i++) {
      const item = seen[i]!;
      const itemSupport = support[item]!;
      if (itemSupport < threshold) continue;
      if (itemSupport === frame.support) frame.extended = true;
      children += 1;
      frame.childSupport += itemSupport;
      room += HEADER + width * entries[item]!;
    }
    if (children === 0) return false;
    if (length === this.maxPattern) {
      // Nothing longer is within the bound, so nothing absorbs them.
      this.visited[length] = (this.visited[length] ?? 0) + children;
      for (let i = 0; i < size; i++) {
        const item = seen[i]!;
        if (support[item]! < threshold) continue;
        this.prefix.push(item);
        this.emit(support[item]!);
        this.prefix.pop();
      }
      return false;
    }
    this.reserve(room);
    const { arena } = this;
    let header = this.top;
    let free = header + HEADER * children;
    frame.first = frame.next = header;
    for (let i = 0; i < size; i++) {
      const item = seen[i]!;
      if (support[item]! < threshold) continue;
      const end = free + width * entries[item]!;
      arena[header] = item;
      arena[header + 1] = support[item]!;
      arena[header + 2] = free;
      arena[header + 3] = end;
      header += HEADER;
      slot[item] = free;
      free = end;
    }
    frame.last = header;
    this.top = free;
    return true;
  }

  /** Room for `size` ints in the arena. What was read from `this.arena` before is stale. */
  protected reserve(size: number): void {
    if (size <= this.arena.length) return;
    const larger = new Int32Array(Math.max(size, 2 * this.arena.length));
    larger.set(this.arena.subarray(0, this.top));
    this.arena = larger;
  }

  private openFirst(item: number): void {
    const { index, positions, support } = this.database;
    this.prefix.push(item);
    if (support[item]! < this.sink.threshold) {
      this.push(0, 0, 0, false);
      return;
    }
    this.top = this.project(positions.subarray(index[item], index[item + 1]));
    this.visit(this.push(support[item]!, 0, this.top, false));
  }

  private openChild(parent: Frame): void {
    const { arena } = this;
    const at = parent.next;
    parent.next += HEADER;
    const support = arena[at + 1]!;
    if (support < this.sink.threshold) return;
    this.prefix.push(arena[at]!);
    this.visit(this.push(support, arena[at + 2]!, arena[at + 3]!, parent.dominated));
  }

  private visit(frame: Frame): void {
    const length = this.prefix.length;
    this.visited[length] = (this.visited[length] ?? 0) + 1;
    if (length === this.maxPattern) {
      this.emit(frame.support);
      return;
    }
    frame.dominated ||= this.isDominated(frame);
    // Under a length bound, patterns of exactly that length are closed whatever dominates their prefix.
    if (frame.dominated && this.maxPattern === Infinity) return;
    this.extend(frame, length === 1 ? null : this.frames[length - 1]!);
    this.tally.clear();
    if (!frame.dominated && !frame.extended && !this.extendsBackward(frame)) this.emit(frame.support);
  }

  private close(frame: Frame): void {
    this.top = frame.mark;
    const item = this.prefix.pop()!;
    if (this.prefix.length === 0) this.tasks.finish(item);
  }

  private emit(support: number): void {
    const { alphabet } = this.database;
    const { prefix, pattern } = this;
    pattern.length = 0;
    for (let i = 0; i < prefix.length; i++) pattern.push(alphabet[prefix[i]!]!);
    this.sink.add(pattern, support);
  }

  /** Frames are reused: one object per depth, however many patterns are visited. */
  private push(support: number, begin: number, end: number, dominated: boolean): Frame {
    const { top } = this;
    const frame = this.frames[this.prefix.length];
    if (frame === undefined) {
      const made = {
        support,
        begin,
        end,
        dominated,
        extended: false,
        first: top,
        next: top,
        last: top,
        childSupport: 0,
        mark: top,
      };
      this.frames[this.prefix.length] = made;
      return made;
    }
    frame.support = support;
    frame.begin = begin;
    frame.end = end;
    frame.dominated = dominated;
    frame.extended = false;
    frame.first = frame.next = frame.last = frame.mark = top;
    frame.childSupport = 0;
    return frame;
  }
}
