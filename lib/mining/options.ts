import { availableParallelism } from 'node:os';
import { AdaptuneError } from '../errors.js';

/** Milliseconds of work between two looks at the signal and at other threads; also how long the event loop waits at most. */
export const SLICE_MS = 20;
/** A thread costs some ten megabytes, and the largest subtree bounds what many can gain. */
const DEFAULT_THREADS = 8;
const MAX_THREADS = 256;

export interface MiningProgress {
  /** Share of the search that is done, 0 to 1, by the occurrences of the first item. */
  done: number;
  /** Closed patterns so far. */
  patterns: number;
}

export interface MiningOptions {
  /** A count (5), or a fraction of the sequences: 0 < x < 1, or a string with a decimal point ('1.0'). Default 5. */
  minSupport?: number | string | undefined;
  /** Items allowed between neighbours of a pattern: 0 = contiguous (default), Infinity = any number. */
  maxGap?: number | undefined;
  /** Longest pattern; patterns are then closed among those of at most this length. Default Infinity. */
  maxPattern?: number | undefined;
  /** Only the first so many patterns of the output order; all that are there by default. */
  topK?: number | undefined;
  /** More closed patterns than this are an error (E_MINING) that names the support that would fit. Default 1,000,000. */
  maxPatterns?: number | undefined;
  /** Threads, the calling one included; small jobs use only that. Default: what the processor affinity allows, at most 8. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: MiningProgress) => void) | undefined;
}

export const MINING_DEFAULTS = { minSupport: 5, maxGap: 0, maxPattern: Infinity, maxPatterns: 1_000_000 } as const;

export interface ResolvedMiningOptions {
  minSupport: number;
  maxGap: number;
  maxPattern: number;
  topK: number;
  maxPatterns: number;
  threads: number;
}

function wholeNumber(name: string, value: number, least: number): number {
  if (value !== Infinity && (!Number.isSafeInteger(value) || value < least)) {
    throw new AdaptuneError('E_ARGUMENT', `expected a whole number of at least ${least} for ${name}, got ${value}`);
  }
  return value;
}

function threadCount(threads: number): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return threads;
  throw new AdaptuneError(
    'E_ARGUMENT',
    `expected a whole number from 1 to ${MAX_THREADS} for threads, got ${String(threads)}`,
  );
}

/** The least number of sequences that a minimum support (count or fraction) asks for. */
export function resolveSupport(minSupport: number | string, sequences: number): number {
  const value = Number(minSupport);
  const fraction =
    value > 0 && (value < 1 || (value === 1 && typeof minSupport === 'string' && minSupport.includes('.')));
  if (!fraction && !(Number.isSafeInteger(value) && value >= 1)) {
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected a count of at least 1 or a fraction in (0, 1] for minSupport, got ${minSupport}`,
    );
  }
  // The product of a fraction such as 0.07 and a count such as 100 can lie a rounding error above the whole number meant.
  return fraction ? Math.max(1, Math.ceil(value * sequences - 1e-9)) : value;
}

export function resolveMiningOptions(options: MiningOptions, sequences: number): ResolvedMiningOptions {
  return {
    minSupport: resolveSupport(options.minSupport ?? MINING_DEFAULTS.minSupport, sequences),
    maxGap: wholeNumber('maxGap', options.maxGap ?? MINING_DEFAULTS.maxGap, 0),
    maxPattern: wholeNumber('maxPattern', options.maxPattern ?? MINING_DEFAULTS.maxPattern, 1),
    topK: wholeNumber('topK', options.topK ?? Infinity, 1),
    maxPatterns: wholeNumber('maxPatterns', options.maxPatterns ?? MINING_DEFAULTS.maxPatterns, 1),
    threads: threadCount(options.threads ?? Math.min(availableParallelism(), DEFAULT_THREADS)),
  };
}
