import { comparePatterns, type Pattern } from '../../lib/mining/index.js';

/**
 * The definitions, read literally: every pattern of every sequence is listed with the set of sequences that contain it, then each
 * is compared with its one-item extensions. Exponential; for databases of a few short sequences.
 */
export function bruteForceClosed(
  sequences: readonly Int32Array[],
  minSupport: number,
  maxGap: number,
  maxPattern: number,
): Pattern[] {
  const containing = new Map<string, Set<number>>();
  sequences.forEach((sequence, index) => {
    const grow = (pattern: number[], end: number): void => {
      const key = pattern.join(' ');
      containing.set(key, (containing.get(key) ?? new Set()).add(index));
      if (pattern.length === maxPattern) return;
      for (let at = end + 1; at < sequence.length && at <= end + 1 + maxGap; at++) {
        const item = sequence[at] as number;
        if (item < 0) break;
        grow([...pattern, item], at);
      }
    };
    sequence.forEach((item, at) => item >= 0 && grow([item], at));
  });
  const support = (pattern: number[]): number => containing.get(pattern.join(' '))?.size ?? 0;
  const alphabet = [...new Set(sequences.flatMap((sequence) => [...sequence]))].filter((item) => item >= 0);

  const closed: Pattern[] = [];
  for (const key of containing.keys()) {
    const pattern = key.split(' ').map(Number);
    if (support(pattern) < minSupport) continue;
    // Without gap limits an item may go anywhere; with them only before or after.
    const places = maxGap === Infinity ? pattern.map((_, i) => i).concat(pattern.length) : [0, pattern.length];
    const absorbed =
      pattern.length < maxPattern &&
      alphabet.some((item) => places.some((place) => support(pattern.toSpliced(place, 0, item)) === support(pattern)));
    if (!absorbed) closed.push({ items: Int32Array.from(pattern), support: support(pattern) });
  }
  return closed.sort(comparePatterns);
}

/** `1 2 3:5`, for messages that a person can read. */
export function show(patterns: readonly Pattern[]): string[] {
  return patterns.map(({ items, support }) => `${items.join(' ')}:${support}`);
}
