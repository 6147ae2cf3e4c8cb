/**
 * The kernels alone, on Float32Arrays of one's own: each call copies its arrays, checks their shapes, runs on the device's
 * dispatcher thread with all of its threads, and resolves with new arrays. What is given is never written to.
 *
 * The same numbers come out bit for bit for any number of threads, and for a row whatever rows stand beside it; other
 * instruction sets agree within rounding, and `isa: 'ref'` computes in double precision, slowly, by the book.
 *
 * Every call rejects with E_ARGUMENT (the message names the array, the shape that was expected and the one that came),
 * E_MEMORY, or E_CLOSED after `device.close()`. NaN and infinite values are taken and go where arithmetic takes them.
 */
export { AdaptuneError, ERRORS, type ErrorCode } from '../errors.js';
export { Device, type DeviceOptions } from '../native/device.js';
export type { Isa } from '../native/binding.js';
export type { Activation, ColumnMoments, Matrix } from '../native/kernels.js';
export { adamw, type AdamwOptions, type AdamwState, maskColumns } from './adamw.js';
export { attention, attentionBackward, type AttentionShape } from './attention.js';
export { dispersion, type Dispersion, gradientNorm, gradientNorms } from './sensitivity.js';
export { type EncoderConfig, EncoderKernel, type EncoderOutput, type PackedBatch } from './encoder.js';
export { gelu, geluBackward } from './gelu.js';
export { columnSum, gemm, type GemmOptions } from './gemm.js';
export { layerNorm, layerNormBackward } from './norm.js';
export { unitIndices, type Units } from './units.js';
