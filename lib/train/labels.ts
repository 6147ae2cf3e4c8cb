/**
 * Labels are an ordered array, fixed when the training data are first read: sorted by UTF-16 code unit (the order of
 * Array.prototype.sort, independent of locale). Lookups go through a Map, because "__proto__" and "10" are labels too.
 */
import { AdaptuneError } from '../errors.js';

export function labelList(labels: readonly string[]): string[] {
  const list = [...new Set(labels)].sort();
  if (list.length < 2) {
    const came = list.length === 0 ? 'no rows' : `only ${JSON.stringify(list[0])}`;
    throw new AdaptuneError(
      'E_LABELS',
      `Expected at least two different labels in the training data, but found ${came}.`,
    );
  }
  return list;
}

/** Index of each row's label in `list`; labels outside the list are E_LABELS, named with their number of rows. */
export function labelIds(labels: readonly string[], list: readonly string[], source: string): Int32Array {
  const index = new Map(list.map((label, i) => [label, i]));
  const unseen = new Map<string, number>();
  const ids = Int32Array.from(labels, (label) => {
    const id = index.get(label);
    if (id === undefined) unseen.set(label, (unseen.get(label) ?? 0) + 1);
    return id ?? -1;
  });
  if (unseen.size > 0) {
    const names = [...unseen].slice(0, 5).map(([label, rows]) => `${JSON.stringify(label)} (${rows} rows)`);
    const rest = unseen.size > names.length ? ` and ${unseen.size - names.length} more` : '';
    throw new AdaptuneError(
      'E_LABELS',
      `Expected the labels of ${source} to be among the ${list.length} training labels, but found ${names.join(', ')}${rest}.`,
    );
  }
  return ids;
}
