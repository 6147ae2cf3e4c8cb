/** The report as sections of text and tables; markdown.ts and html.ts put them on paper. */
import { show } from '../util/json.js';
import type { Comparison, ExperimentReport, Group, Overlap } from './report.js';

export interface Table {
  head: string[];
  rows: string[][];
  /** Columns of words; the first one unless told otherwise. */
  words?: readonly number[];
}

export interface Section {
  title: string;
  text: string[];
  tables: Table[];
  /** Which groups a plot of this section shows; empty: no plot. */
  groups: Group[];
  comparisons: Comparison[];
}

const three = (value: number) => value.toFixed(3);
const two = (value: number) => value.toFixed(2);
const signed = (value: number) => (value < 0 ? '−' : '+') + Math.abs(value).toFixed(3);
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const orNothing = (value: number | null, shown: (value: number) => string) => (value === null ? '' : shown(value));
const counted = (value: number) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
const range = ({ low, high }: { low: number; high: number }) => `${signed(low)} to ${signed(high)}`;
const probability = (p: number) => (p < 0.001 ? '< .001' : p.toFixed(3));

export function sectionsOf(report: ExperimentReport): Section[] {
  const places = [...new Set(report.groups.map(place))];
  return [
    ...places.map((at) => placeSection(report, at)),
    ...(report.searches.length > 0 ? [searchSection(report)] : []),
    ...(report.failed.length > 0 ? [failedSection(report)] : []),
    aboutSection(report),
  ];
}

const place = ({ data, sample }: { data: string; sample: string }) => (sample === '' ? data : `${data}, ${sample}`);

function placeSection(report: ExperimentReport, at: string): Section {
  const groups = report.groups.filter((group) => place(group) === at);
  const comparisons = report.comparisons.filter((comparison) => place(comparison) === at);
  const overlaps = report.overlaps.filter((overlap) => place(overlap) === at);
  const repeated = groups.filter(({ same_as }) => same_as.length > 0);
  return {
    title: at,
    text: repeated.map(({ name, same_as }) => `${name}: the same plan as ${same_as.join(', ')}, trained once.`),
    tables: [
      scoreTable(groups),
      costTable(groups),
      ...(comparisons.length > 0 ? [comparisonTable(comparisons)] : []),
      ...(groups.some(({ spearman }) => spearman) ? [selectionTable(groups)] : []),
      ...overlaps.map(overlapTable),
    ],
    groups,
    comparisons,
  };
}

const scoreTable = (groups: readonly Group[]): Table => ({
  head: ['', 'seeds', 'test macro-F1', 'sd', 'test micro-F1', 'validation macro-F1', 'rate', 'epochs', 'new tokens'],
  rows: groups.map((group) => [
    group.name,
    String(group.seeds.length),
    three(group.test_macro_f1.mean),
    orNothing(group.test_macro_f1.sd, three),
    three(group.test_micro_f1.mean),
    three(group.validation_macro_f1.mean),
    shown(group.options.lr),
    shown(group.options.epochs),
    counted(group.new_tokens),
  ]),
});

const shown = (value: unknown) => (value === null ? 'default' : show(value));

const costTable = (groups: readonly Group[]): Table => ({
  head: [
    '',
    'seconds',
    'of full',
    'CPU s',
    'predicted cost',
    'trained',
    'of the matrices',
    'peak MiB',
    'base tokens',
    'length',
  ],
  rows: groups.map((group) => [
    group.name,
    group.seconds.toFixed(group.seconds < 10 ? 1 : 0),
    orNothing(group.seconds_of_full, two),
    orNothing(group.cpu_s, (seconds) => seconds.toFixed(seconds < 10 ? 1 : 0)),
    two(group.predicted_cost),
    counted(group.trainable),
    percent(group.encoder_share),
    counted(group.peak_rss_mb),
    counted(group.base_tokens_seen),
    two(group.length_ratio),
  ]),
});

const comparisonTable = (comparisons: readonly Comparison[]): Table => ({
  head: ['', 'against', 'difference', '95 % interval', 'over', 'p', 'p, Holm', 'interval, Holm', 'sd ratio'],
  rows: comparisons.map((comparison) => [
    comparison.name,
    comparison.reference,
    signed(comparison.difference),
    range(comparison),
    `${comparison.n} ${comparison.over}`,
    probability(comparison.p),
    probability(comparison.p_holm),
    range(comparison.corrected),
    comparison.steadiness
      ? `${two(comparison.steadiness.ratio)} (${two(comparison.steadiness.low)} to ${two(comparison.steadiness.high)})`
      : `${comparison.over === 'seeds' ? `${comparison.n} seeds` : '1 seed'}: no statement`,
  ]),
});

const selectionTable = (groups: readonly Group[]): Table => ({
  head: ['', 'S and D, groups', 'S and G, groups', 'S and D, neurons', 'S and G, neurons', 'halves, Jaccard'],
  rows: groups.flatMap(({ name, spearman, halves }) =>
    spearman
      ? [
          [
            name,
            ...[spearman.groups, spearman.neurons].flatMap(({ dispersion, gradient }) => [
              orNothing(dispersion, two),
              orNothing(gradient, two),
            ]),
            orNothing(halves, two),
          ],
        ]
      : [],
  ),
});

const overlapTable = ({ names, jaccard, chance }: Overlap): Table => ({
  head: ['overlap (chance)', ...names],
  rows: names.map((name, row) => [
    name,
    ...names.map((_, column) => {
      const value = jaccard[row]![column] ?? null;
      return value === null ? '' : `${two(value)} (${orNothing(chance[row]![column] ?? null, two)})`;
    }),
  ]),
});

function searchSection({ searches }: ExperimentReport): Section {
  const text = (options: object) =>
    Object.entries(options)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ');
  return {
    title: 'Search',
    text: [
      'Each method’s own options, from the same trials on a part of the training texts, by validation macro-F1 alone.',
    ],
    tables: [
      {
        head: ['', 'tried', 'validation macro-F1', 'taken'],
        rows: searches.flatMap(({ data, method, winner, tried }) =>
          tried.map(({ options, validation_macro_f1: score }) => [
            `${data}, ${method}`,
            text(options),
            score === null ? 'diverged' : three(score),
            text(options) === text(winner) ? 'yes' : '',
          ]),
        ),
      },
    ],
    groups: [],
    comparisons: [],
  };
}

const failedSection = ({ failed }: ExperimentReport): Section => ({
  title: 'Runs without a result',
  text: [],
  tables: [
    { head: ['', 'code', ''], rows: failed.map(({ id, code, message }) => [id, code, message]), words: [0, 1, 2] },
  ],
  groups: [],
  comparisons: [],
});

const aboutSection = ({ notes, code, machines, model, finished }: ExperimentReport): Section => ({
  title: 'About these figures',
  text: [
    ...notes,
    'Differences are of test macro-F1, paired by seed; intervals are percentile bootstrap intervals of 10,000 resamples; Holm’s correction counts all comparisons of this report.',
    `Model ${model}; ${machines.join('; ')}; ${code
      .map(({ version, commit, runs }) => `${runs} runs of ${version}${commit === null ? '' : `, ${commit}`}`)
      .join('; ')}; the last one ended ${finished.slice(0, 10)}.`,
  ],
  tables: [],
  groups: [],
  comparisons: [],
});
