import { AdaptuneError } from '../errors.js';

/** Stands between sequences and for every negative item of the input: no pattern contains or spans it. */
export const BARRIER = -2;
/** An item below the minimum support: part of no pattern, but it takes a place in a gap. */
export const RARE = -1;

/** Beyond every position. */
export const LAST = 0x7fffffff;

/**
 * Sequences in one flat array: BARRIER, sequence 0, BARRIER, sequence 1, ..., BARRIER. Thanks to the separators every position
 * of a sequence has two neighbours, so searches need no bounds checks.
 *
 * Items are renumbered densely in ascending order of the input's values. All arrays lie in shared memory: threads search one copy.
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
  /** Sequences that contain each dense item. */
  readonly support: Int32Array;
  /** Positions of each dense item, ascending: those of item i begin at `index[i]` and end before `index[i + 1]`. */
  readonly positions: Int32Array;
  readonly index: Int32Array;
  /** Position of the same item after each position (it may lie in a later sequence), or LAST. */
  readonly next: Int32Array;
  readonly count: number;
}

const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));

/** Items numbered in the order in which they come, and the number of sequences that contain each. */
interface Census {
  /** Number of each item, or BARRIER, sequence after sequence. */
  numbers: Int32Array;
  /** By number. */
  values: number[];
  support: number[];
}

function takeCensus(sequences: readonly Int32Array[], places: number): Census {
  const numbers = new Int32Array(places);
  const numberOf = new Map<number, number>();
  const values: number[] = [];
  const support: number[] = [];
  const last: number[] = [];
  let end = 0;
  for (let s = 0; s < sequences.length; s++) {
    const sequence = sequences[s]!;
    for (let i = 0; i < sequence.length; i++) {
      const item = sequence[i]!;
      let number = BARRIER;
      if (item >= 0) {
        const known = numberOf.get(item);
        number = known ?? values.length;
        if (known === undefined) {
          numberOf.set(item, number);
          values.push(item);
          support.push(0);
          last.push(-1);
        }
        if (last[number] !== s) {
          last[number] = s;
          support[number]! += 1;
        }
      }
      numbers[end++] = number;
    }
  }
  return { numbers, values, support };
}

/**
 * @param keepRare Keep places of infrequent items, and barriers: gaps are counted in places. Without gap limits infrequent items can
 * go, for they are in no frequent pattern and extend none; barriers have no meaning then, and throw E_ARGUMENT.
 */
export function buildDatabase(
  sequences: readonly Int32Array[],
  minSupport: number,
  keepRare: boolean,
): SequenceDatabase {
  const places = sequences.reduce((sum, sequence) => sum + sequence.length, 0);
  if (places + sequences.length + 1 > 0x7fffffff) {
    throw new AdaptuneError('E_MINING', `expected at most 2^31 items in all sequences, got ${places}`);
  }
  const { numbers, values, support } = takeCensus(sequences, places);
  if (!keepRare && numbers.includes(BARRIER)) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      'expected items of at least 0 without a gap limit, got a negative item (a barrier)',
    );
  }
  const frequent = [...values.keys()].filter((number) => support[number]! >= minSupport);
  frequent.sort((a, b) => values[a]! - values[b]!);
  const dense = new Int32Array(values.length).fill(RARE);
  frequent.forEach((number, id) => (dense[number] = id));

  let kept = sequences.length + 1;
  for (const number of numbers) if (keepRare || number < 0 || dense[number]! >= 0) kept += 1;
  const items = shared(kept);
  const sequenceOf = shared(kept);
  const starts = shared(sequences.length + 1);
  const index = shared(frequent.length + 1);
  let end = 0;
  let read = 0;
  items[end++] = BARRIER;
  for (let s = 0; s < sequences.length; s++) {
    starts[s] = end;
    for (let left = sequences[s]!.length; left > 0; left--) {
      const number = numbers[read++]!;
      const id = number < 0 ? BARRIER : dense[number]!;
      if (id === RARE && !keepRare) continue;
      if (id >= 0) index[id + 1]! += 1;
      sequenceOf[end] = s;
      items[end++] = id;
    }
    sequenceOf[end] = s;
    items[end++] = BARRIER;
  }
  starts[sequences.length] = end;

  for (let id = 0; id < frequent.length; id++) index[id + 1]! += index[id]!;
  const positions = shared(index[frequent.length]!);
  const next = shared(end);
  const free = index.slice();
  for (let at = 0; at < end; at++) {
    const id = items[at]!;
    if (id < 0) continue;
    const place = free[id]!++;
    if (place > index[id]!) next[positions[place - 1]!] = at;
    positions[place] = at;
    next[at] = LAST;
  }
  const alphabet = shared(frequent.length);
  const frequentSupport = shared(frequent.length);
  frequent.forEach((number, id) => {
    alphabet[id] = values[number]!;
    frequentSupport[id] = support[number]!;
  });
  return {
    items,
    sequenceOf,
    starts,
    alphabet,
    support: frequentSupport,
    positions,
    index,
    next,
    count: sequences.length,
  };
}
