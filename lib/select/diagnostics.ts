/** How far a selection can be trusted: what the score follows, and what two halves of the data would have selected. */
import type { EncoderConfig, LayerSensitivity } from '../native/binding.js';
import { gather, gatherScores, scoreUnits, UNIT_KINDS } from './scores.js';
import type { LayerScores, ScoreOptions, UnitKind } from './scores.js';
import { jaccard, spearman } from './statistics.js';
import { groupWeights, neuronWeights } from './units.js';
import type { LayerSelection } from './units.js';

export interface SelectionDiagnostics {
  /** Spearman correlation of the score with the dispersion and with the gradient norm; null where one is constant. */
  spearman: Record<UnitKind, { dispersion: number | null; gradient: number | null }>;
  /** Overlap of the selections from the two halves: of selected weights in all, of units by kind. */
  jaccard: Record<UnitKind | 'weights', number>;
  warnings: string[];
}

/** Below this overlap of the selected weights a selection is mostly noise. */
export const JACCARD_WARNING = 0.6;

/**
 * whole: sensitivity over all calibration texts; halves: over two disjoint halves of them, from which `select` chooses as
 * it did from the whole (by budget, or by cost with a depth floor of each half's own).
 */
export function diagnoseSelection(
  config: EncoderConfig,
  whole: readonly LayerSensitivity[],
  halves: readonly [readonly LayerSensitivity[], readonly LayerSensitivity[]],
  options: ScoreOptions,
  select: (scores: LayerScores[]) => LayerSelection[],
): SelectionDiagnostics {
  const scores = scoreUnits(whole, options);
  // Checkpoints and results are JSON, which has no NaN.
  const withScores = (kind: UnitKind, part: 'gradient' | ScoreOptions['dispersion']): number | null => {
    const r = spearman(gatherScores(scores, kind), gather(whole, kind, part));
    return Number.isNaN(r) ? null : r;
  };
  const correlation = (kind: UnitKind) => ({
    dispersion: withScores(kind, options.dispersion),
    gradient: withScores(kind, 'gradient'),
  });
  const [a, b] = halves.map((half) => select(scoreUnits(half, options)));
  const overlap = (kind: UnitKind) => jaccard(unitNames(a!, [kind]), unitNames(b!, [kind]));
  const weights = sharedWeights(config, a!, b!);
  const warnings =
    weights < JACCARD_WARNING
      ? [
          `the selections from two halves of the calibration texts share ${weights.toFixed(2)} of their weights ` +
            `(Jaccard, expected at least ${JACCARD_WARNING}): calibrate on more texts`,
        ]
      : [];
  return {
    spearman: { groups: correlation('groups'), neurons: correlation('neurons') },
    jaccard: { weights, groups: overlap('groups'), neurons: overlap('neurons') },
    warnings,
  };
}

/** Jaccard overlap of two selections by weights. */
export function sharedWeights(
  config: EncoderConfig,
  a: readonly LayerSelection[],
  b: readonly LayerSelection[],
): number {
  return jaccard(unitNames(a, UNIT_KINDS), unitNames(b, UNIT_KINDS), (unit) =>
    unit.startsWith('groups') ? groupWeights(config) : neuronWeights(config),
  );
}

function unitNames(selection: readonly LayerSelection[], kinds: readonly UnitKind[]): Set<string> {
  return new Set(
    selection.flatMap((layer, l) => kinds.flatMap((kind) => layer[kind].map((unit) => `${kind} ${l} ${unit}`))),
  );
}
