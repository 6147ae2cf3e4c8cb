/** Importance in both forms against single texts: one gradient of the mean loss, or the mean square of each text's own. */
import { expect } from 'chai';
import { packBatch } from '../../lib/model/batching.js';
import { Encoder } from '../../lib/model/encoder.js';
import type { Encoding } from '../../lib/model/tokenization.js';
import { binding, type LayerSensitivity } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { UNIT_KINDS } from '../../lib/select/scores.js';
import { measureSensitivity, type Importance } from '../../lib/train/calibrate.js';
import { scratchConfig, scratchInitializerRange, scratchTokenizer } from '../../lib/train/scratch.js';
import { sampleTexts } from './sample-corpus.js';

const { texts, labels: names } = sampleTexts(15, 3);
const LABELS = Int32Array.from(names, (name) => Number(name !== names[0]));
/** Of unequal sizes. */
const HALVES: [number[], number[]] = [
  [0, 2, 4, 6, 8, 10, 12, 14],
  [1, 3, 5, 7, 9, 11, 13],
];

const column = (layers: readonly LayerSensitivity[], measure: 'gradient' | 'norm' | 'feature') =>
  layers.flatMap((layer) => UNIT_KINDS.flatMap((kind) => [...layer[kind][measure]]));

function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).to.have.length(expected.length);
  const largest = Math.max(...expected);
  for (const [i, value] of expected.entries()) expect(actual[i]).to.be.closeTo(value, tolerance * largest);
}

describe('train/calibrate', () => {
  let device: Device;
  let encoder: Encoder;
  let encodings: Encoding[];

  before(async () => {
    device = Device.open();
    const tokenizer = scratchTokenizer('scratch:tiny', texts);
    encodings = await tokenizer.encode(texts, { maxLength: 32 });
    const config = scratchConfig('scratch:tiny', tokenizer.vocabularySize, 2);
    const initializerRange = scratchInitializerRange(config.hidden);
    encoder = await Encoder.random(device, config, { seed: 1, initializerRange });
  });
  after(() => {
    encoder.close();
    device.close();
  });

  const measure = (importance: Importance, halves: readonly [readonly number[], readonly number[]] = HALVES) =>
    measureSensitivity(encoder, encodings, LABELS, halves, { batch: 4, importance });

  /** Norm per weight of the gradient of one text's loss, by unit. */
  async function ofText(row: number): Promise<number[]> {
    const calibration = binding().createCalibration(encoder.handle);
    await binding().calibrate(calibration, packBatch(encodings, [row]), LABELS.subarray(row, row + 1), 1, 0);
    const layers = await binding().calibrationResult(calibration, 0);
    binding().close(calibration);
    return column(layers, 'gradient');
  }

  it('fisher is the root of the mean over texts of their squared gradient norms', async () => {
    const { whole, halves } = await measure('fisher');
    const single = await Promise.all(texts.map((_, row) => ofText(row)));
    for (const [layers, rows] of [
      [whole, HALVES.flat()],
      [halves[0], HALVES[0]],
      [halves[1], HALVES[1]],
    ] as const) {
      const expected = single[0]!.map((_, unit) =>
        Math.sqrt(rows.reduce((sum, row) => sum + single[row]![unit]! ** 2, 0) / rows.length),
      );
      expectClose(column(layers, 'gradient'), expected, 1e-5);
    }
    // The gradient of the mean loss is smaller: what texts disagree in cancels.
    const mean = column((await measure('gradient')).whole, 'gradient');
    const fisher = column(whole, 'gradient');
    expect(mean.every((value, unit) => value < fisher[unit]!)).to.equal(true);
  });

  for (const importance of ['gradient', 'fisher'] as const)
    it(`measures each half as if it were the whole sample: ${importance}`, async () => {
      const { halves } = await measure(importance);
      for (const half of [0, 1] as const) {
        const alone = await measure(importance, [HALVES[half], []]);
        expectClose(column(halves[half], 'gradient'), column(alone.whole, 'gradient'), 1e-5);
        expect(column(halves[half], 'norm')).to.deep.equal(column(alone.whole, 'norm'));
      }
    });

  it('measures the same dispersion in both forms', async () => {
    const [gradient, fisher] = [await measure('gradient'), await measure('fisher')];
    for (const form of ['norm', 'feature'] as const)
      expectClose(column(fisher.whole, form), column(gradient.whole, form), 1e-5);
  });
});
