/** The two parts of a score against each other: dispersion and gradient norm, of heads one by one, of neurons by their number. */
import { importanceName, type ReportedUnits, type Summary } from './data.js';
import { counted, two } from './figures.js';
import { element, type Markup } from './html.js';
import { AXIS, colour, dot, label, line, rect, sized, ticks, tip } from './svg.js';
import { figure } from './tables.js';

const SIZE = { width: 460, height: 340, left: 66, right: 16, top: 12 };
const BOTTOM = SIZE.height - AXIS;
const [ALL, CHOSEN] = ['#8a8a8a', colour(1)];

/** Round values between two powers of ten: powers alone, or with 2 and 5, or finer ones where the ends are near. */
function logTicks(low: number, high: number): number[] {
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i);
  const of = (factors: number[]) => powers.flatMap((power) => factors.map((factor) => factor * 10 ** power));
  const candidates = [of([1]), of([1, 2, 5]), ticks(10 ** low, 10 ** high)].map((values) =>
    values.filter((value) => value > 0 && Math.log10(value) >= low && Math.log10(value) <= high),
  );
  const inside = candidates.find(({ length }) => length >= 3) ?? candidates.at(-1)!;
  const every = Math.ceil(inside.length / 7);
  return inside.filter((_, i) => i % every === 0).map((value) => Number(value.toPrecision(3)));
}

const shown = (value: number) =>
  value >= 0.0001 && value < 10_000 ? String(value) : value.toExponential().replace('-', '−');

interface Scale {
  /** Of a value in log10. */
  at: (log: number) => number;
  ticks: number[];
}

/** What the axes show, as this run measured it. */
interface Names {
  dispersion: string;
  importance: string;
}

function scale({ low, high }: { low: number; high: number }, from: number, to: number): Scale {
  const at = (log: number) => Number((from + ((log - low) / (high - low)) * (to - from)).toFixed(2));
  return { at, ticks: logTicks(low, high) };
}

function frame(x: Scale, y: Scale, names: Names): Markup[] {
  const right = SIZE.width - SIZE.right;
  return [
    ...x.ticks.flatMap((value) => [
      line(x.at(Math.log10(value)), SIZE.top, x.at(Math.log10(value)), BOTTOM, 'grid'),
      label(x.at(Math.log10(value)), BOTTOM + 16, 'middle', shown(value)),
    ]),
    ...y.ticks.flatMap((value) => [
      line(SIZE.left, y.at(Math.log10(value)), right, y.at(Math.log10(value)), 'grid'),
      label(SIZE.left - 6, y.at(Math.log10(value)) + 4, 'end', shown(value)),
    ]),
    label((SIZE.left + right) / 2, BOTTOM + 34, 'middle', `index of dispersion (${names.dispersion})`),
    element(
      'text',
      { x: 0, y: 0, 'text-anchor': 'middle', transform: `translate(12 ${(SIZE.top + BOTTOM) / 2}) rotate(-90)` },
      names.importance,
    ),
  ];
}

/** With room around the outermost points. */
function ends(logs: readonly number[]): { low: number; high: number } {
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const side = Math.max(0.02, 0.04 * (high - low));
  return { low: low - side, high: high + side };
}

function groupPlot({ plan }: Summary, { groups }: ReportedUnits, names: Names): Markup[] {
  const points = groups.score.flatMap((scores, l) =>
    scores.flatMap((score, h) => {
      const [dispersion, gradient] = [groups.dispersion[l]![h]!, groups.gradient[l]![h]!];
      const trained = plan.layers[l]!.groups.includes(h);
      return dispersion > 0 && gradient > 0
        ? [{ l, h, score, trained, x: Math.log10(dispersion), y: Math.log10(gradient) }]
        : [];
    }),
  );
  if (points.length === 0) return [];
  const x = scale(ends(points.map((point) => point.x)), SIZE.left, SIZE.width - SIZE.right);
  const y = scale(ends(points.map((point) => point.y)), BOTTOM, SIZE.top);
  // Trained ones last, above the others.
  const dots = points
    .toSorted((a, b) => Number(a.trained) - Number(b.trained))
    .map(({ l, h, score, trained, x: dispersion, y: gradient }) => {
      const paint = trained ? { stroke: '#fff' } : { stroke: ALL, 'stroke-width': 1.5 };
      const title = tip(`layer ${l}, head ${h}: score ${two(score)}${trained ? ', trained' : ''}`);
      return element(
        'g',
        {},
        dot(x.at(dispersion), y.at(gradient), trained ? 5 : 4, trained ? CHOSEN : '#fff', paint),
        title,
      );
    });
  const trained = points.filter((point) => point.trained).length;
  return [
    figure(
      sized(
        SIZE.width,
        SIZE.height,
        `dispersion and ${names.importance} of attention heads`,
        ...frame(x, y, names),
        ...dots,
      ),
      `Attention heads: ${counted(points.length)}, of which ${counted(trained)} train (orange).`,
    ),
  ];
}

function neuronPlot({ neurons: { density } }: ReportedUnits, names: Names): Markup[] {
  const { bins, cells, zero } = density;
  if (cells.length === 0) return [];
  const x = scale(density.dispersion, SIZE.left, SIZE.width - SIZE.right);
  const y = scale(density.gradient, BOTTOM, SIZE.top);
  const wide = (SIZE.width - SIZE.right - SIZE.left) / bins;
  const high = (BOTTOM - SIZE.top) / bins;
  const most = Math.max(...cells.map(({ neurons }) => neurons));
  const round = (value: number) => Number(value.toFixed(2));
  const boxes = cells.flatMap(({ dispersion, gradient, neurons, selected }) => {
    const [left, top] = [SIZE.left + wide * dispersion, BOTTOM - high * (gradient + 1)];
    const side = Math.sqrt(selected / neurons);
    const title = tip(`${counted(neurons)} neurons, ${counted(selected)} train`);
    // Numbers span orders of magnitude: the root keeps single neurons visible.
    const fill = { fill: ALL, 'fill-opacity': round(0.15 + 0.85 * Math.sqrt(neurons / most)) };
    const inner = rect(
      round(left + (wide * (1 - side)) / 2),
      round(top + (high * (1 - side)) / 2),
      round(wide * side),
      round(high * side),
      { fill: CHOSEN },
    );
    const outer = rect(round(left), round(top), round(wide), round(high), fill, title);
    return selected > 0 ? [outer, inner] : [outer];
  });
  const trained = cells.reduce((sum, { selected }) => sum + selected, 0);
  const without = zero > 0 ? ` ${counted(zero)} with a dispersion or ${names.importance} of 0 are not shown.` : '';
  return [
    figure(
      sized(SIZE.width, SIZE.height, `dispersion and ${names.importance} of neurons`, ...frame(x, y, names), ...boxes),
      `Neurons: ${counted(zero + cells.reduce((sum, { neurons }) => sum + neurons, 0))}, the darker the more; orange is the part of a cell that trains, ${counted(trained)} in all.${without}`,
    ),
  ];
}

export function componentPlots(summary: Summary, units: ReportedUnits): Markup[] {
  const names = { dispersion: units.dispersion, importance: importanceName(summary) };
  const plots = [...groupPlot(summary, units, names), ...neuronPlot(units, names)];
  if (plots.length === 0) return [];
  return [
    element('h3', {}, `Dispersion against ${names.importance}`),
    element(
      'p',
      { class: 'note' },
      `Both on logarithmic axes. The ${names.importance} is divided by the square root of the number of weights.`,
    ),
    element('div', { class: 'pair' }, ...plots),
  ];
}
