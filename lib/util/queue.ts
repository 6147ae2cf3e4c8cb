/** Binary heap of the indices 0..n-1 by key, ties: the larger index first. */
export class Queue {
  private readonly heap: Int32Array;
  private readonly place: Int32Array;
  private readonly keys: Float64Array;
  size: number;

  constructor(keys: readonly number[]) {
    this.size = keys.length;
    this.keys = Float64Array.from(keys);
    this.heap = Int32Array.from(keys, (_, i) => i);
    this.place = this.heap.slice();
    for (let at = (this.size >> 1) - 1; at >= 0; at--) this.sink(at);
  }

  /** The index with the smallest key, or -1. */
  first(): number {
    return this.size === 0 ? -1 : this.heap[0]!;
  }

  has(index: number): boolean {
    return this.place[index] !== -1;
  }

  update(index: number, key: number): void {
    this.keys[index] = key;
    this.rise(this.place[index]!);
    this.sink(this.place[index]!);
  }

  remove(index: number): void {
    const last = this.heap[--this.size]!;
    this.put(this.place[index]!, last);
    this.place[index] = -1;
    if (last !== index) this.update(last, this.keys[last]!);
  }

  private before(a: number, b: number): boolean {
    const difference = this.keys[a]! - this.keys[b]!;
    return difference < 0 || (difference === 0 && a > b);
  }

  private put(at: number, index: number): void {
    this.heap[at] = index;
    this.place[index] = at;
  }

  private rise(at: number): void {
    const index = this.heap[at]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(index, this.heap[parent]!)) break;
      this.put(at, this.heap[parent]!);
      at = parent;
    }
    this.put(at, index);
  }

  private sink(at: number): void {
    const index = this.heap[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.before(this.heap[child + 1]!, this.heap[child]!)) child += 1;
      if (!this.before(this.heap[child]!, index)) break;
      this.put(at, this.heap[child]!);
      at = child;
    }
    this.put(at, index);
  }
}
