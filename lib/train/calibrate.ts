/** Measures the sensitivity of every unit on a stratified sample: index of dispersion and importance, in two halves. */
import type { Encoder } from '../model/encoder.js';
import { packBatch } from '../model/batching.js';
import type { Encoding } from '../model/tokenization.js';
import { binding, type LayerSensitivity, type UnitSensitivity } from '../native/binding.js';
import { withSignal } from '../native/device.js';
import { runsOf } from './pieces.js';

export const CALIBRATION_TEXTS = 512;
/** Of a batch at most: gradients of all units in both halves are there beside its activations. */
const CALIBRATION_TOKENS = 2048;

export interface Sensitivity {
  whole: LayerSensitivity[];
  /** Each as if it were the whole sample. */
  halves: [LayerSensitivity[], LayerSensitivity[]];
}

/**
 * What `gradient` of a unit is, per root of its weights. gradient: the norm of the mean loss's gradient. fisher: the root of
 * the mean over texts of the squared norm of each text's own, the trace of the empirical Fisher information in the unit.
 */
export type Importance = 'gradient' | 'fisher';

/** Rows of each half are taken in the given order, `batch` at a time or fewer; by themselves for `fisher`. */
export async function measureSensitivity(
  encoder: Encoder,
  encodings: readonly Encoding[],
  labels: Int32Array,
  halves: readonly [readonly number[], readonly number[]],
  { batch, importance }: { batch: number; importance: Importance },
  hooks: { signal?: AbortSignal | undefined; onProgress?: (done: number, total: number) => void } = {},
): Promise<Sensitivity> {
  const total = halves[0].length + halves[1].length;
  const fisher = importance === 'fisher';
  const scale = fisher ? Math.sqrt(1 / total) : 1 / total;
  const calibration = binding().createCalibration(encoder.handle, fisher);
  try {
    let done = 0;
    for (const half of [0, 1] as const) {
      for (const rows of runsOf(
        halves[half],
        fisher ? 1 : batch,
        CALIBRATION_TOKENS,
        (row) => encodings[row]!.ids.length,
      )) {
        const packed = packBatch(encodings, rows);
        const gold = Int32Array.from(rows, (row) => labels[row]!);
        await withSignal(hooks.signal, (token) => binding().calibrate(calibration, packed, gold, scale, half, token));
        hooks.onProgress?.((done += rows.length), total);
      }
    }
    const ofHalf = async (half: 0 | 1): Promise<LayerSensitivity[]> => {
      const share = Math.max(1, halves[half].length) / total;
      return rescaled(await binding().calibrationResult(calibration, half), 1 / (fisher ? Math.sqrt(share) : share));
    };
    const whole = await binding().calibrationResult(calibration, -1);
    return { whole, halves: [await ofHalf(0), await ofHalf(1)] };
  } finally {
    binding().close(calibration);
  }
}

/** A half was summed at the scale of the whole sample's mean. */
function rescaled(layers: LayerSensitivity[], factor: number): LayerSensitivity[] {
  const units = (of: UnitSensitivity) => ({ ...of, gradient: of.gradient.map((value) => factor * value) });
  return layers.map(({ groups, neurons }) => ({ groups: units(groups), neurons: units(neurons) }));
}
