/** The measures of all units in the size of a picture: every attention group, and how the many neurons are spread. */
import type { LayerSensitivity } from '../native/binding.js';
import { gather, type LayerScores, type ScoreOptions } from './scores.js';
import { mean } from './statistics.js';
import type { LayerSelection } from './units.js';

export interface UnitMap {
  dispersion: ScoreOptions['dispersion'];
  /** By layer. */
  groups: { score: number[][]; dispersion: number[][]; gradient: number[][] };
  neurons: {
    /** Mean score of all neurons, and of the selected ones: null without any. */
    layers: { mean: number; selected: number | null }[];
    density: NeuronDensity;
  };
}

/** Neurons by log10 of dispersion and gradient norm, in `bins` equal parts of each axis. */
export interface NeuronDensity {
  bins: number;
  dispersion: { low: number; high: number };
  gradient: { low: number; high: number };
  /** Only where there are neurons. */
  cells: { dispersion: number; gradient: number; neurons: number; selected: number }[];
  /** Neurons with dispersion or gradient norm 0, which have no logarithm. */
  zero: number;
}

const BINS = 36;
/** Significant digits that a picture needs. */
const DIGITS = 4;
const brief = (value: number) => Number(value.toPrecision(DIGITS));

export function unitMap(
  sensitivity: readonly LayerSensitivity[],
  scores: readonly LayerScores[],
  selection: readonly LayerSelection[],
  dispersion: ScoreOptions['dispersion'],
): UnitMap {
  const brieves = (values: Float64Array) => Array.from(values, brief);
  return {
    dispersion,
    groups: {
      score: scores.map(({ groups }) => brieves(groups)),
      dispersion: sensitivity.map(({ groups }) => brieves(groups[dispersion])),
      gradient: sensitivity.map(({ groups }) => brieves(groups.gradient)),
    },
    neurons: {
      layers: scores.map(({ neurons }, l) => {
        const chosen = selection[l]!.neurons.map((neuron) => neurons[neuron]!);
        return { mean: brief(mean(neurons)), selected: chosen.length === 0 ? null : brief(mean(chosen)) };
      }),
      density: density(sensitivity, selection, dispersion),
    },
  };
}

function density(
  sensitivity: readonly LayerSensitivity[],
  selection: readonly LayerSelection[],
  form: ScoreOptions['dispersion'],
): NeuronDensity {
  const [d, g] = [gather(sensitivity, 'neurons', form), gather(sensitivity, 'neurons', 'gradient')];
  const selected = new Set<number>();
  let begin = 0;
  for (const [l, { neurons }] of sensitivity.entries()) {
    for (const neuron of selection[l]!.neurons) selected.add(begin + neuron);
    begin += neurons.gradient.length;
  }
  const shown = Array.from(d.keys()).filter((neuron) => d[neuron]! > 0 && g[neuron]! > 0);
  const [dispersion, gradient] = [d, g].map((values) => logarithmicAxis(shown.map((neuron) => values[neuron]!)));
  const cells = new Map<number, NeuronDensity['cells'][number]>();
  for (const neuron of shown) {
    const [x, y] = [dispersion!.binOf(d[neuron]!), gradient!.binOf(g[neuron]!)];
    const at = y * BINS + x;
    const cell = cells.get(at) ?? { dispersion: x, gradient: y, neurons: 0, selected: 0 };
    cell.neurons++;
    if (selected.has(neuron)) cell.selected++;
    cells.set(at, cell);
  }
  const ends = ({ low, high }: { low: number; high: number }) => ({ low, high });
  return {
    bins: BINS,
    dispersion: ends(dispersion!),
    gradient: ends(gradient!),
    cells: [...cells].sort(([a], [b]) => a - b).map(([, cell]) => cell),
    zero: d.length - shown.length,
  };
}

/** Ends in log10, to 1/1000 outwards. */
function logarithmicAxis(values: readonly number[]) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, Math.log10(value));
    most = Math.max(most, Math.log10(value));
  }
  const low = values.length === 0 ? 0 : Math.floor(least * 1000) / 1000;
  const high = values.length === 0 ? 1 : Math.max(low + 0.001, Math.ceil(most * 1000) / 1000);
  const binOf = (value: number) =>
    Math.min(BINS - 1, Math.max(0, Math.floor((BINS * (Math.log10(value) - low)) / (high - low))));
  return { low, high, binOf };
}
