import { setImmediate, setTimeout } from 'node:timers/promises';
import { AdaptuneError } from '../errors.js';
import { Collector } from './collector.js';
import { buildDatabase, FlatSequences } from './database.js';
import { openSearch } from './open-search.js';
import { type MiningOptions, resolveMiningOptions, SLICE_MS } from './options.js';
import type { Pattern, PatternList } from './packed-patterns.js';
import { Tasks } from './tasks.js';
import type { Workers } from './workers.js';

/** Jobs that are over before this many milliseconds never start a thread: it is of use some tenths of a second later. */
const PATIENCE_MS = 600;

export interface MiningResult {
  patterns: Pattern[];
  /** Patterns visited, by length. With `maxGap` 0 and a length bound, and no limit reached, these are all frequent patterns. */
  visited: number[];
}

/**
 * As `mineClosedSequences`, with the extent of the search.
 * @param patience Milliseconds before threads are started.
 */
export async function mineSequences(
  sequences: readonly Int32Array[],
  options: MiningOptions = {},
  patience = PATIENCE_MS,
): Promise<MiningResult> {
  const { patterns, visited } = await minePacked(FlatSequences.of(sequences), options, patience);
  return { patterns: [...patterns], visited };
}

/** The same without an object for each sequence and pattern. The sequences are used up. */
export async function minePacked(
  flat: FlatSequences,
  options: MiningOptions = {},
  patience = PATIENCE_MS,
): Promise<{ patterns: PatternList; visited: number[] }> {
  const { signal, onProgress } = options;
  const resolved = resolveMiningOptions(options, flat.count);
  const { minSupport, maxGap, threads } = resolved;
  throwIfAborted(signal);
  const begin = performance.now();
  const database = buildDatabase(flat, minSupport, maxGap !== Infinity);
  const collector = new Collector(resolved, flat.count);
  const tasks = Tasks.of(database, minSupport);
  const search = await openSearch(database, resolved, collector, tasks);
  let workers: Workers | null = null;
  const report = (): void => {
    tasks.threshold = collector.threshold;
    onProgress?.({ done: tasks.done, patterns: collector.found });
  };
  const waitFor = async (others: Workers): Promise<void> => {
    while (others.working) {
      await Promise.race([others.ended(), setTimeout(SLICE_MS, undefined, { ref: false })]);
      throwIfAborted(signal);
      report();
    }
  };

  try {
    let idle = threads - 1;
    for (let finished = false; !finished;) {
      throwIfAborted(signal);
      finished = search.advance(performance.now() + SLICE_MS);
      report();
      if (finished) break;
      if (idle > 0 && performance.now() - begin > patience) {
        const { maxPattern } = resolved;
        // Small jobs load no threads.
        const module = await import('./workers.js');
        workers = new module.Workers((items, support) => collector.add(items, support));
        workers.start(idle, { database, bounds: { maxGap, maxPattern }, tasks: tasks.shared });
        idle = 0;
      }
      await setImmediate();
    }
    if (workers !== null) await waitFor(workers);
  } finally {
    tasks.stop();
    await workers?.ended();
  }
  const visited = workers?.visited ?? [];
  const length = Math.max(search.visited.length, visited.length);
  return {
    patterns: collector.finish(),
    visited: Array.from({ length }, (_, i) => (search.visited[i] ?? 0) + (visited[i] ?? 0)),
  };
}

/**
 * Closed frequent sequences: those that no longer pattern of the same support contains. Support = number of sequences that contain
 * the pattern. Runs in slices on the calling thread, so that the event loop goes on and `signal` is heard; jobs that take longer
 * than a moment go on in worker threads too. The result does not depend on the number of threads.
 *
 * - `maxGap` Infinity: BIDE. A pattern is closed iff no super-sequence has its support.
 * - `maxGap` g: Gap-BIDE. At most g items between neighbours; closed iff no item put before or after it within the gap has its support.
 * - `maxGap` 0: the same for contiguous patterns, by the faster n-gram route.
 *
 * Items are integers >= 0; negative items are barriers that no pattern contains or spans (with a gap limit only).
 * The order is support descending, then items ascending. Throws E_ARGUMENT, E_MINING (more than `maxPatterns`), E_ABORTED, E_MEMORY.
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
