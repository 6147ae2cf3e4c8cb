/** Tables for people, and cells of CSV and TSV files. */
import Table from 'cli-table3';
import { escapeControls } from '../util/terminal.js';

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A plain table without lines; columns of numbers stand to the right. All cells are escaped. */
export function table(head: string[], rows: (string | number)[][]): string {
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^-?[\d.,]+( %)?$/.test(String(row[column]))),
  );
  const made = new Table({
    head: head.map((cell) => escapeControls(cell)),
    chars: BARE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  });
  for (const row of rows) made.push(row.map((cell) => escapeControls(String(cell))));
  return made.toString().replaceAll(/ +$/gm, '');
}

/** A field in RFC 4180's quotes where it needs them. TSV is the same with tabs: what is read back is what was written. */
const field = (value: string, special: RegExp) => (special.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

/** One line of a `.csv` or `.tsv` file. */
export function row(values: readonly (string | number)[], extension: '.csv' | '.tsv', end = '\n'): string {
  const [delimiter, special] = extension === '.csv' ? [',', /[",\r\n]/] : (['\t', /["\t\r\n]/] as const);
  return `${values.map((value) => field(String(value), special)).join(delimiter)}${end}`;
}
