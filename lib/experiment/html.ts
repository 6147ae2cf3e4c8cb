/** The report as one page that opens from disk: tables and plots, no script, no network. */
import { brief } from '../report/figures.js';
import { element, page, type Markup } from '../report/html.js';
import { STYLE } from '../report/style.js';
import { tableOf } from '../report/tables.js';
import { costPlot, differencePlot, scorePlot, sharePlot } from './plots.js';
import type { Group } from './report.js';
import type { Section } from './tables.js';

function section({ title, text, tables, groups, comparisons }: Section): Markup {
  return element(
    'section',
    {},
    element('h2', {}, brief(title, 200)),
    ...text.map((paragraph) => element('p', {}, brief(paragraph, 2000))),
    ...(groups.length > 0 ? [scorePlot(groups)] : []),
    ...(comparisons.length > 0 ? [differencePlot(comparisons)] : []),
    ...(groups.length > 1 ? [costPlot(groups)] : []),
    ...tables.map(tableOf),
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
        element('h2', {}, `${brief(data, 200)} by share${bias}`),
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
    element('h1', {}, brief(title, 200)),
    ...(about === '' ? [] : [element('p', {}, brief(about, 2000))]),
    ...shares(groups),
    ...sections.map(section),
  );
}
