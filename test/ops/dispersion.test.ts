/** Dispersion of a real model on real texts against PyTorch in fp64: ../shared/models/minilm-l6-dispersion.json. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { packBatch } from '../../lib/model/batching.js';
import { Encoder } from '../../lib/model/encoder.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { binding } from '../../lib/native/binding.js';
import type { LayerSensitivity } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { sharedPath, sharedTexts } from '../helpers/shared.js';

interface Reference {
  positions: number;
  layers: {
    norm_heads: number[];
    norm_neurons_top: [number, number][];
    norm_neurons_median: number;
    ratio_heads: number[];
    ratio_neurons_top: [number, number][];
    ratio_neurons_median: number;
  }[];
}

const TEXTS = 256;
const BATCH = 32;

/** The reference is rounded to 6 decimals. */
const ROUNDING = 0.5e-6;

/** As torch.median: the lower of two in the middle. */
function median(values: Float64Array): number {
  return values.toSorted()[(values.length - 1) >> 1]!;
}

describe('dispersion of MiniLM on SciERC', () => {
  let reference: Reference;
  let layers: LayerSensitivity[];
  let tokens = 0;

  before(async function () {
    this.timeout(180_000); // 5 seconds on two idle cores
    const path = sharedPath(this, 'models/minilm-l6-dispersion.json');
    reference = JSON.parse(readFileSync(path, 'utf8')) as Reference;
    const device = Device.open();
    const folder = sharedPath(this, 'models/minilm-l6');
    const encoder = await Encoder.load(device, folder, { classes: 2, seed: 1 });
    const texts = sharedTexts(this, 'scierc', 'train');
    const encodings = await (await Tokenizer.load(folder)).encode(texts.slice(0, TEXTS), { maxLength: 128 });
    const calibration = binding().createCalibration(encoder.handle);
    for (let begin = 0; begin < TEXTS; begin += BATCH) {
      const rows = Array.from({ length: BATCH }, (_, i) => begin + i);
      const batch = packBatch(encodings, rows);
      tokens += batch.ids.length;
      await binding().calibrate(calibration, batch, new Int32Array(BATCH), 1 / TEXTS, begin < TEXTS / 2 ? 0 : 1);
    }
    layers = await binding().calibrationResult(calibration, -1);
    binding().close(calibration);
    encoder.close();
    device.close();
  });

  it('sees the same positions', () => {
    expect(tokens).to.equal(reference.positions);
  });

  it('norm form: every head, the top neurons and the median', () => {
    for (const [l, expected] of reference.layers.entries()) {
      const { groups, neurons } = layers[l]!;
      expect(groups.norm).to.have.length(expected.norm_heads.length);
      for (const [h, value] of expected.norm_heads.entries()) {
        expect(groups.norm[h], `layer ${l}, head ${h}`).to.be.closeTo(value, 1e-5 * value + ROUNDING);
      }
      for (const [n, value] of expected.norm_neurons_top) {
        expect(neurons.norm[n], `layer ${l}, neuron ${n}`).to.be.closeTo(value, 1e-5 * value + ROUNDING);
      }
      expect(median(neurons.norm)).to.be.closeTo(expected.norm_neurons_median, 1e-5);
      const top = [...neurons.norm.keys()].sort((a, b) => neurons.norm[b]! - neurons.norm[a]!).slice(0, 20);
      expect(top).to.deep.equal(expected.norm_neurons_top.map(([n]) => n));
    }
  });

  it('ratio form: every head, the top neurons and the median', () => {
    for (const [l, expected] of reference.layers.entries()) {
      const { groups, neurons } = layers[l]!;
      for (const [h, value] of expected.ratio_heads.entries()) {
        expect(groups.ratio[h], `layer ${l}, head ${h}`).to.be.closeTo(value, 1e-5 * value + ROUNDING);
      }
      for (const [n, value] of expected.ratio_neurons_top) {
        // var / |mean|: 1e-6 of rounding in the activations grows by the quotient, which passes 10^4.
        expect(neurons.ratio[n], `layer ${l}, neuron ${n}`).to.be.closeTo(value, (1e-5 + 1e-6 * value) * value);
      }
      expect(median(neurons.ratio)).to.be.closeTo(expected.ratio_neurons_median, 1e-5);
    }
  });
});
