export interface Pattern {
  items: Int32Array;
  /** Number of sequences that contain the pattern. */
  support: number;
}

/** The output order: support descending, then items ascending, a prefix before its extensions. */
export function comparePatterns(a: Pattern, b: Pattern): number {
  if (a.support !== b.support) return b.support - a.support;
  const length = Math.min(a.items.length, b.items.length);
  for (let i = 0; i < length; i++) {
    const difference = a.items[i]! - b.items[i]!;
    if (difference !== 0) return difference;
  }
  return a.items.length - b.items.length;
}

/** Patterns in one array: length, support, items. An object for each would take ten times the memory. */
export class PatternPacker {
  private packed = new Int32Array(1 << 12);
  private end = 0;

  get isEmpty(): boolean {
    return this.end === 0;
  }

  add(items: ArrayLike<number>, support: number): void {
    const { length } = items;
    const end = this.end + 2 + length;
    if (end > this.packed.length) {
      const larger = new Int32Array(Math.max(end, 2 * this.packed.length));
      larger.set(this.packed);
      this.packed = larger;
    }
    const { packed } = this;
    packed[this.end] = length;
    packed[this.end + 1] = support;
    packed.set(items, this.end + 2);
    this.end = end;
  }

  /** Drops the patterns of less support and returns how many are left. */
  retain(minSupport: number): number {
    const { packed } = this;
    let kept = 0;
    let count = 0;
    for (let at = 0; at < this.end;) {
      const next = at + 2 + packed[at]!;
      if (packed[at + 1]! >= minSupport) {
        packed.copyWithin(kept, at, next);
        kept += next - at;
        count += 1;
      }
      at = next;
    }
    this.end = kept;
    return count;
  }

  /** What was packed since the last call. */
  take(): Int32Array<ArrayBuffer> {
    const taken = this.packed.slice(0, this.end);
    this.end = 0;
    return taken;
  }

  /** The patterns packed, in output order. */
  sorted(): PatternList {
    const { packed, end } = this;
    const found: number[] = [];
    let most = 0;
    for (let at = 0; at < end; at += 2 + packed[at]!) {
      found.push(at);
      most = Math.max(most, packed[at + 1]!);
    }
    // By support first, as plain numbers, which takes no call for each comparison; few patterns are left to be compared.
    const { length } = found;
    const keys = new Float64Array(length);
    for (let i = 0; i < length; i++) keys[i] = (most - packed[found[i]! + 1]!) * length + i;
    keys.sort();
    const places = new Int32Array(length);
    for (let i = 0; i < length; i++) places[i] = found[keys[i]! % length]!;
    const support = (i: number): number => packed[places[i]! + 1]!;
    for (let begin = 0, next = 0; begin < length; begin = next) {
      for (next = begin + 1; next < length && support(next) === support(begin);) next++;
      if (next > begin + 1) places.subarray(begin, next).sort((a, b) => compareItems(packed, a, b));
    }
    return new PatternList(packed, places);
  }
}

/** `comparePatterns` of two of the same support. */
function compareItems(packed: Int32Array, a: number, b: number): number {
  const length = Math.min(packed[a]!, packed[b]!);
  for (let i = 2; i < 2 + length; i++) {
    const difference = packed[a + i]! - packed[b + i]!;
    if (difference !== 0) return difference;
  }
  return packed[a]! - packed[b]!;
}

/** Packed patterns in an order of their own, each made when it is asked for. */
export class PatternList implements Iterable<Pattern> {
  constructor(
    private readonly packed: Int32Array,
    private readonly places: Int32Array,
  ) {}

  get length(): number {
    return this.places.length;
  }

  first(count: number): PatternList {
    return count < this.length ? new PatternList(this.packed, this.places.subarray(0, count)) : this;
  }

  toJSON(): Pattern[] {
    return [...this];
  }

  *[Symbol.iterator](): Iterator<Pattern> {
    const { packed } = this;
    for (const at of this.places) {
      yield { items: packed.slice(at + 2, at + 2 + packed[at]!), support: packed[at + 1]! };
    }
  }
}

export function unpackPatterns(packed: Int32Array, visit: (items: Int32Array, support: number) => void): void {
  for (let at = 0; at < packed.length;) {
    const begin = at + 2;
    const end = begin + packed[at]!;
    visit(packed.subarray(begin, end), packed[at + 1]!);
    at = end;
  }
}
