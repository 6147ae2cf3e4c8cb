/** Where the time went, what was predicted, and memory. */
import type { Details, Summary } from './data.js';
import { briefName, counted, mebibytes, percent, seconds, two } from './figures.js';
import { element, type Markup } from './html.js';
import { colour, fitted, label, rect, ROW, svg, WIDTH } from './svg.js';
import { figure, tableOf, type Cell } from './tables.js';

const LEFT = 120;
const VALUE = 130;

/** A bar for each name. */
export function bars(name: string, rows: readonly { name: string; value: number; shown: string }[]): Markup {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  const room = WIDTH - LEFT - VALUE;
  const drawn = rows.flatMap(({ name: of, value, shown }, i) => {
    const width = Number(((room * value) / most).toFixed(1));
    return [
      fitted(LEFT - 8, ROW * (i + 0.5) + 4, 'end', of, LEFT - 12),
      rect(LEFT, ROW * i + 4, width, ROW - 8, { fill: colour(0) }),
      label(LEFT + width + 6, ROW * (i + 0.5) + 4, 'start', shown),
    ];
  });
  return svg(ROW * rows.length + 4, name, ...drawn);
}

function stageBars({ metrics }: Summary): Markup {
  const stages = Object.entries(metrics.stages);
  const total = stages.reduce((sum, [, took]) => sum + took, 0);
  const rows = stages.map(([name, value]) => ({
    name,
    value,
    shown: `${seconds(value)} (${percent(value / total, value / total < 0.1 ? 1 : 0)})`,
  }));
  return figure(
    bars('seconds by stage', rows),
    `${seconds(total)} in all on ${briefName(metrics.isa)}, ${metrics.threads} ${metrics.threads === 1 ? 'thread' : 'threads'}; a resumed run adds up all its processes.`,
  );
}

/** Stages of the training whose share of the cost is predicted. */
const PREDICTED = [
  ['head fit', 'headFit', 'head fit'],
  ['calibration', 'calibration', 'calibrate'],
  ['token phase', 'tokens', 'tokens'],
  ['units phase', 'units', 'units'],
] as const;

function predictedTable({ metrics }: Summary, { predictedCost }: Details): Markup {
  const rows = PREDICTED.map(([name, key, stage]) => ({
    name,
    predicted: predictedCost[key],
    took: metrics.stages[stage] ?? 0,
  })).filter(({ predicted, took }) => predicted > 0 || took > 0);
  const cost = rows.reduce((sum, row) => sum + row.predicted, 0);
  const time = rows.reduce((sum, row) => sum + row.took, 0);
  const share = (value: number, of: number) => (of > 0 ? percent(value / of, 0) : '–');
  const line = (name: string, predicted: number, took: number): Cell[] => [
    name,
    two(predicted),
    share(predicted, cost),
    share(took, time),
    seconds(took),
  ];
  return tableOf({
    head: ['', 'predicted, full = 1', 'share, predicted', 'share, measured', 'measured'],
    rows: [...rows.map(({ name, predicted, took }) => line(name, predicted, took)), line('together', cost, time)],
  });
}

const MEMORY = [
  ['now', 'held before training'],
  ['optimizer', 'gradients and optimizer'],
  ['activations', 'activations'],
  ['packs', 'packed weights'],
  ['between', 'more for evaluating and saving'],
  ['prefixCache', 'kept states of frozen layers'],
] as const;

function memoryTable({ metrics }: Summary, { memory }: Details): Markup {
  const rows: Cell[][] = MEMORY.flatMap(([key, name]) => (memory[key] > 0 ? [[name, mebibytes(memory[key])]] : []));
  return tableOf({
    head: ['memory', ''],
    rows: [
      ...rows,
      ['predicted for training', mebibytes(memory.total)],
      ['measured peak of the process', `${counted(metrics.peak_rss_mb)} MiB`],
    ],
  });
}

export function costSection(summary: Summary, details: Details): Markup {
  const { metrics } = summary;
  const cached =
    metrics.cached_texts > 0
      ? ` ${percent(metrics.cached_texts / (metrics.epochs * metrics.rows.train), 0)} of the texts’ passes began at layer ${metrics.floor}, from kept states.`
      : '';
  return element(
    'section',
    {},
    element('h2', {}, 'Cost'),
    element(
      'p',
      {},
      `${counted(metrics.steps)} steps in ${seconds(metrics.train_s)}, ${counted(metrics.tokens_per_s)} base tokens a second.${cached}`,
    ),
    stageBars(summary),
    element('h3', {}, 'Predicted and measured'),
    element(
      'p',
      { class: 'note' },
      'Predicted from counts of operations and the time that each kind takes, in parts of the cost of full finetuning on the same texts and epochs. Shares compare the two without such a run.',
    ),
    predictedTable(summary, details),
    memoryTable(summary, details),
  );
}
