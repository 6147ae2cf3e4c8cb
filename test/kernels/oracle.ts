/** What the kernels compute, in double precision and in the plainest loops; matrices are lists of rows. */
import { expect } from 'chai';
import type { Matrix } from '../../lib/kernels/index.js';
import { Words } from '../../lib/util/philox.js';

export type Rows = number[][];

let site = 0;
/** About normal, by a counter: the same numbers in every run. */
export function random(rows: number, cols: number, scale = 1): Matrix {
  const words = new Words({ seed: 11, stream: 'sample', site: site++ });
  const data = Float32Array.from({ length: rows * cols }, (_, i) => {
    const [a, b, c] = [words.uniform(3 * i), words.uniform(3 * i + 1), words.uniform(3 * i + 2)];
    return scale * 2 * (a + b + c - 1.5);
  });
  return { data, rows, cols };
}

export const vector = (length: number): Float32Array => random(1, length).data;

export const rowsOf = ({ data, rows, cols }: Matrix): Rows =>
  Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * cols, (r + 1) * cols)));

export const transposed = (x: Rows): Rows => x[0]!.map((_, c) => x.map((row) => row[c]!));
export const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
/** A B^T */
export const product = (a: Rows, b: Rows): Rows => a.map((row) => b.map((other) => dot(row, other)));
export const each = (x: Rows, f: (value: number, row: number, col: number) => number): Rows =>
  x.map((row, r) => row.map((value, c) => f(value, r, c)));

/** Maclaurin series; enough terms up to |x| = 6, where erf is 1 within rounding. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));
export const geluGradient = (x: number): number =>
  (1 + erf(x / Math.SQRT2)) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);

/** Relative L2 error, with room for sums of `depth` rounded terms: as in test/native. */
export function expectNear(
  came: ArrayLike<number>,
  expected: Rows | ArrayLike<number>,
  depth: number,
  what = '',
): void {
  const flat = Array.isArray(expected) ? expected.flat() : Array.from(expected);
  expect(came.length, what).to.equal(flat.length);
  const error = Math.hypot(...flat.map((value, i) => came[i]! - value));
  expect(error, what).to.be.at.most(2 ** -23 * (4 + 2 * Math.sqrt(depth)) * Math.hypot(...flat));
}
