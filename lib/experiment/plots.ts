/** Plots as SVG inside the page: figures of the report, nothing computed. */
import { element, type Markup } from '../util/html.js';
import type { Comparison, Group } from './report.js';

const WIDTH = 720;
/** Room for the end of an axis. */
const RIGHT = 30;
/** Of a character, on average; names are of this program's users, not of its typographer. */
const CHARACTER = 6.4;
const ROW = 22;
const TOP = 12;
const AXIS = 40;
/** Colours that people who see red and green alike tell apart (Okabe & Ito 2008). */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const;
const colour = (i: number) => COLOURS[i % COLOURS.length]!;

/** Four to nine round values that cover both ends. */
export function ticks(low: number, high: number): number[] {
  const span = high > low ? high - low : Math.max(Math.abs(high), 1e-3);
  const rough = span / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

interface Axis {
  ticks: number[];
  at: (value: number) => number;
}

function axis(values: readonly number[], from: number, to: number): Axis {
  const marks = ticks(Math.min(...values), Math.max(...values));
  const [low, high] = [marks[0]!, marks.at(-1)!];
  return { ticks: marks, at: (value) => Number((from + ((value - low) / (high - low)) * (to - from)).toFixed(2)) };
}

const svg = (height: number, label: string, ...contents: Markup[]) =>
  element('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': label }, ...contents);
const line = (x1: number, y1: number, x2: number, y2: number, kind: string) =>
  element('line', { x1, y1, x2, y2, class: kind });
/** Room for names on the left. */
const roomFor = (names: readonly string[]) =>
  Math.min(WIDTH * 0.6, 24 + CHARACTER * Math.max(...names.map(({ length }) => length)));
const label = (x: number, y: number, anchor: 'start' | 'middle' | 'end', value: string) =>
  element('text', { x, y, 'text-anchor': anchor }, value);
const dot = (cx: number, cy: number, r: number, fill: string, more: Record<string, number> = {}) =>
  element('circle', { cx, cy, r, fill, ...more });

function across({ ticks: marks, at }: Axis, left: number, bottom: number, title: string): Markup[] {
  return [
    ...marks.flatMap((value) => [
      line(at(value), TOP, at(value), bottom, 'grid'),
      label(at(value), bottom + 14, 'middle', String(value)),
    ]),
    label((left + WIDTH - RIGHT) / 2, bottom + 32, 'middle', title),
  ];
}

/** A row for each group: a dot for each seed, a bar at the mean. */
export function scorePlot(groups: readonly Group[]): Markup {
  const left = roomFor(groups.map(({ name }) => name));
  const bottom = TOP + ROW * groups.length;
  const x = axis(
    groups.flatMap(({ scores }) => scores),
    left,
    WIDTH - RIGHT,
  );
  const rows = groups.flatMap(({ name, scores, test_macro_f1: { mean } }, i) => {
    const y = TOP + ROW * (i + 0.5);
    return [
      label(left - 8, y + 4, 'end', name),
      line(x.at(mean), y - 7, x.at(mean), y + 7, 'mean'),
      ...scores.map((score) => dot(x.at(score), y, 4, colour(0), { 'fill-opacity': 0.5 })),
    ];
  });
  return svg(
    bottom + AXIS,
    'test macro-F1 of each run',
    ...across(x, left, bottom, 'test macro-F1, a dot for each seed'),
    ...rows,
  );
}

/** A row for each comparison: the difference and its interval, beside 0. */
export function differencePlot(comparisons: readonly Comparison[]): Markup {
  const left = roomFor(comparisons.map(({ name }) => name));
  const bottom = TOP + ROW * comparisons.length;
  const x = axis(
    [0, ...comparisons.flatMap(({ low, high, difference }) => [low, high, difference])],
    left,
    WIDTH - RIGHT,
  );
  const rows = comparisons.flatMap(({ name, low, high, difference }, i) => {
    const y = TOP + ROW * (i + 0.5);
    return [
      label(left - 8, y + 4, 'end', name),
      line(x.at(low), y, x.at(high), y, 'interval'),
      dot(x.at(difference), y, 4, colour(0)),
    ];
  });
  const reference = comparisons[0]?.reference ?? '';
  return svg(
    bottom + AXIS,
    'differences with intervals',
    ...across(x, left, bottom, `test macro-F1 less that of ${reference}, with 95 % interval`),
    line(x.at(0), TOP, x.at(0), bottom, 'zero'),
    ...rows,
  );
}

const HEIGHT = 300;
const SIDE = 60;
/** More names than this would cover each other; they are still there under the pointer. */
const NAMED = 12;

function frame(x: Axis, y: Axis, left: number, title: string): Markup[] {
  const bottom = HEIGHT - AXIS;
  return [
    ...across(x, left, bottom, `test macro-F1 by ${title}`),
    ...y.ticks.flatMap((value) => [
      line(left, y.at(value), WIDTH - RIGHT, y.at(value), 'grid'),
      label(left - 8, y.at(value) + 4, 'end', String(value)),
    ]),
  ];
}

const mean = ({ test_macro_f1 }: Group) => test_macro_f1.mean;

/** What a method costs and what it gives. */
export function costPlot(groups: readonly Group[]): Markup {
  const relative = groups.every(({ seconds_of_full }) => seconds_of_full !== null);
  const cost = (group: Group) => (relative ? group.seconds_of_full! : group.seconds);
  const x = axis([0, ...groups.map(cost)], SIDE, WIDTH - RIGHT);
  const y = axis(groups.map(mean), HEIGHT - AXIS, TOP);
  const points = groups.flatMap((group, i) => {
    const [px, py] = [x.at(cost(group)), y.at(mean(group))];
    // Names to the left of points in the right half stay inside the plot.
    const [shift, anchor] = px > (SIDE + WIDTH) / 2 ? ([-8, 'end'] as const) : ([8, 'start'] as const);
    const named = groups.length > NAMED ? [] : [label(px + shift, py - 6, anchor, group.name)];
    return [element('circle', { cx: px, cy: py, r: 5, fill: colour(i) }, element('title', {}, group.name)), ...named];
  });
  const title = relative ? 'seconds, full = 1' : 'seconds';
  return svg(HEIGHT, 'score and cost', ...frame(x, y, SIDE, title), ...points);
}

/** A line for each name: the score by the share of the training texts. */
export function sharePlot(groups: readonly Group[]): Markup {
  const names = [...new Set(groups.map(({ name }) => name))];
  const left = roomFor(names) + SIDE;
  const x = axis([0, ...groups.map(({ share }) => share)], left, WIDTH - RIGHT);
  const y = axis(groups.map(mean), HEIGHT - AXIS, TOP);
  const lines = names.flatMap((name, i) => {
    const own = groups.filter((group) => group.name === name).toSorted((a, b) => a.share - b.share);
    const at = (group: Group) => [x.at(group.share), y.at(mean(group))] as const;
    return [
      element('polyline', {
        points: own.map((group) => at(group).join(',')).join(' '),
        stroke: colour(i),
        class: 'share',
      }),
      ...own.map((group) => dot(...at(group), 4, colour(i))),
      dot(16, TOP + ROW * (i + 1.5), 5, colour(i)),
      label(28, TOP + ROW * (i + 1.5) + 4, 'start', name),
    ];
  });
  return svg(
    Math.max(HEIGHT, TOP + ROW * (names.length + 2)),
    'score by share',
    ...frame(x, y, left, 'share of the training texts'),
    ...lines,
  );
}
