/** Measures the sensitivity of every unit on a stratified sample: index of dispersion and gradient norm, in two halves. */
import type { Encoder } from '../model/encoder.js';
import { packBatch } from '../model/batching.js';
import type { Encoding } from '../model/tokenization.js';
import { binding, type LayerSensitivity } from '../native/binding.js';
import { withSignal } from '../native/device.js';
import { runsOf } from './pieces.js';

export const CALIBRATION_TEXTS = 512;
/** Of a batch at most: gradients of all units in both halves are there beside its activations. */
const CALIBRATION_TOKENS = 2048;

export interface Sensitivity {
  whole: LayerSensitivity[];
  halves: [LayerSensitivity[], LayerSensitivity[]];
}

/** Rows of each half are taken in the given order, `batch` at a time or fewer. */
export async function measureSensitivity(
  encoder: Encoder,
  encodings: readonly Encoding[],
  labels: Int32Array,
  halves: readonly [readonly number[], readonly number[]],
  batch: number,
  hooks: { signal?: AbortSignal | undefined; onProgress?: (done: number, total: number) => void } = {},
): Promise<Sensitivity> {
  const total = halves[0].length + halves[1].length;
  const calibration = binding().createCalibration(encoder.handle);
  try {
    let done = 0;
    for (const half of [0, 1] as const) {
      for (const rows of runsOf(halves[half], batch, CALIBRATION_TOKENS, (row) => encodings[row]!.ids.length)) {
        const packed = packBatch(encodings, rows);
        const gold = Int32Array.from(rows, (row) => labels[row]!);
        await withSignal(hooks.signal, (token) =>
          binding().calibrate(calibration, packed, gold, 1 / total, half, token),
        );
        hooks.onProgress?.((done += rows.length), total);
      }
    }
    const result = (half: 0 | 1 | -1): Promise<LayerSensitivity[]> => binding().calibrationResult(calibration, half);
    return { whole: await result(-1), halves: [await result(0), await result(1)] };
  } finally {
    binding().close(calibration);
  }
}
