/** What an experiment shows: every row of its tables, as data. */
import { AdaptuneError } from '../errors.js';
import { jaccard } from '../select/statistics.js';
import type { Gold, RunMetrics, RunResult, RunUnits } from './result.js';
import { indices, unranged } from './result.js';
import {
  bootstrap,
  bootstrapMean,
  bootstrapTexts,
  holm,
  interval,
  meanOf,
  signFlipP,
  spreadOf,
  tailP,
  type Spread,
} from './statistics.js';
import { sampleName } from './grid.js';

/** Under so many seeds nothing is said of steadiness. */
export const SEEDS_FOR_STEADINESS = 20;
const LEVEL = 0.95;

/** Runs that differ in the seed only. */
export interface Group {
  data: string;
  /** "" for all training texts. */
  sample: string;
  /** Of the training texts. */
  share: number;
  name: string;
  method: string;
  seeds: number[];
  test_macro_f1: Spread;
  test_micro_f1: Spread;
  validation_macro_f1: Spread;
  /** Of each seed, in their order. */
  scores: number[];
  seconds: number;
  /** Seconds relative to `full` on the same data; null without it. */
  seconds_of_full: number | null;
  /** Mean over the runs that had one process; null when none had. */
  cpu_s: number | null;
  predicted_cost: number;
  peak_rss_mb: number;
  trainable: number;
  parameters: number;
  encoder_share: number;
  new_tokens: number;
  length_ratio: number;
  texts_seen: number;
  base_tokens_seen: number;
  options: { lr: unknown; epochs: unknown };
  /** Mean over seeds; null for methods that score no units. */
  spearman: Record<'groups' | 'neurons', { dispersion: number | null; gradient: number | null }> | null;
  /** Mean overlap of the selections of two halves of the calibration texts. */
  halves: number | null;
  /** Runs that were not trained, because another one had the same plan. */
  same_as: string[];
}

export interface Comparison {
  data: string;
  sample: string;
  name: string;
  reference: string;
  /** Where the resamples come from: seeds, or the test texts of the one seed that there is. */
  over: 'seeds' | 'texts';
  n: number;
  /** Mean test macro-F1 less the reference's. */
  difference: number;
  low: number;
  high: number;
  p: number;
  p_holm: number;
  /** At the level that Holm's step leaves to this comparison. */
  corrected: { low: number; high: number };
  /** Standard deviation over seeds as a multiple of the reference's; null under 20 seeds: no statement. */
  steadiness: { ratio: number; low: number; high: number } | null;
}

export interface Overlap {
  data: string;
  sample: string;
  /** Rows and columns. */
  names: string[];
  /** Jaccard of the selected weights: of different seeds on the diagonal, of the same seed beside it. */
  jaccard: (number | null)[][];
  /** What selections of these sizes share by chance. */
  chance: (number | null)[][];
}

export interface ExperimentReport {
  version: 1;
  experiment: string;
  /** Of the last run. */
  finished: string;
  code: { version: string; commit: string | null; runs: number }[];
  machines: string[];
  model: string;
  groups: Group[];
  comparisons: Comparison[];
  overlaps: Overlap[];
  searches: {
    data: string;
    method: string;
    winner: object;
    tried: { options: object; validation_macro_f1: number | null }[];
  }[];
  failed: { id: string; code: string; message: string }[];
  notes: string[];
}

export interface ReportOptions {
  /** Name of the runs that others are compared with; null: `full` where it is there, else the first. */
  reference: string | null;
  gold: ReadonlyMap<string, Gold>;
  /** Ids of the runs that there are to be. */
  wanted: readonly string[];
}

type Finished = RunResult & { metrics: RunMetrics & { test: NonNullable<RunMetrics['test']> } };
const isFinished = (run: RunResult): run is Finished => run.kind === 'run' && (run.metrics?.test ?? null) !== null;

const keyOf = (...parts: unknown[]) => JSON.stringify(parts);

function grouped<T, K>(list: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

export function makeReport(all: readonly RunResult[], options: ReportOptions): ExperimentReport {
  const { results, forgotten } = wantedRuns(all, options.wanted);
  const finished = results.filter(isFinished);
  const places = grouped(finished, ({ data, sample }) => keyOf(data, sampleName(sample)));
  const groups: Group[] = [];
  const comparisons: (Comparison & { resamples: Float64Array })[] = [];
  const overlaps: Overlap[] = [];
  for (const runs of places.values()) {
    const byName = grouped(runs, ({ name }) => name);
    const full = byName.get('full') ?? [...byName.values()].find(([run]) => run!.method === 'full') ?? [];
    const names = [...byName.keys()];
    groups.push(...[...byName.values()].map((same) => groupOf(same, full)));
    const reference = referenceOf(byName, options.reference);
    const texts = new TextResamples(runs, options.gold.get(runs[0]!.data));
    if (reference !== null)
      for (const name of names.filter((other) => other !== reference)) {
        const compared = compare(byName.get(name)!, byName.get(reference)!, texts);
        if (compared) comparisons.push(compared);
      }
    const overlap = overlapOf(byName);
    if (overlap) overlaps.push(overlap);
  }
  const corrected = holm(comparisons.map(({ p }) => p));
  const last = results.reduce((latest, { finished: at }) => (at > latest ? at : latest), '');
  return {
    version: 1,
    experiment: results[0]?.experiment ?? '',
    finished: last,
    code: codes(results),
    machines: [...new Set(results.map(({ machine }) => `${machine.cpu}, ${machine.isa}, ${machine.threads} threads`))],
    model: [...new Set(results.map(({ model }) => model))].join(', '),
    groups,
    comparisons: comparisons.map(({ resamples, ...comparison }, i) => ({
      ...comparison,
      p_holm: corrected[i]!.p,
      corrected: interval(resamples, 1 - (1 - LEVEL) * corrected[i]!.share),
    })),
    overlaps,
    searches: searchesOf(results),
    failed: results.flatMap(({ id, failed }) => (failed ? [{ id, ...failed }] : [])),
    notes: notesOf(results, comparisons, options.wanted, forgotten),
  };
}

/** In the order of the experiment, seeds ascending; without those that it does not name any more. */
function wantedRuns(all: readonly RunResult[], wanted: readonly string[]): { results: RunResult[]; forgotten: number } {
  const place = new Map(wanted.map((id, i) => [id, i]));
  const runs = all.filter(({ kind }) => kind === 'run');
  const results = runs.filter(({ id }) => wanted.length === 0 || place.has(id));
  // Results are read by file name: that order stays where the experiment says nothing.
  results.sort((a, b) => a.seed - b.seed || (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
  return { results, forgotten: runs.length - results.length };
}

/** `full`'s own name, the one that was asked for, or the first. */
function referenceOf(byName: ReadonlyMap<string, Finished[]>, asked: string | null): string | null {
  if (asked !== null) return byName.has(asked) ? asked : null;
  const full = [...byName].find(([, [run]]) => run!.method === 'full');
  return full?.[0] ?? [...byName.keys()][0] ?? null;
}

function groupOf(runs: readonly Finished[], full: readonly Finished[]): Group {
  const [first] = runs as [Finished, ...Finished[]];
  const mean = (value: (metrics: Finished['metrics']) => number) => meanOf(runs.map(({ metrics }) => value(metrics)));
  const scores = runs.map(({ metrics }) => metrics.test.macro_f1);
  const seconds = mean((metrics) => metrics.seconds);
  const fullSeconds = full.length > 0 ? meanOf(full.map(({ metrics }) => metrics.seconds)) : null;
  return {
    data: first.data,
    sample: sampleName(first.sample),
    share: first.sample?.share ?? 1,
    name: first.name,
    method: first.method,
    seeds: runs.map(({ seed }) => seed),
    test_macro_f1: spreadOf(scores),
    test_micro_f1: spreadOf(runs.map(({ metrics }) => metrics.test.micro_f1)),
    validation_macro_f1: spreadOf(runs.map(({ metrics }) => metrics.validation.macro_f1)),
    scores,
    seconds,
    seconds_of_full: fullSeconds === null ? null : seconds / fullSeconds,
    cpu_s: known(runs.map(({ metrics }) => metrics.cpu_s)),
    predicted_cost: mean((metrics) => metrics.predicted_cost),
    peak_rss_mb: mean((metrics) => metrics.peak_rss_mb),
    trainable: mean((metrics) => metrics.trainable),
    parameters: mean((metrics) => metrics.parameters),
    encoder_share: mean((metrics) => metrics.encoder_trainable / metrics.encoder_parameters),
    new_tokens: mean((metrics) => metrics.new_tokens),
    length_ratio: mean((metrics) => metrics.length_ratio),
    texts_seen: mean((metrics) => metrics.texts_seen),
    base_tokens_seen: mean((metrics) => metrics.base_tokens_seen),
    options: { lr: first.options['lr'] ?? null, epochs: first.options['epochs'] ?? null },
    spearman: spearmanOf(runs),
    halves: known(runs.map(({ selection }) => selection?.jaccard.weights ?? null)),
    same_as: [...new Set(runs.flatMap(({ same_as }) => (same_as === null ? [] : [same_as])))],
  };
}

/** Mean of what is known. */
function known(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length > 0 ? meanOf(numbers) : null;
}

function spearmanOf(runs: readonly Finished[]): Group['spearman'] {
  if (runs.every(({ selection }) => selection === null)) return null;
  const of = (kind: 'groups' | 'neurons') => ({
    dispersion: known(runs.map(({ selection }) => selection?.spearman[kind].dispersion ?? null)),
    gradient: known(runs.map(({ selection }) => selection?.spearman[kind].gradient ?? null)),
  });
  return { groups: of('groups'), neurons: of('neurons') };
}

function compare(
  runs: readonly Finished[],
  references: readonly Finished[],
  texts: TextResamples,
): (Comparison & { resamples: Float64Array }) | null {
  const pairs = runs.flatMap((run) => {
    const other = references.find(({ seed }) => seed === run.seed);
    return other ? [[run, other] as const] : [];
  });
  if (pairs.length === 0) return null;
  const [[run, reference]] = pairs as [(typeof pairs)[number]];
  const common = {
    data: run.data,
    sample: sampleName(run.sample),
    name: run.name,
    reference: reference.name,
    p_holm: 1,
    corrected: { low: 0, high: 0 },
  };
  if (pairs.length > 1) {
    const ours = pairs.map(([a]) => a.metrics.test.macro_f1);
    const theirs = pairs.map(([, b]) => b.metrics.test.macro_f1);
    const differences = ours.map((score, i) => score - theirs[i]!);
    const resamples = bootstrapMean(differences);
    return {
      ...common,
      over: 'seeds',
      n: pairs.length,
      difference: meanOf(differences),
      ...interval(resamples, LEVEL),
      p: signFlipP(differences),
      steadiness: pairs.length < SEEDS_FOR_STEADINESS ? null : steadinessOf(ours, theirs),
      resamples,
    };
  }
  const resamples = texts.differences(run, reference);
  if (!resamples) return null;
  return {
    ...common,
    over: 'texts',
    n: run.metrics.test.rows,
    difference: run.metrics.test.macro_f1 - reference.metrics.test.macro_f1,
    ...interval(resamples, LEVEL),
    p: tailP(resamples),
    steadiness: null,
    resamples,
  };
}

/** Macro-F1 of each run on resampled test texts, the same ones for all runs of a data set; made when first asked for. */
class TextResamples {
  #scores: Map<string, Float64Array> | null = null;

  constructor(
    private readonly runs: readonly Finished[],
    private readonly gold: Gold | undefined,
  ) {}

  /** Ascending; null when the predictions of one are not of these texts, or were not kept. */
  differences(a: Finished, b: Finished): Float64Array | null {
    this.#scores ??= this.#make();
    const [ours, theirs] = [this.#scores.get(a.id), this.#scores.get(b.id)];
    return ours && theirs ? ours.map((score, i) => score - theirs[i]!).sort() : null;
  }

  #make(): Map<string, Float64Array> {
    const { gold } = this;
    if (!gold) return new Map();
    const labels = indices(gold.gold);
    const kept = this.runs.filter(
      ({ key, predicted }) => predicted !== null && Object.values(key.data).includes(gold.sha256),
    );
    const predictions = kept.map(({ predicted }) => indices(predicted!));
    const wrong = predictions.findIndex(
      (list) => list.length !== labels.length || list.some((label) => !(label >= 0 && label < gold.labels.length)),
    );
    if (wrong >= 0)
      throw new AdaptuneError(
        'E_FILE',
        `${kept[wrong]!.id}: expected a label of each of the ${labels.length} test texts, came other predictions`,
      );
    const scores = bootstrapTexts(labels, predictions, gold.labels.length);
    return new Map(kept.map(({ id }, i) => [id, scores[i]!]));
  }
}

function steadinessOf(ours: readonly number[], theirs: readonly number[]): Comparison['steadiness'] {
  const everything = Int32Array.from(ours.keys());
  const ratio = (sample: Int32Array) => {
    const sd = (values: readonly number[]) => spreadOf(Array.from(sample, (i) => values[i]!)).sd!;
    return sd(ours) / sd(theirs);
  };
  return { ratio: ratio(everything), ...interval(bootstrap(ours.length, ratio), LEVEL) };
}

/** Weights of each unit, by layer and kind. */
function unitSet({ groups, neurons }: RunUnits): Set<string> {
  const named = (kind: string, layers: readonly string[]) =>
    layers.flatMap((text, layer) => unranged(text).map((unit) => `${kind}${layer} ${unit}`));
  return new Set([...named('g', groups), ...named('n', neurons)]);
}

/** Null when fewer than two runs have selected units that another selection could have missed. */
function overlapOf(byName: ReadonlyMap<string, readonly Finished[]>): Overlap | null {
  const selecting = [...byName].filter(([, [run]]) => run!.units !== null && isPart(run!.units));
  if (selecting.flatMap(([, runs]) => runs).length < 2) return null;
  const names = selecting.map(([name]) => name);
  const [[, [{ data, sample }]]] = selecting as [[string, readonly [Finished]]];
  const sets = new Map(selecting.flatMap(([, runs]) => runs.map((run) => [run.id, unitSet(run.units!)] as const)));
  const table = (value: (a: Finished, b: Finished) => number) =>
    selecting.map(([, rows], r) =>
      selecting.map(([, columns], c) => {
        const pairs =
          r === c
            ? rows.flatMap((a, i) => rows.slice(i + 1).map((b) => [a, b] as const))
            : rows.flatMap((a) => columns.filter(({ seed }) => seed === a.seed).map((b) => [a, b] as const));
        return pairs.length > 0 ? meanOf(pairs.map(([a, b]) => value(a, b))) : null;
      }),
    );
  return {
    data,
    sample: sampleName(sample),
    names,
    jaccard: table((a, b) => jaccard(sets.get(a.id)!, sets.get(b.id)!, weightOf(a.units!))),
    chance: table((a, b) => chanceOf(a.units!, b.units!)),
  };
}

const weightOf =
  ({ weights }: RunUnits) =>
  (unit: string) =>
    unit.startsWith('g') ? weights.group : weights.neuron;

/** Some units, not none and not all. */
function isPart(units: RunUnits): boolean {
  const { groups, neurons, of } = units;
  const selected = unitSet(units).size;
  return selected > 0 && selected < groups.length * of.groups + neurons.length * of.neurons;
}

/** Jaccard of the weights that two random selections with these numbers of units in each layer share on average. */
function chanceOf(a: RunUnits, b: RunUnits): number {
  let both = 0;
  let sum = 0;
  for (const kind of ['groups', 'neurons'] as const) {
    const weight = kind === 'groups' ? a.weights.group : a.weights.neuron;
    for (const [layer, text] of a[kind].entries()) {
      const [m, n] = [unranged(text).length, unranged(b[kind][layer] ?? '').length];
      both += (weight * m * n) / a.of[kind];
      sum += weight * (m + n);
    }
  }
  return both / (sum - both);
}

function searchesOf(results: readonly RunResult[]): ExperimentReport['searches'] {
  const found = results.filter(({ search }) => search !== null);
  const by = grouped(found, ({ data, method }) => keyOf(data, method));
  return [...by.values()].map(([run]) => ({ data: run!.data, method: run!.method, ...run!.search! }));
}

function codes(results: readonly RunResult[]): ExperimentReport['code'] {
  const by = grouped(results, ({ key }) => keyOf(key.version, key.commit));
  return [...by.values()].map((runs) => {
    const { version, commit } = runs[0]!.key;
    return { version, commit, runs: runs.length };
  });
}

/** What a reader must know before he believes a figure. */
function notesOf(
  runs: readonly RunResult[],
  comparisons: readonly Comparison[],
  wanted: readonly string[],
  forgotten: number,
): string[] {
  const there = new Set(runs.map(({ id }) => id));
  const missing = wanted.filter((id) => !there.has(id)).length;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  const changed = [...grouped(runs, ({ data }) => data)].flatMap(([data, of]) =>
    new Set(of.map(({ key }) => JSON.stringify(key.data))).size > 1 ? [`${data}: runs read different files.`] : [],
  );
  return [
    ...(missing > 0 ? [`${missing} of ${wanted.length} runs are still to come.`] : []),
    ...(forgotten > 0 ? [`${forgotten} results of runs that the experiment does not name any more are left out.`] : []),
    ...(codes(runs).length > 1 ? ['The runs are of different versions of the code: see the list.'] : []),
    ...changed,
    ...(comparisons.some(({ over }) => over === 'texts')
      ? [
          'Where there is one seed, intervals come from resampling the test texts: they say how much the choice of texts matters, ' +
            'and nothing of what another seed would give.',
        ]
      : []),
    ...(comparisons.some(({ over, n }) => over === 'seeds' && n < 10)
      ? ['Intervals over fewer than ten seeds are too narrow; p is exact, and cannot be less than 2^(1 - seeds).']
      : []),
    seeds < SEEDS_FOR_STEADINESS
      ? `Steadiness over seeds: ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, no statement.`
      : 'Steadiness over seeds: ratio of standard deviations with its interval.',
  ];
}
