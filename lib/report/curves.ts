/** How training went: losses over the steps, scores of the validation texts over the epochs. */
import type { Details, Summary } from './data.js';
import { element, type Markup } from './html.js';
import { across, along, axis, axisOf, AXIS, colour, dot, label, line, sized, ticks, tip } from './svg.js';
import { figure } from './tables.js';

const SIZE = { width: 460, height: 280, left: 56, right: 14, top: 40 };
const BOTTOM = SIZE.height - AXIS;

interface Series {
  name: string;
  /** Null: a gap. */
  points: readonly (readonly [x: number, y: number | null])[];
  dots: boolean;
}

function plot(name: string, series: readonly Series[], xs: number[], ys: number[], title: string, more: Markup[] = []) {
  const x = axisOf(xs, SIZE.left, SIZE.width - SIZE.right);
  const y = axisOf(ys, BOTTOM, SIZE.top);
  const lines = series.flatMap(({ name: of, points, dots }, i) => [
    ...runs(points).map((run) =>
      element('polyline', {
        points: run.map(([px, py]) => `${x.at(px)},${y.at(py)}`).join(' '),
        stroke: colour(i),
        class: 'curve',
      }),
    ),
    ...(dots ? points : []).flatMap(([px, py]) =>
      py === null ? [] : [element('g', {}, dot(x.at(px), y.at(py), 4, colour(i)), tip(`${of}: ${py.toFixed(3)}`))],
    ),
    line(SIZE.left + 170 * i, 12, SIZE.left + 170 * i + 18, 12, `key-${i}`),
    dot(SIZE.left + 170 * i + 9, 12, 4, colour(i)),
    label(SIZE.left + 170 * i + 24, 16, 'start', of),
  ]);
  return sized(
    SIZE.width,
    SIZE.height,
    name,
    ...across(x, BOTTOM, title, SIZE.top),
    ...along(y, SIZE.left, SIZE.width - SIZE.right),
    ...more,
    ...lines,
  );
}

/** Stretches without a gap. */
function runs(points: Series['points']): [number, number][][] {
  const all: [number, number][][] = [[]];
  for (const [x, y] of points) {
    if (y === null) all.push([]);
    else all.at(-1)!.push([x, y]);
  }
  return all.filter(({ length }) => length > 0);
}

/** Where something happens: the end of the token phase, the epoch that was saved. */
const event = (x: number, name: string): Markup =>
  element('g', {}, line(x, SIZE.top, x, BOTTOM, 'event'), label(x, SIZE.top - 5, 'middle', name));

function lossPlot({ metrics, plan }: Summary, { losses }: Details): Markup {
  const training = losses.means.map((mean, i) => [Math.min(metrics.steps, losses.steps * (i + 0.5)), mean] as const);
  const validation = metrics.evaluations.map(({ step, validationLoss }) => [step, validationLoss] as const);
  const values = [...training, ...validation].flatMap(([, loss]) => (loss === null ? [] : [loss]));
  const xs = ticks(0, metrics.steps);
  const x = axisOf(xs, SIZE.left, SIZE.width - SIZE.right);
  const tokens = plan.phases.find(({ name }) => name === 'tokens');
  return plot(
    'losses',
    [
      { name: 'training loss', points: training, dots: false },
      { name: 'validation loss', points: validation, dots: true },
    ],
    xs,
    ticks(0, Math.max(...values)),
    'step',
    tokens ? [event(x.at(tokens.steps), 'token phase ends')] : [],
  );
}

function scorePlot({ metrics }: Summary): Markup {
  const { evaluations, chosen } = metrics;
  const values = evaluations.flatMap(({ macroF1, accuracy }) => [macroF1, accuracy]);
  // Whole epochs: a run of one has one point.
  const xs = evaluations.length > 12 ? ticks(0, evaluations.length) : [0, ...evaluations.map(({ epoch }) => epoch)];
  const x = axisOf(xs, SIZE.left, SIZE.width - SIZE.right);
  return plot(
    'scores of the validation texts',
    [
      { name: 'macro-F1', points: evaluations.map(({ epoch, macroF1 }) => [epoch, macroF1]), dots: true },
      { name: 'accuracy', points: evaluations.map(({ epoch, accuracy }) => [epoch, accuracy]), dots: true },
    ],
    xs,
    axis(values, 0, 1).ticks,
    'epoch',
    [line(x.at(chosen.epoch), SIZE.top, x.at(chosen.epoch), BOTTOM, 'event')],
  );
}

export function learningSection(summary: Summary, details: Details): Markup {
  const { metrics } = summary;
  const { steps } = details.losses;
  const every = steps === 1 ? 'each step' : `every ${steps} steps`;
  return element(
    'section',
    {},
    element('h2', {}, 'Learning'),
    element(
      'div',
      { class: 'pair' },
      figure(
        lossPlot(summary, details),
        `Cross-entropy in nats: the mean of ${every} (with dropout), and of the validation texts after each epoch.`,
      ),
      figure(
        scorePlot(summary),
        `Validation texts after each epoch (${metrics.rows.validation} rows). The broken line is the epoch that was saved: ${metrics.chosen.epoch}, the ${metrics.chosen.by === 'last epoch' ? 'last one' : 'one with the highest macro-F1'}.`,
      ),
    ),
  );
}
