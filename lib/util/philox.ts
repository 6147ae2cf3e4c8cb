/**
 * Philox4x32-10 (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405), a counter-based generator: every number
 * is a function of (seed, stream, step, site, element), so nothing has state to save and a resumed run draws the same.
 * native/base/philox.h is the same function; both are tested with the same vectors.
 */

/** What the numbers are for; values as in native/base/philox.h. */
export const STREAMS = { init: 0, split: 1, order: 2, calibration: 3, dropout: 4, sample: 5 } as const;
export type Stream = keyof typeof STREAMS;

/** A place among the random numbers of one seed. */
export interface Place {
  /** 0 to 2^53 - 1. */
  seed: number;
  stream: Stream;
  /** Step or epoch. */
  step?: number;
  /** Which tensor, layer or other consumer. */
  site?: number;
}

/** Upper half of the 64-bit product of two 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return (a1 * b1 + (middle >>> 16) + (((middle & 0xffff) + a0 * b1) >>> 16)) >>> 0;
}

/** Four random 32-bit words of a 64-bit key and a 128-bit counter, written to `out`. */
function block(out: Uint32Array, keyLow: number, keyHigh: number, counter: readonly [number, number, number, number]) {
  let [c0, c1, c2, c3] = counter;
  let k0 = keyLow;
  let k1 = keyHigh;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The function itself: key = 64-bit integer, counter = four 32-bit words. */
export function philox4x32(key: bigint | number, c0: number, c1: number, c2: number, c3: number): Uint32Array {
  const wide = BigInt.asUintN(64, BigInt(key));
  const out = new Uint32Array(4);
  block(out, Number(wide & 0xffffffffn), Number(wide >> 32n), [c0, c1, c2, c3]);
  return out;
}

/** The sequence of 32-bit words at a place: word e is word e % 4 of the block with counter (e / 4, site, step, stream). */
export class Words {
  private readonly out = new Uint32Array(4);
  private readonly keyLow: number;
  private readonly keyHigh: number;
  private readonly site: number;
  private readonly step: number;
  private readonly stream: number;
  private at = -1;
  private element = 0;

  constructor(place: Place) {
    if (!Number.isSafeInteger(place.seed) || place.seed < 0) {
      throw new RangeError(`seed: expected an integer from 0 to 2^53 - 1, came ${place.seed}`);
    }
    this.keyLow = place.seed >>> 0;
    this.keyHigh = Math.floor(place.seed / 2 ** 32);
    this.site = place.site ?? 0;
    this.step = place.step ?? 0;
    this.stream = STREAMS[place.stream];
  }

  /** Word of any element, 0 to 2^34 - 1. */
  word(element: number): number {
    const counter = Math.floor(element / 4);
    if (counter !== this.at) {
      block(this.out, this.keyLow, this.keyHigh, [counter, this.site, this.step, this.stream]);
      this.at = counter;
    }
    return this.out[element % 4]!;
  }

  /** The next word, from element 0 on. */
  next(): number {
    return this.word(this.element++);
  }

  /** Uniform in the open interval (0, 1), from one word. */
  uniform(element: number): number {
    return (this.word(element) + 0.5) / 2 ** 32;
  }

  /**
   * Standard normal by Box-Muller (1958): elements 2i and 2i + 1 are the radius sqrt(-2 ln u) of the first word's u, times
   * cosine and sine of 2 pi v of the second word's v. |x| <= 6.66, the smallest u being 2^-33.
   */
  normal(element: number): number {
    const even = element - (element % 2);
    const radius = Math.sqrt(-2 * Math.log(this.uniform(even)));
    const angle = 2 * Math.PI * this.uniform(even + 1);
    return element === even ? radius * Math.cos(angle) : radius * Math.sin(angle);
  }

  /** Unbiased integer in [0, n), n <= 2^32: words past the last multiple of n are drawn again. */
  below(n: number): number {
    const end = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const word = this.next();
      if (word < end) return word % n;
    }
  }
}

/** N(0, sd^2) for elements first, first + 1, ... of a place. */
export function fillNormal(out: Float32Array, place: Place, sd: number, first = 0): Float32Array {
  const words = new Words(place);
  for (let i = 0; i < out.length; i++) out[i] = sd * words.normal(first + i);
  return out;
}

/** Shuffles in place (Fisher-Yates from the end): a function of the place and the length only. */
export function shuffle<T extends { length: number; [index: number]: unknown }>(items: T, place: Place): T {
  const words = new Words(place);
  for (let i = items.length - 1; i > 0; i--) {
    const j = words.below(i + 1);
    const item = items[i];
    items[i] = items[j];
    items[j] = item;
  }
  return items;
}

/** 0 to n - 1 in random order. */
export function permutation(n: number, place: Place): Int32Array {
  return shuffle(
    Int32Array.from({ length: n }, (_, i) => i),
    place,
  );
}
