import type { SequenceDatabase } from './database.js';
import type { Search, Sink } from './search.js';
import type { Tasks } from './tasks.js';

export interface SearchBounds {
  maxGap: number;
  maxPattern: number;
}

/** Loads only the search that is asked for. */
export async function openSearch(
  database: SequenceDatabase,
  { maxGap, maxPattern }: SearchBounds,
  sink: Sink,
  tasks: Tasks,
): Promise<Search> {
  if (maxGap === 0) return new (await import('./ngram.js')).NgramSearch(database, maxPattern, sink, tasks);
  if (maxGap === Infinity) return new (await import('./bide.js')).BideSearch(database, maxPattern, sink, tasks);
  return new (await import('./gap-bide.js')).GapSearch(database, maxPattern, sink, tasks, maxGap);
}
