/** Patterns on their way between threads, in one array: length, support, items. */
export class PatternPacker {
  private packed = new Int32Array(1 << 12);
  private end = 0;

  get isEmpty(): boolean {
    return this.end === 0;
  }

  add(items: Int32Array, support: number): void {
    const end = this.end + 2 + items.length;
    if (end > this.packed.length) {
      const larger = new Int32Array(Math.max(end, 2 * this.packed.length));
      larger.set(this.packed);
      this.packed = larger;
    }
    this.packed[this.end] = items.length;
    this.packed[this.end + 1] = support;
    this.packed.set(items, this.end + 2);
    this.end = end;
  }

  /** What was packed since the last call. */
  take(): Int32Array<ArrayBuffer> {
    const taken = this.packed.slice(0, this.end);
    this.end = 0;
    return taken;
  }
}

export function unpackPatterns(packed: Int32Array, visit: (items: Int32Array, support: number) => void): void {
  for (let at = 0; at < packed.length;) {
    const begin = at + 2;
    const end = begin + packed[at]!;
    visit(packed.slice(begin, end), packed[at + 1]!);
    at = end;
  }
}
