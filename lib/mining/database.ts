import { AdaptuneError } from '../errors.js';

/** Stands between sequences and for every negative item of the input: no pattern contains or spans it. */
export const BARRIER = -2;
/** An item below the minimum support: part of no pattern, but it takes a place in a gap. */
export const RARE = -1;

/**
 * Sequences in one flat array: BARRIER, sequence 0, BARRIER, sequence 1, ..., BARRIER. Thanks to the separators every position
 * of a sequence has two neighbours, so searches need no bounds checks.
 *
 * Items are renumbered densely in ascending order of the input's values, so dense order is lexicographic order.
 */
export interface SequenceDatabase {
  /** Dense items, RARE or BARRIER. */
  readonly items: Int32Array;
  /** Sequence of each position (a separator belongs to the sequence before it, the first one to sequence 0). */
  readonly sequenceOf: Int32Array;
  /** First position of each sequence; `starts[count]` is one past the last separator, so sequence s ends before `starts[s + 1] - 1`. */
  readonly starts: Int32Array;
  /** Input value of each dense item. */
  readonly alphabet: Int32Array;
  readonly count: number;
}

/** Number of sequences that contain each item; negative items are left out. */
function countItems(sequences: readonly Int32Array[]): Map<number, number> {
  const support = new Map<number, number>();
  const last = new Map<number, number>();
  sequences.forEach((sequence, index) => {
    for (const item of sequence) {
      if (item < 0 || last.get(item) === index) continue;
      last.set(item, index);
      support.set(item, (support.get(item) ?? 0) + 1);
    }
  });
  return support;
}

/**
 * @param keepRare Keep places of infrequent items (gaps are counted in places). Without gap limits they can go: an infrequent
 * item is in no frequent pattern and extends none.
 */
export function buildDatabase(
  sequences: readonly Int32Array[],
  minSupport: number,
  keepRare: boolean,
): SequenceDatabase {
  const support = countItems(sequences);
  const frequent = [...support.keys()].filter((item) => (support.get(item) ?? 0) >= minSupport);
  const alphabet = Int32Array.from(frequent).sort();
  const dense = new Map<number, number>();
  alphabet.forEach((item, index) => dense.set(item, index));

  const places = sequences.reduce((sum, sequence) => sum + sequence.length, 0) + sequences.length + 1;
  if (places > 0x7fffffff) {
    throw new AdaptuneError('E_MINING', `expected at most 2^31 items in all sequences, got ${places}`);
  }
  const items = new Int32Array(places);
  const sequenceOf = new Int32Array(places);
  const starts = new Int32Array(sequences.length + 1);
  let end = 0;
  items[end++] = BARRIER;
  sequences.forEach((sequence, index) => {
    starts[index] = end;
    for (const item of sequence) {
      const id = item < 0 ? BARRIER : (dense.get(item) ?? RARE);
      if (id === RARE && !keepRare) continue;
      sequenceOf[end] = index;
      items[end++] = id;
    }
    sequenceOf[end] = index;
    items[end++] = BARRIER;
  });
  starts[sequences.length] = end;
  return {
    items: items.subarray(0, end),
    sequenceOf: sequenceOf.subarray(0, end),
    starts,
    alphabet,
    count: sequences.length,
  };
}
