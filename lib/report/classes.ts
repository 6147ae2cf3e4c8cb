/** What is taken for what: confusion matrix, most confused pairs, scores of each class. */
import type { Details, ReportedScores, Summary } from './data.js';
import { briefName, counted, percent, three } from './figures.js';
import { element, type Markup } from './html.js';
import { fitted, fitting, isDark, label, rect, shade, svg, textWidth, tip, WIDTH } from './svg.js';
import { figure, tableOf } from './tables.js';

/** More classes are no picture any more: the pairs remain. */
const MATRIX_CLASSES = 30;
/** Of the list of pairs, beside a matrix and without one. */
const PAIRS = { beside: 10, alone: 30 };
/** Room for a label, pixels. */
const LABEL = 170;

export const scoredOf = ({ metrics }: Summary, { scored }: Details): ReportedScores =>
  (scored === 'test' ? metrics.test : null) ?? metrics.validation;

function matrix({ confusion }: ReportedScores, labels: readonly string[]): Markup {
  const room = Math.min(LABEL, Math.max(...labels.map(textWidth)) + 4);
  const left = room + 30;
  const top = room + 30;
  const cell = Math.min(46, Math.floor((WIDTH - left - 8) / labels.length));
  const size = cell * labels.length;
  const cells = confusion.flatMap((row, gold) => {
    const total = Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    );
    return row.flatMap((count, predicted) => {
      const share = count / total;
      const [x, y] = [left + cell * predicted, top + cell * gold];
      const box = { fill: shade(share), class: gold === predicted ? 'edge-cell' : 'cell' };
      const title = tip(`${labels[gold]!}, predicted ${labels[predicted]!}: ${count} of ${total} (${percent(share)})`);
      const kind = [cell < 30 ? 'small' : '', isDark(share) ? 'light' : ''].join(' ').trim();
      const value = counted(count);
      const number =
        count > 0 && textWidth(value) < (cell < 30 ? cell * 1.15 : cell)
          ? [element('text', { x: x + cell / 2, y: y + cell / 2 + 4, 'text-anchor': 'middle', class: kind }, value)]
          : [];
      return [rect(x, y, cell, cell, box, title), ...number];
    });
  });
  const names = labels.flatMap((name, i) => {
    const at = cell * (i + 0.5);
    const upright = element(
      'text',
      { x: 0, y: 4, 'text-anchor': 'start', transform: `translate(${left + at} ${top - 8}) rotate(-90)` },
      fitting(name, room),
    );
    return [fitted(left - 8, top + at + 4, 'end', name, room), upright];
  });
  return svg(
    top + size + 8,
    'confusion matrix',
    label(left + size / 2, 14, 'middle', 'predicted'),
    element(
      'text',
      { x: 0, y: 0, 'text-anchor': 'middle', transform: `translate(14 ${top + size / 2}) rotate(-90)` },
      'gold',
    ),
    ...names,
    ...cells,
  );
}

function pairs({ confusion }: ReportedScores, labels: readonly string[], most: number): Markup[] {
  const all = confusion.flatMap((row, gold) => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.flatMap((count, predicted) =>
      count > 0 && gold !== predicted ? [{ gold, predicted, count, total }] : [],
    );
  });
  if (all.length === 0) return [];
  all.sort((a, b) => b.count - a.count || a.gold - b.gold || a.predicted - b.predicted);
  const rows = all
    .slice(0, most)
    .map(({ gold, predicted, count, total }) => [
      labels[gold]!,
      labels[predicted]!,
      counted(count),
      percent(count / total, 0),
    ]);
  return [
    element('h3', {}, 'Most confused'),
    tableOf({ head: ['gold', 'predicted', 'texts', 'of the gold label'], rows, words: [0, 1] }),
    ...(all.length > most ? [note(`The first ${most} of ${counted(all.length)} pairs.`)] : []),
  ];
}

const note = (text: string) => element('p', { class: 'note' }, text);

/** 0 to 1 as a bar beside its figure. */
const bar = (value: number): Markup =>
  element(
    'svg',
    { viewBox: '0 0 60 10', width: 60, height: 10, class: 'bar', 'aria-hidden': 'true' },
    rect(0, 1, 60, 8, { fill: '#eee' }),
    rect(0, 1, Number((60 * value).toFixed(1)), 8, { fill: '#0072b2' }),
  );

function perClass(scores: ReportedScores, labels: readonly string[], validation: ReportedScores | null): Markup {
  const rows = scores.perClass
    .map((row, i) => ({ ...row, name: labels[i]!, before: validation?.perClass[i]?.f1 }))
    .toSorted((a, b) => a.f1 - b.f1)
    .map(({ name, precision, recall, f1, support, predicted, before }) => [
      name,
      bar(f1),
      three(f1),
      three(precision),
      three(recall),
      counted(support),
      counted(predicted),
      ...(before === undefined ? [] : [three(before)]),
    ]);
  const head = ['label', '', 'F1', 'precision', 'recall', 'texts', 'predicted'];
  return tableOf({ head: validation ? [...head, 'F1, validation'] : head, rows });
}

export function classesSection(summary: Summary, details: Details): Markup {
  const scores = scoredOf(summary, details);
  const labels = summary.labels.map(briefName);
  const drawn = labels.length <= MATRIX_CLASSES;
  const caption = `A row for each gold label, a column for each predicted one; shaded by the share of the row, white 0, dark 1.`;
  return element(
    'section',
    {},
    element('h2', {}, 'Classes'),
    element('p', {}, `${counted(scores.rows)} ${details.scored} texts.`),
    ...(drawn ? [figure(matrix(scores, labels), caption)] : []),
    ...(labels.length > 3 ? pairs(scores, labels, drawn ? PAIRS.beside : PAIRS.alone) : []),
    element('h3', {}, 'Each class, the worst first'),
    perClass(scores, labels, details.scored === 'test' ? summary.metrics.validation : null),
  );
}
