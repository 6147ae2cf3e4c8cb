/** Sensitivity of units -> one score per unit on which attention groups and neurons compete. METHOD.md 3. */
import { AdaptuneError } from '../errors.js';
import type { EncoderConfig, LayerSensitivity, UnitSensitivity } from '../native/binding.js';
import { Words } from '../util/philox.js';
import { mean, percentiles, zScores } from './statistics.js';

export type UnitKind = 'groups' | 'neurons';
export const UNIT_KINDS: readonly UnitKind[] = ['groups', 'neurons'];

export interface ScoreOptions {
  /** rank: mean percentile of D and G; zscore: z(D) + beta z(G); sum: D + beta G; product: D G. */
  score: 'rank' | 'zscore' | 'sum' | 'product';
  /** Form of the index of dispersion D. */
  dispersion: 'norm' | 'ratio' | 'feature';
  /** Weight of the gradient norm in `zscore` and `sum`. */
  beta: number;
}
export const SCORE_DEFAULTS: ScoreOptions = { score: 'rank', dispersion: 'norm', beta: 1 };

/** One value per unit, layer by layer. */
export interface LayerScores {
  groups: Float64Array;
  neurons: Float64Array;
}

const COMBINE: Record<ScoreOptions['score'], (d: Float64Array, g: Float64Array, beta: number) => Float64Array> = {
  rank: (d, g) => add(percentiles(d), percentiles(g), 1).map((sum) => sum / 2),
  zscore: (d, g, beta) => add(zScores(d), zScores(g), beta),
  sum: (d, g, beta) => add(d, g, beta),
  product: (d, g) => d.map((value, i) => value * g[i]!),
};

export const SCORES = Object.keys(COMBINE) as ScoreOptions['score'][];

/**
 * The score S of every unit as a percentile within its kind over all layers: the four forms of S live on different
 * scales for groups and for neurons, their percentiles do not, and the order within a kind stays that of S.
 */
export function scoreUnits(sensitivity: readonly LayerSensitivity[], options: ScoreOptions): LayerScores[] {
  const scored = UNIT_KINDS.map((kind) => {
    const d = gather(sensitivity, kind, options.dispersion);
    const g = gather(sensitivity, kind, 'gradient');
    return percentiles(COMBINE[options.score](d, g, options.beta));
  });
  const begin = [0, 0];
  return sensitivity.map((layer) => {
    const [groups, neurons] = UNIT_KINDS.map((kind, k) => {
      const length = layer[kind].gradient.length;
      begin[k]! += length;
      return scored[k]!.slice(begin[k]! - length, begin[k]);
    });
    return { groups: groups!, neurons: neurons! };
  });
}

/** Sites of the stream `sample`; baselines.ts has those before. */
const SITES = { groups: 6, neurons: 7 } as const satisfies Record<UnitKind, number>;

/** Scores by lot, uniform from 0 to 1 as the percentiles of measured ones are: nothing is measured for them. */
export function randomScores({ layers, kvHeads, feedForward }: EncoderConfig, seed: number): LayerScores[] {
  return Array.from({ length: layers }, (_, step) => {
    const draw = (kind: UnitKind, count: number) => {
      const words = new Words({ seed, stream: 'sample', step, site: SITES[kind] });
      return Float64Array.from({ length: count }, (_, unit) => words.word(unit) / 2 ** 32);
    };
    return { groups: draw('groups', kvHeads), neurons: draw('neurons', feedForward) };
  });
}

/**
 * Sensitivity of whole modules, a layer's attention and its feed-forward part: each unit gets the measures of its module.
 * The gradient norm is exactly the module's own, the root mean square over its weights, since units of a kind have equally
 * many. Dispersion is the mean of the units'; in the form `feature`, the mean over all of the module's features.
 */
export function moduleSensitivity(sensitivity: readonly LayerSensitivity[]): LayerSensitivity[] {
  return sensitivity.map(({ groups, neurons }) => ({ groups: sharedBy(groups), neurons: sharedBy(neurons) }));
}

function sharedBy({ norm, ratio, feature, gradient }: UnitSensitivity): UnitSensitivity {
  const all = (value: number) => new Float64Array(gradient.length).fill(value);
  return {
    norm: all(mean(norm)),
    ratio: all(mean(ratio)),
    feature: all(mean(feature)),
    gradient: all(Math.sqrt(mean(gradient.map((norm) => norm * norm)))),
  };
}

/** One measure of a kind, all layers in a row. Throws E_DIVERGED on a value that is not finite. */
export function gather(
  sensitivity: readonly LayerSensitivity[],
  kind: UnitKind,
  measure: keyof UnitSensitivity,
): Float64Array {
  return concat(
    sensitivity.map((layer) => layer[kind][measure]),
    `${measure} of the ${kind}`,
  );
}

export function gatherScores(scores: readonly LayerScores[], kind: UnitKind): Float64Array {
  return concat(
    scores.map((layer) => layer[kind]),
    `score of the ${kind}`,
  );
}

function concat(parts: Float64Array[], what: string): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const [layer, part] of parts.entries()) {
    const bad = part.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new AdaptuneError(
        'E_DIVERGED',
        `expected a finite ${what} but layer ${layer}, unit ${bad} has ${part[bad]}`,
      );
    }
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function add(a: Float64Array, b: Float64Array, beta: number): Float64Array {
  return a.map((value, i) => value + beta * b[i]!);
}
