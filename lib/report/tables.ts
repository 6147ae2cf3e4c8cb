/** Tables of a page. */
import { brief } from './figures.js';
import { element, type Markup } from './html.js';

export type Cell = Markup | string | number;

export interface Table {
  head: readonly string[];
  /** The first column is words, the others are figures, unless `words` says otherwise. */
  rows: readonly (readonly Cell[])[];
  /** Columns of words, which stand to the left and may be broken into lines. */
  words?: readonly number[];
}

/** UTF-16 units that a cell, and the head of a column, shows of a longer text. */
const CELL = 600;
const HEAD = 60;

export function tableOf({ head, rows, words = [0] }: Table): Markup {
  const row = (kind: 'td' | 'th', cells: readonly Cell[], most: number) =>
    element(
      'tr',
      {},
      ...cells.map((cell, column) =>
        element(
          kind,
          words.includes(column) ? { class: 'words' } : {},
          typeof cell === 'string' ? brief(cell, most) : cell,
        ),
      ),
    );
  const table = element(
    'table',
    {},
    element('thead', {}, row('th', head, HEAD)),
    element('tbody', {}, ...rows.map((cells) => row('td', cells, CELL))),
  );
  return element('div', { class: 'scroll' }, table);
}

export const figure = (plot: Markup, caption: string): Markup =>
  element('figure', {}, plot, element('figcaption', {}, caption));

/** Figures that stand out, each under its name. */
export const highlights = (pairs: readonly (readonly [name: string, value: string])[]): Markup =>
  element(
    'dl',
    {},
    ...pairs.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  );
