import { AdaptuneError } from '../errors.js';

/** Stands between sequences and for every negative item of the input: no pattern contains or spans it. */
export const BARRIER = -2;
/** An item below the minimum support: part of no pattern, but it takes a place in a gap. */
export const RARE = -1;

/** Items in all sequences: positions, with a separator each, are 32-bit integers. */
const LONGEST = 2 ** 30;
/** An array over items up to this one is no burden. */
const TABLE_ITEMS = 1 << 16;
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

/** Sequences as the reader of a file leaves them, to be used up by `buildDatabase`: sequence s is `items[offsets[s]]` to `items[offsets[s + 1] - 1]`. */
export class FlatSequences {
  constructor(
    readonly items: Int32Array,
    readonly offsets: Int32Array,
  ) {}

  static of(sequences: readonly Int32Array[]): FlatSequences {
    const offsets = new Int32Array(sequences.length + 1);
    for (let s = 0; s < sequences.length; s++) {
      const end = offsets[s]! + sequences[s]!.length;
      if (end > LONGEST)
        throw new AdaptuneError('E_MINING', `expected at most ${LONGEST} items in all sequences, got more`);
      offsets[s + 1] = end;
    }
    const items = new Int32Array(offsets.at(-1)!);
    for (let s = 0; s < sequences.length; s++) items.set(sequences[s]!, offsets[s]);
    return new FlatSequences(items, offsets);
  }

  get count(): number {
    return this.offsets.length - 1;
  }
}

/** Items numbered in the order in which they come, and the number of sequences that contain each. */
interface Census {
  /** Number of each item, or BARRIER, sequence after sequence: where the items were. */
  numbers: Int32Array;
  /** By number. */
  values: number[];
  support: number[];
}

function takeCensus({ items, offsets, count: sequences }: FlatSequences): Census {
  const numbers = items;
  // Numbers by item: an array unless the largest item is far beyond their count.
  let largest = 0;
  for (let at = 0; at < items.length; at++) largest = Math.max(largest, items[at]!);
  const table = largest < TABLE_ITEMS + 4 * items.length ? new Int32Array(largest + 1).fill(-1) : null;
  const map = new Map<number, number>();
  const values: number[] = [];
  const support: number[] = [];
  const last: number[] = [];
  const count = (s: number): void => {
    const end = offsets[s + 1]!;
    for (let at = offsets[s]!; at < end; at++) {
      const item = items[at]!;
      if (item < 0) {
        numbers[at] = BARRIER;
        continue;
      }
      let number = table === null ? (map.get(item) ?? -1) : table[item]!;
      if (number === -1) {
        number = values.length;
        if (table === null) map.set(item, number);
        else table[item] = number;
        values.push(item);
        support.push(0);
        last.push(-1);
      }
      numbers[at] = number;
      if (last[number] === s) continue;
      last[number] = s;
      support[number]! += 1;
    }
  };
  for (let s = 0; s < sequences; s++) count(s);
  return { numbers, values, support };
}

/**
 * @param keepRare Keep places of infrequent items, and barriers: gaps are counted in places. Without gap limits infrequent items can
 * go, for they are in no frequent pattern and extend none; barriers have no meaning then, and throw E_ARGUMENT.
 */
export function buildDatabase(sequences: FlatSequences, minSupport: number, keepRare: boolean): SequenceDatabase {
  const { offsets, count } = sequences;
  const { numbers, values, support } = takeCensus(sequences);
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

  // What is done for each sequence is a function of its own: V8 compiles that after some calls, a long loop much later.
  let kept = count + 1;
  const measure = (from: number, to: number): void => {
    for (let at = from; at < to; at++) if (keepRare || numbers[at]! < 0 || dense[numbers[at]!]! >= 0) kept += 1;
  };
  for (let s = 0; s < count; s++) measure(offsets[s]!, offsets[s + 1]!);
  const items = shared(kept);
  const sequenceOf = shared(kept);
  const starts = shared(count + 1);
  const index = shared(frequent.length + 1);
  /** Copies a sequence to `begin` and returns where the next one begins. */
  const copy = (s: number, begin: number): number => {
    let end = begin;
    const to = offsets[s + 1]!;
    for (let at = offsets[s]!; at < to; at++) {
      const number = numbers[at]!;
      const id = number < 0 ? BARRIER : dense[number]!;
      if (id === RARE && !keepRare) continue;
      if (id >= 0) index[id + 1]! += 1;
      sequenceOf[end] = s;
      items[end++] = id;
    }
    sequenceOf[end] = s;
    items[end++] = BARRIER;
    return end;
  };
  items[0] = BARRIER;
  starts[0] = 1;
  for (let s = 0; s < count; s++) starts[s + 1] = copy(s, starts[s]!);

  for (let id = 0; id < frequent.length; id++) index[id + 1]! += index[id]!;
  const positions = shared(index[frequent.length]!);
  const next = shared(kept);
  const free = index.slice();
  const link = (from: number, to: number): void => {
    for (let at = from; at < to; at++) {
      const id = items[at]!;
      if (id < 0) continue;
      const place = free[id]!++;
      if (place > index[id]!) next[positions[place - 1]!] = at;
      positions[place] = at;
      next[at] = LAST;
    }
  };
  for (let s = 0; s < count; s++) link(starts[s]!, starts[s + 1]!);
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
    count,
  };
}
