/** The report as one page that opens from disk: tables and plots, no script, no network. */
import { element, page, type Markup } from '../util/html.js';
import { costPlot, differencePlot, scorePlot, sharePlot } from './plots.js';
import type { Group } from './report.js';
import type { Section, Table } from './tables.js';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
h1, h2, h3 { line-height: 1.2 }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; display: block; overflow-x: auto }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
svg { width: 100%; max-width: 46rem; height: auto; display: block; margin: 1rem 0; font: 12px system-ui, sans-serif }
svg text { fill: #1a1a1a }
.grid { stroke: #e2e2e2 }
.mean { stroke: #1a1a1a; stroke-width: 2 }
.zero { stroke: #1a1a1a; stroke-dasharray: 4 3 }
.interval { stroke: #0072b2; stroke-width: 2 }
.share { fill: none; stroke-width: 2 }
`;

const row = (kind: 'td' | 'th', cells: readonly string[]) =>
  element('tr', {}, ...cells.map((cell) => element(kind, {}, cell)));

function table({ head, rows }: Table): Markup {
  const body = element('tbody', {}, ...rows.map((cells) => row('td', cells)));
  return element('table', {}, element('thead', {}, row('th', head)), body);
}

function section({ title, text, tables, groups, comparisons }: Section): Markup {
  return element(
    'section',
    {},
    element('h2', {}, title),
    ...text.map((paragraph) => element('p', {}, paragraph)),
    ...(groups.length > 0 ? [scorePlot(groups)] : []),
    ...(comparisons.length > 0 ? [differencePlot(comparisons)] : []),
    ...(groups.length > 1 ? [costPlot(groups)] : []),
    ...tables.map(table),
  );
}

/** Where there are runs on several shares of the training texts. */
function shares(groups: readonly Group[]): Markup[] {
  // A bias has no meaning for all texts, which stand at the end of every line.
  const biases = [...new Set(groups.map(({ sample }) => sample.replace(/^[^,]*/, '')))];
  const kinds = biases.filter((bias) => new Set(groups.filter(of(bias)).map(({ share }) => share)).size > 1);
  return [...new Set(groups.map(({ data }) => data))].flatMap((data) =>
    kinds.map((bias) =>
      element(
        'section',
        {},
        element('h2', {}, `${data} by share${bias}`),
        sharePlot(groups.filter((group) => group.data === data).filter(of(bias))),
      ),
    ),
  );
}

const of = (bias: string) => (group: Group) => group.share === 1 || group.sample.endsWith(bias || ' %');

export function htmlOf(title: string, about: string, sections: readonly Section[]): string {
  const groups = sections.flatMap((part) => part.groups);
  return page(
    title,
    STYLE,
    element('h1', {}, title),
    ...(about === '' ? [] : [element('p', {}, about)]),
    ...shares(groups),
    ...sections.map(section),
  );
}
