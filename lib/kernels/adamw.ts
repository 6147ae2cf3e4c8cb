import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import type { Device } from '../native/device.js';
import type { Matrix } from '../native/kernels.js';

/** Compact [R, C]: R is the number of listed rows or all, C of listed columns or all. */
export interface AdamwState {
  /** Gradient. */
  grad: Matrix;
  /** Running means of the gradient and of its square, 0 at first. */
  m: Matrix;
  v: Matrix;
}

export interface AdamwOptions {
  /** Rows and columns of w that train, ascending; default all. Element (r, c) of the state belongs to w[rows[r], columns[c]]. */
  rows?: Int32Array;
  columns?: Int32Array;
  /** Step of this state, from 1. */
  t: number;
  lr: number;
  /** PyTorch's defaults: 0.9, 0.999, 1e-8, 0.01. */
  beta1?: number;
  beta2?: number;
  eps?: number;
  weightDecay?: number;
  /** The gradient is multiplied by it first (clipping, loss scale); default 1. */
  gradScale?: number;
}

/**
 * One step of decoupled AdamW (Loshchilov and Hutter 2019) on the selected part of w:
 * w -= lr weightDecay w;  w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps).
 * Returns w with only the selected elements changed, and the new m and v.
 *
 * Whole units: `unitIndices` gives their rows and columns. A mask of single weights: view w as one row, { data, rows: 1, cols: n },
 * and let `columns` list the elements (`maskColumns`).
 */
export function adamw(
  device: Device,
  w: Matrix,
  { grad, m, v }: AdamwState,
  options: AdamwOptions,
): Promise<{ w: Matrix; m: Matrix; v: Matrix }> {
  return binding().runKernel(device.handle, 'adamw', { w, grad, m, v, ...options });
}

/** The positions of what a mask selects (values other than 0), ascending. At most 2^31 - 1 elements. */
export function maskColumns(mask: ArrayLike<number>): Int32Array {
  if (mask.length > 2 ** 31 - 1)
    throw new AdaptuneError('E_ARGUMENT', `expected a mask of at most 2^31 - 1 elements but received ${mask.length}`);
  let count = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) count++;
  const columns = new Int32Array(count);
  for (let i = 0, next = 0; i < mask.length; i++) if (mask[i] !== 0) columns[next++] = i;
  return columns;
}
