/** What a unit's sensitivity is made of: the dispersion of what it puts out and the norm of its weights' gradient. */
import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import type { Device } from '../native/device.js';
import type { ColumnMoments, Matrix } from '../native/kernels.js';

export interface Dispersion extends ColumnMoments {
  /** Var / mean of each unit, the variance of the population; 0 where the mean is 0. */
  index: Float64Array;
}

/**
 * Index of dispersion over the rows of x [T, N] (Fisher 1925). `group` 1: of each column's magnitudes |x|, one unit a column
 * (`form: 'signed'`: of x itself). `group` g > 1: of the L2 norms of each run of g columns, one unit a run, as attention groups
 * are measured; g divides N. Moments in double precision, merged block by block (Chan, Golub and LeVeque 1983), so a sample
 * may come in parts: see `merge`.
 */
export async function dispersion(
  device: Device,
  x: Matrix,
  options: { group?: number; form?: 'abs' | 'signed'; merge?: ColumnMoments } = {},
): Promise<Dispersion> {
  const { merge, ...form } = options;
  const part = await binding().runKernel(device.handle, 'moments', { x, ...form });
  const { count, mean, m2 } = merge ? merged(merge, part) : part;
  return { count, mean, m2, index: mean.map((value, i) => (value === 0 ? 0 : m2[i]! / count / value)) };
}

function merged(a: ColumnMoments, b: ColumnMoments): ColumnMoments {
  if (a.mean.length !== b.mean.length || a.m2.length !== b.m2.length)
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected ${b.mean.length} means and sums in merge, one a unit, but received ${a.mean.length} and ${a.m2.length}`,
    );
  const count = a.count + b.count;
  const apart = b.mean.map((mean, i) => mean - a.mean[i]!);
  return {
    count,
    mean: a.mean.map((mean, i) => mean + apart[i]! * (b.count / count)),
    m2: a.m2.map((m2, i) => m2 + b.m2[i]! + apart[i]! ** 2 * ((a.count * b.count) / count)),
  };
}

/** L2 norm of a gradient of any shape, summed in double precision. */
export async function gradientNorm(device: Device, gradient: Matrix): Promise<number> {
  const squares = await binding().runKernel(device.handle, 'sumSquares', { x: gradient, axis: 'all' });
  return Math.sqrt(squares[0]!);
}

/**
 * L2 norms of a gradient's rows [rows] or columns [cols]: the neurons of a feed-forward layer are rows of its first matrix and
 * columns of its second, so a neuron's norm is the root of the sum of both squares.
 */
export async function gradientNorms(device: Device, gradient: Matrix, axis: 'rows' | 'columns'): Promise<Float64Array> {
  const squares = await binding().runKernel(device.handle, 'sumSquares', { x: gradient, axis });
  return squares.map(Math.sqrt);
}
