import { binding } from '../native/binding.js';
import type { Device } from '../native/device.js';
import type { Activation, ColumnMoments, Matrix } from '../native/kernels.js';

/** What happens to each finished sum v, in this order: bias, residual, saved, activation, factor, stored, moments. */
export interface GemmOptions {
  /** [N], added to every row. */
  bias?: Float32Array;
  /** [M, N], added. */
  residual?: Matrix;
  /** Returns v as it is before the activation: what `activationGrad` wants in the backward pass. */
  savePre?: boolean;
  /** gelu: x Phi(x) with the exact error function (Hendrycks and Gimpel 2016). */
  activation?: Activation;
  /** Multiplies v by the derivative of gelu at `gradPre`, or by 1 - y^2 with y = `gradPre` for tanh. */
  activationGrad?: Activation;
  /** [M, N] */
  gradPre?: Matrix;
  /** Mean and sum of squared deviations of C, or of its magnitudes, per column, in double precision. */
  moments?: 'signed' | 'abs';
  /** weightGrad: the columns of `a` and `b` that take part, ascending; default all. C is compact. */
  aColumns?: Int32Array;
  bColumns?: Int32Array;
}

/**
 * A product of matrices and its epilogue; sums are single precision, in one order whatever M and the threads are.
 *
 * forward      C[M,N] = A[M,K] B[N,K]^T    a: rows of activations, b: a weight as Hugging Face stores it, [out, in]
 * inputGrad    C[M,N] = A[M,K] B[K,N]      a: gradient of the output, b: the same weight
 * weightGrad   C[M,N] = A[T,M]^T B[T,N]    a: gradient of the output, b: the activations that went in
 *
 * 2 M N K FLOPs. After Goto and van de Geijn, Anatomy of high-performance matrix multiplication (2008).
 */
export function gemm(
  device: Device,
  kind: 'forward' | 'inputGrad' | 'weightGrad',
  a: Matrix,
  b: Matrix,
  options: GemmOptions = {},
): Promise<{ c: Matrix; pre?: Matrix; moments?: ColumnMoments }> {
  return binding().runKernel(device.handle, 'gemm', { kind, a, b, ...options });
}

/** Sums over the rows of x [T, N], or of the listed columns, ascending: the gradient of a bias. [N] or [columns] */
export function columnSum(device: Device, x: Matrix, columns?: Int32Array): Promise<Float32Array> {
  return binding().runKernel(device.handle, 'columnSum', { x, ...(columns && { columns }) });
}
