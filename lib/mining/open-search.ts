import { BideSearch } from './bide.js';
import type { SequenceDatabase } from './database.js';
import { GapSearch } from './gap-bide.js';
import { NgramSearch } from './ngram.js';
import type { Search, Sink } from './search.js';
import type { Tasks } from './tasks.js';

export interface SearchBounds {
  maxGap: number;
  maxPattern: number;
}

export function openSearch(
  database: SequenceDatabase,
  { maxGap, maxPattern }: SearchBounds,
  sink: Sink,
  tasks: Tasks,
): Search {
  if (maxGap === 0) return new NgramSearch(database, maxPattern, sink, tasks);
  if (maxGap === Infinity) return new BideSearch(database, maxPattern, sink, tasks);
  return new GapSearch(database, maxPattern, sink, tasks, maxGap);
}
