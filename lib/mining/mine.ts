import { setImmediate } from 'node:timers/promises';
import { AdaptuneError } from '../errors.js';
import { BideSearch } from './bide.js';
import { Collector, type Pattern } from './collector.js';
import { buildDatabase } from './database.js';
import { GapSearch } from './gap-bide.js';
import { NgramSearch } from './ngram.js';
import { type MiningOptions, resolveMiningOptions } from './options.js';
import type { Search } from './search.js';

/** Milliseconds of work between two looks at the signal; also how long the event loop waits at most. */
const SLICE_MS = 20;

export interface MiningResult {
  patterns: Pattern[];
  /** Patterns visited, by length. With `maxGap` 0 and a length bound these are all frequent patterns. */
  visited: number[];
}

/** As `mineClosedSequences`, with the extent of the search. */
export async function mineSequences(
  sequences: readonly Int32Array[],
  options: MiningOptions = {},
): Promise<MiningResult> {
  const resolved = resolveMiningOptions(options, sequences.length);
  const { minSupport, maxGap, maxPattern } = resolved;
  if (maxGap === Infinity && sequences.some((sequence) => sequence.some((item) => item < 0))) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      'expected items of at least 0 without a gap limit, got a negative item (a barrier)',
    );
  }
  const database = buildDatabase(sequences, minSupport, maxGap !== Infinity);
  const collector = new Collector(resolved, sequences.length);
  let search: Search;
  if (maxGap === 0) search = new NgramSearch(database, maxPattern, collector);
  else if (maxGap === Infinity) search = new BideSearch(database, maxPattern, collector);
  else search = new GapSearch(database, maxPattern, collector, maxGap);

  for (let finished = false; !finished;) {
    throwIfAborted(options.signal);
    finished = search.advance(performance.now() + SLICE_MS);
    options.onProgress?.({ done: search.done, patterns: collector.found });
    if (!finished) await setImmediate();
  }
  return { patterns: collector.finish(), visited: Array.from(search.visited, (count) => count ?? 0) };
}

/**
 * Closed frequent sequences: those that no longer pattern of the same support contains. Support = number of sequences that contain
 * the pattern. Runs in slices on the calling thread, so that the event loop goes on and `signal` is heard.
 *
 * - `maxGap` Infinity: BIDE. A pattern is closed iff no super-sequence has its support.
 * - `maxGap` g: Gap-BIDE. At most g items between neighbours; closed iff no item put before or after it within the gap has its support.
 * - `maxGap` 0: the same for contiguous patterns, by the faster n-gram route.
 *
 * Items are integers >= 0; negative items are barriers that no pattern contains or spans (with a gap limit only).
 * The order is support descending, then items ascending. Throws E_ARGUMENT, E_MINING (more than `maxPatterns`), E_ABORTED.
 */
export async function mineClosedSequences(
  sequences: readonly Int32Array[],
  options: MiningOptions = {},
): Promise<Pattern[]> {
  return (await mineSequences(sequences, options)).patterns;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AdaptuneError('E_ABORTED', 'mining was cancelled', { cause: signal.reason });
}
