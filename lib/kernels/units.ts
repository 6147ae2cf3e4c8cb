/** Units of a layer (attention groups, feed-forward neurons) as rows and columns of its matrices. */
import { AdaptuneError } from '../errors.js';

export interface Units {
  /** Key/value heads with their query heads, ascending, below kvHeads. */
  groups: ArrayLike<number>;
  /** Ascending, below feedForward. */
  neurons: ArrayLike<number>;
}

/**
 * query: rows of the query matrix and columns of the attention's output matrix; key: rows of the key and value matrices; qkv: the
 * same as rows of the three stacked; neurons: rows of the first feed-forward matrix and columns of the second.
 */
export function unitIndices(
  shape: { heads: number; kvHeads?: number; headWidth: number; feedForward: number },
  units: Units,
): { query: Int32Array; key: Int32Array; qkv: Int32Array; neurons: Int32Array } {
  const { heads, kvHeads = heads, headWidth, feedForward } = shape;
  for (const [name, size] of Object.entries({ heads, kvHeads, headWidth, feedForward }))
    if (!(Number.isInteger(size) && size >= 1 && size < 2 ** 24))
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected an integer from 1 to 2^24 for ${name} but received ${String(size)}`,
      );
  if (heads % kvHeads !== 0)
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected heads to be a multiple of kvHeads but received ${heads} and ${kvHeads}`,
    );
  const groups = ascending('groups', units.groups, kvHeads);
  const query = spread(groups, (heads / kvHeads) * headWidth);
  const key = spread(groups, headWidth);
  const [keys, values] = [heads * headWidth, (heads + kvHeads) * headWidth];
  const qkv = Int32Array.of(...query, ...key.map((row) => keys + row), ...key.map((row) => values + row));
  return { query, key, qkv, neurons: ascending('neurons', units.neurons, feedForward) };
}

function ascending(name: string, list: ArrayLike<number>, end: number): Int32Array {
  const indices = Int32Array.from(list);
  for (const [i, index] of indices.entries())
    if (index !== list[i] || index >= end || index <= (indices[i - 1] ?? -1))
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected ${name} ascending in [0, ${end}) but received ${list[i]} at ${i}`,
      );
  return indices;
}

function spread(units: Int32Array, width: number): Int32Array {
  const indices = new Int32Array(units.length * width);
  for (let i = 0; i < indices.length; i++) indices[i] = units[Math.floor(i / width)]! * width + (i % width);
  return indices;
}
