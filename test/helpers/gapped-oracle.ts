/** The rule of gapped patterns, the slow and obvious way: every occurrence of every pattern, then the best. */
import { WALL, type Match } from '../../lib/model/gapped-match.js';

/** All places of a pattern among words that are not taken, its first member at `first`, leftmost first. */
function occurrences(
  pattern: readonly number[],
  first: number,
  {
    keys,
    places,
    taken,
    maxGap,
  }: { keys: readonly number[]; places: readonly number[]; taken: Set<number>; maxGap: number },
): number[][] {
  let found = keys[first] === pattern[0] && !taken.has(first) ? [[first]] : [];
  for (const word of pattern.slice(1)) {
    found = found.flatMap((members) => {
      const last = members.at(-1)!;
      return keys.flatMap((key, unit) => {
        const between = keys.slice(last + 1, unit);
        const fits = unit > last && key === word && !taken.has(unit) && !between.includes(WALL);
        return fits && places[unit]! - places[last]! - 1 <= maxGap ? [[...members, unit]] : [];
      });
    });
  }
  return found;
}

export function oracleMatches(
  patterns: readonly (readonly number[])[],
  maxGap: number,
  keys: readonly number[],
  places: readonly number[],
): Match[] {
  const taken = new Set<number>();
  const matches: Match[] = [];
  keys.forEach((_, first) => {
    const all = patterns.flatMap((pattern, index) =>
      occurrences(pattern, first, { keys, places, taken, maxGap }).map((members) => ({ pattern: index, members })),
    );
    const most = Math.max(...all.map(({ members }) => members.length));
    const order = ({ members }: Match) => members.map((unit) => String(unit).padStart(6, '0')).join();
    const [best] = all.filter(({ members }) => members.length === most).sort((a, b) => (order(a) < order(b) ? -1 : 1));
    if (!best) return;
    for (const unit of best.members) taken.add(unit);
    matches.push(best);
  });
  return matches;
}
