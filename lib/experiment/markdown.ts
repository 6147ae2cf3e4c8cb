/** The report as Markdown that repositories show. */
import { escapeControls } from '../util/terminal.js';
import type { Section, Table } from './tables.js';

/** Text of others: no markup, no end of a line or cell. */
const plain = (text: string) => escapeControls(text).replaceAll(/[\\`*_[\]<>|#&]/g, '\\$&');

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;

function table({ head, rows }: Table): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return line(head.map(plain)) + line(rule) + rows.map((row) => line(row.map(plain))).join('');
}

export function markdownOf(title: string, about: string, sections: readonly Section[]): string {
  const parts = sections.map(({ title: name, text, tables }) =>
    [`## ${plain(name)}\n`, ...text.map((paragraph) => `${plain(paragraph)}\n`), ...tables.map(table)].join('\n'),
  );
  return [`# ${plain(title)}\n`, ...(about === '' ? [] : [`${plain(about)}\n`]), ...parts].join('\n');
}
