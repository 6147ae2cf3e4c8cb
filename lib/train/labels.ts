/**
 * Labels are an ordered array, fixed when the training data are first read: sorted by UTF-16 code unit (the order of
 * Array.prototype.sort, independent of locale). Lookups go through a Map, because "__proto__" and "10" are labels too.
 */
import { AdaptuneError } from '../errors.js';
import { show } from '../util/json.js';

/** `source`: where the labels come from, the beginning of the message. */
export function labelList(labels: readonly string[], source: string): string[] {
  const list = [...new Set(labels)].sort();
  if (list.length < 2) {
    const came = list.length === 0 ? 'none' : `only ${show(list[0])}`;
    throw new AdaptuneError('E_LABELS', `${source}: expected at least two different labels, came ${came}`);
  }
  return list;
}

/** Labels that a message names. */
const NAMED = 5;

/**
 * Index of each row's label in `list`; labels outside the list are E_LABELS, named with their number of rows and the first
 * of these: a line where `lines` are known, else an index.
 */
export function labelIds(
  labels: readonly string[],
  list: readonly string[],
  source: string,
  lines?: readonly number[],
): Int32Array {
  const index = new Map(list.map((label, i) => [label, i]));
  const unseen = new Map<string, { rows: number; first: number }>();
  const ids = Int32Array.from(labels, (label, row) => {
    const id = index.get(label);
    if (id !== undefined) return id;
    const seen = unseen.get(label);
    if (seen) seen.rows++;
    else unseen.set(label, { rows: 1, first: row });
    return -1;
  });
  if (unseen.size > 0) {
    const where = (row: number) => (lines ? `line ${lines[row]}` : `index ${row}`);
    const names = [...unseen].slice(0, NAMED).map(([label, { rows, first }]) => {
      return `${show(label)} (${rows === 1 ? where(first) : `${rows} rows, the first at ${where(first)}`})`;
    });
    const rest = unseen.size > names.length ? ` and ${unseen.size - names.length} more` : '';
    const known = list.slice(0, NAMED).map((label) => show(label));
    const others = list.length > known.length ? ', ...' : '';
    throw new AdaptuneError(
      'E_LABELS',
      `${source}: expected only the ${list.length} labels that were trained (${known.join(', ')}${others}), came ${names.join(', ')}${rest}`,
    );
  }
  return ids;
}
