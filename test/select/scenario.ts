/** Small encoders and arbitrary sensitivities for the tests of this room. */
import * as fc from 'fast-check';
import type { EncoderConfig, LayerSensitivity, UnitSensitivity } from '../../lib/native/binding.js';

/** Two heads of 4 over hidden 8: a group has 4 x 4 x 8 = 128 weights, a neuron 16, a layer 256 + 16 F. */
export function tinyConfig(layers: number, feedForward: number): EncoderConfig {
  return {
    layers,
    hidden: 8,
    heads: 2,
    kvHeads: 2,
    headWidth: 4,
    feedForward,
    vocabulary: 20,
    positions: 12,
    types: 2,
    classes: 3,
    normEps: 1e-12,
    hiddenDropout: 0,
    attentionDropout: 0,
    classifierDropout: 0,
    activation: 'gelu',
  };
}

export function units(values: number[], gradient: number[] = values): UnitSensitivity {
  const d = Float64Array.from(values);
  return { norm: d, ratio: d, feature: d, gradient: Float64Array.from(gradient) };
}

const list = (n: number) => fc.array(fc.integer({ min: 0, max: 30 }), { minLength: n, maxLength: n });
const kind = (n: number) => fc.tuple(list(n), list(n)).map(([d, g]) => units(d, g));

/** Few distinct values, so that ties are common. */
export function sensitivities(config: EncoderConfig): fc.Arbitrary<LayerSensitivity[]> {
  return fc.array(fc.record({ groups: kind(config.kvHeads), neurons: kind(config.feedForward) }), {
    minLength: config.layers,
    maxLength: config.layers,
  });
}
