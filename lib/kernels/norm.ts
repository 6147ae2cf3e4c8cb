import { binding } from '../native/binding.js';
import type { Device } from '../native/device.js';
import type { Matrix } from '../native/kernels.js';

/**
 * y = (s - mean) rstd gamma + beta over each row of s = x + residual; rstd = 1 / sqrt(variance + eps) (Ba, Kiros and Hinton
 * 2016). x and residual [T, H], gamma and beta [H], eps from 0 to 1, 1e-12 unless given. `sum` (s), `mean` [T] and `rstd` [T] are
 * what the backward pass wants.
 */
export function layerNorm(
  device: Device,
  x: Matrix,
  gamma: Float32Array,
  beta: Float32Array,
  options: { residual?: Matrix; eps?: number } = {},
): Promise<{ y: Matrix; sum: Matrix; mean: Float32Array; rstd: Float32Array }> {
  return binding().runKernel(device.handle, 'layerNorm', { x, gamma, beta, ...options });
}

/** From dy [T, H] and what `layerNorm` returned: dx [T, H], which is the residual's gradient too, dgamma [H], dbeta [H]. */
export function layerNormBackward(
  device: Device,
  dy: Matrix,
  saved: { sum: Matrix; mean: Float32Array; rstd: Float32Array },
  gamma: Float32Array,
): Promise<{ dx: Matrix; dgamma: Float32Array; dbeta: Float32Array }> {
  return binding().runKernel(device.handle, 'layerNormBackward', { dy, ...saved, gamma });
}
