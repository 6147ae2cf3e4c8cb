/** What was asked for, and of what. */
import type { Summary } from './data.js';
import { counted } from './figures.js';
import { element, type Markup } from './html.js';
import { tableOf } from './tables.js';

const shown = (value: unknown): string => {
  if (value === null) return 'default';
  return typeof value === 'string' ? value : Array.isArray(value) ? value.join(' ') : JSON.stringify(value);
};

export function runSection({ options, identity, metrics }: Summary): Markup {
  const sizes = Object.entries(metrics.sizes).map(([name, bytes]) => [name, counted(bytes)]);
  return element(
    'section',
    {},
    element('h2', {}, 'The run'),
    element('h3', {}, 'Options'),
    tableOf({
      head: ['option', 'value'],
      rows: Object.entries(options).map(([name, value]) => [name, shown(value)]),
      words: [0, 1],
    }),
    element('h3', {}, 'Read'),
    tableOf({ head: ['', 'sha256'], rows: [['model', identity.model], ...identity.data], words: [0, 1] }),
    element('h3', {}, 'Written'),
    tableOf({ head: ['file', 'bytes'], rows: sizes }),
  );
}
