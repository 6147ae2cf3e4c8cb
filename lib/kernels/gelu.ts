import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import type { Device } from '../native/device.js';
import type { Matrix } from '../native/kernels.js';

/** The other arrays of the product have the sides of x: a size that its data does not have must not be allocated. */
function checkShape(name: string, { data, rows, cols }: Matrix): void {
  if (!(rows >= 1 && cols >= 1 && data.length === rows * cols))
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected ${String(rows)} x ${String(cols)} floats for ${name}.data but received ${data.length}`,
    );
}

/** The engine has GELU in the epilogue of products only: x is the residual of a product of nothing. */
function nothing({ rows, cols }: Matrix): { kind: 'forward'; a: Matrix; b: Matrix } {
  const zeros = (length: number): Matrix => ({ data: new Float32Array(length), rows: length, cols: 1 });
  return { kind: 'forward', a: zeros(rows), b: zeros(cols) };
}

/** y = x Phi(x), with the exact error function (Hendrycks and Gimpel 2016). [T, F] */
export async function gelu(device: Device, x: Matrix): Promise<Matrix> {
  checkShape('x', x);
  const { c } = await binding().runKernel(device.handle, 'gemm', { ...nothing(x), residual: x, activation: 'gelu' });
  return c;
}

/** dx = dy (Phi(x) + x phi(x)): dy and x [T, F]. */
export async function geluBackward(device: Device, dy: Matrix, x: Matrix): Promise<Matrix> {
  checkShape('dy', dy);
  const gradient = { residual: dy, activationGrad: 'gelu', gradPre: x } as const;
  const { c } = await binding().runKernel(device.handle, 'gemm', { ...nothing(dy), ...gradient });
  return c;
}
