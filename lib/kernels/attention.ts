import { binding } from '../native/binding.js';
import type { Device } from '../native/device.js';
import type { Matrix } from '../native/kernels.js';

export interface AttentionShape {
  /** NH query heads; query head h reads key and value head floor(h kvHeads / heads). */
  heads: number;
  /** KVH, a divisor of heads; default heads. */
  kvHeads?: number;
  /** HD; heads and widths up to 1024. */
  headWidth: number;
  /** Of the products of queries and keys, above 0; default 1 / sqrt(headWidth). */
  scale?: number;
}

/**
 * Dense self-attention within each sequence of a packed batch, without padding: S = scale Q K^T, P = softmax(S), O = P V (Vaswani
 * et al. 2017). qkv [T, (NH + 2 KVH) HD] holds the query, key and value heads side by side; offsets [B + 1] ascend from 0 to T.
 * out [T, NH HD]; lse [NH, T] holds the log-sum-exp of each row of S, for the backward pass.
 */
export function attention(
  device: Device,
  qkv: Matrix,
  offsets: Int32Array,
  shape: AttentionShape,
): Promise<{ out: Matrix; lse: Matrix }> {
  return binding().runKernel(device.handle, 'attention', { ...shape, qkv, offsets });
}

/** The gradient of qkv, of its shape, from dout [T, NH HD] and what `attention` returned; P is computed again (Dao et al. 2022). */
export function attentionBackward(
  device: Device,
  qkv: Matrix,
  offsets: Int32Array,
  shape: AttentionShape,
  saved: { out: Matrix; lse: Matrix },
  dout: Matrix,
): Promise<Matrix> {
  const { out, lse } = saved;
  return binding().runKernel(device.handle, 'attentionBackward', { ...shape, qkv, offsets, out, lse, dout });
}
