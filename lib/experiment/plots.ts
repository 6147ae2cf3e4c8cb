/** Plots as SVG inside the page: figures of the report, nothing computed. */
import { element, type Markup } from '../report/html.js';
import {
  across,
  along,
  axis,
  AXIS,
  colour,
  dot,
  fitted,
  line,
  RIGHT,
  roomFor,
  ROW,
  svg,
  TOP,
  WIDTH,
  type Axis,
} from '../report/svg.js';
import type { Comparison, Group } from './report.js';

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
      fitted(left - 8, y + 4, 'end', name, left - 16),
      line(x.at(mean), y - 7, x.at(mean), y + 7, 'mean'),
      ...scores.map((score) => dot(x.at(score), y, 4, colour(0), { 'fill-opacity': 0.5 })),
    ];
  });
  return svg(
    bottom + AXIS,
    'test macro-F1 of each run',
    ...across(x, bottom, 'test macro-F1, a dot for each seed'),
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
      fitted(left - 8, y + 4, 'end', name, left - 16),
      line(x.at(low), y, x.at(high), y, 'interval'),
      dot(x.at(difference), y, 4, colour(0)),
    ];
  });
  const reference = comparisons[0]?.reference ?? '';
  return svg(
    bottom + AXIS,
    'differences with intervals',
    ...across(x, bottom, `test macro-F1 less that of ${reference}, with 95 % interval`),
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
  return [...across(x, bottom, `test macro-F1 by ${title}`), ...along(y, left, WIDTH - RIGHT)];
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
    const named =
      groups.length > NAMED ? [] : [fitted(px + shift, Math.max(TOP, py - 6), anchor, group.name, WIDTH / 2)];
    return [element('circle', { cx: px, cy: py, r: 5, fill: colour(i) }, element('title', {}, group.name)), ...named];
  });
  const title = relative ? 'seconds, full = 1' : 'seconds';
  return svg(HEIGHT, 'score and cost', ...frame(x, y, SIDE, title), ...points);
}

/** A line for each name: the score by the share of the training texts. */
export function sharePlot(groups: readonly Group[]): Markup {
  const names = [...new Set(groups.map(({ name }) => name))];
  const left = roomFor(names, WIDTH * 0.4) + SIDE;
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
      fitted(28, TOP + ROW * (i + 1.5) + 4, 'start', name, left - SIDE - 28),
    ];
  });
  return svg(
    Math.max(HEIGHT, TOP + ROW * (names.length + 2)),
    'score by share',
    ...frame(x, y, left, 'share of the training texts'),
    ...lines,
  );
}
