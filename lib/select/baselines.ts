/** What sensitive units are compared with: random ones, and whole layers. */
import type { EncoderConfig } from '../native/binding.js';
import { permutation, type Place } from '../util/philox.js';
import { totalScore } from './cost.js';
import { UNIT_KINDS, type LayerScores, type UnitKind } from './scores.js';
import { floorOf, wholeSelection, type LayerSelection } from './units.js';

/** Sites of the stream `sample`; the head fit has 1. */
const SITES = { groups: 2, neurons: 3 } as const satisfies Record<UnitKind, number>;
const MODULE_SITES = { groups: 4, neurons: 5 } as const satisfies Record<UnitKind, number>;

/**
 * Random units, as many of each kind in each layer as `like` has: whatever the kinds and layers of units decide (depth
 * floor, spread, weights, time, predicted cost) is the same to the last bit, and which units they are is chance.
 */
export function randomUnits(config: EncoderConfig, like: readonly LayerSelection[], seed: number): LayerSelection[] {
  const counts = { groups: config.kvHeads, neurons: config.feedForward };
  return like.map((layer, l) => {
    const draw = (kind: UnitKind) => {
      const place: Place = { seed, stream: 'sample', step: l, site: SITES[kind] };
      return Array.from(permutation(counts[kind], place).subarray(0, layer[kind].length).sort());
    };
    const [groups, neurons] = UNIT_KINDS.map(draw);
    return { groups: groups!, neurons: neurons! };
  });
}

/**
 * Random modules that cost what those of `like` do, to the last bit: as many of each kind, from the same lowest layer up.
 * The top layer keeps its own, where weights after attention see [CLS] alone and cost less. Uniform among all such selections:
 * draws that leave the lowest layer out are thrown away, at most all but one in (number of layers).
 */
export function randomModules(config: EncoderConfig, like: readonly LayerSelection[], seed: number): LayerSelection[] {
  const floor = floorOf(like);
  const drawn = Math.max(0, config.layers - 1 - floor);
  if (drawn === 0) return layerCopy(like);
  const whole = wholeSelection(config, true)[0]!;
  const between = like.slice(floor, -1);
  const count = (kind: UnitKind) => between.filter((layer) => layer[kind].length > 0).length;
  for (let attempt = 0; ; attempt++) {
    const selection = wholeSelection(config, false);
    for (const kind of UNIT_KINDS) {
      const place: Place = { seed, stream: 'sample', step: attempt, site: MODULE_SITES[kind] };
      for (const i of permutation(drawn, place).subarray(0, count(kind)))
        selection[floor + i]![kind] = [...whole[kind]];
    }
    if (floorOf(selection) === floor) return [...selection.slice(0, -1), ...layerCopy(like.slice(-1))];
  }
}

const layerCopy = (layers: readonly LayerSelection[]): LayerSelection[] =>
  layers.map(({ groups, neurons }) => ({ groups: [...groups], neurons: [...neurons] }));

export const topLayers = ({ layers }: EncoderConfig, count: number): number[] =>
  Array.from({ length: count }, (_, i) => layers - count + i);

/** The layers with the highest score, the mean over their matrix weights; ties go to the lower layer. Ascending. */
export function sensitiveLayers(config: EncoderConfig, scores: readonly LayerScores[], count: number): number[] {
  const whole = wholeSelection(config, true);
  const nothing = wholeSelection(config, false);
  // All layers have as many weights, so that sums order them as means do.
  const sums = whole.map((_, l) => totalScore(config, scores, nothing.with(l, whole[l]!)));
  const order = Array.from(sums.keys()).sort((a, b) => sums[b]! - sums[a]! || a - b);
  return order.slice(0, count).sort((a, b) => a - b);
}

/** Every unit of these layers. */
export function layerUnits(config: EncoderConfig, layers: readonly number[]): LayerSelection[] {
  const whole = wholeSelection(config, true);
  return wholeSelection(config, false).map((nothing, l) => (layers.includes(l) ? whole[l]! : nothing));
}
