/**
 * Finds gapped patterns in a text: at most `maxGap` words between the members of an occurrence, no barrier within it.
 *
 * The rule, from left to right: at each word that no occurrence has taken, the pattern with the most members that has an
 * occurrence beginning there among words not taken; of its occurrences the one whose members stand furthest left, the
 * first member's neighbour before the others. Its members are taken; the words in its gaps are not, and may be members of
 * others. So the result depends neither on the order of the patterns nor on anything outside the text.
 */

/** Most words between neighbouring members. */
export const LARGEST_GAP = 32;
/** Key of a unit that is no member of any pattern. */
export const OTHER = -1;
/** Key of a unit that no pattern contains or spans. */
export const WALL = -2;

export interface Match {
  pattern: number;
  /** Units, ascending. */
  members: number[];
}

interface Node {
  /** Pattern that ends here, or -1. */
  pattern: number;
  index: number;
  /** Members that the longest pattern has from here on, this one counted. */
  height: number;
  children: Map<number, Node>;
}

/** The units of one text, and how far matching has come. */
interface State {
  keys: ArrayLike<number>;
  places: ArrayLike<number> | undefined;
  taken: Uint8Array;
  /** Nodes at units from which no pattern ends: taken words only become more, so they stay dead for later beginnings. */
  dead: Set<number>;
}

export class GappedMatcher {
  readonly #root: Node = { pattern: -1, index: 0, height: 0, children: new Map() };
  /** Where each pattern ends. */
  readonly #ends: Node[] = [];

  /** Patterns are lists of keys from 0 on, of two or more members, each once. */
  constructor(
    patterns: readonly ArrayLike<number>[],
    readonly maxGap: number,
  ) {
    let size = 1;
    patterns.forEach((keys, pattern) => {
      let node = this.#root;
      for (let i = 0; i < keys.length; i++) {
        let child = node.children.get(keys[i]!);
        if (!child)
          node.children.set(keys[i]!, (child = { pattern: -1, index: size++, height: 0, children: new Map() }));
        child.height = Math.max(child.height, keys.length - i);
        node = child;
      }
      node.pattern = pattern;
      this.#ends.push(node);
    });
  }

  /** Takes a pattern out of the rule; the others keep their numbers. */
  remove(pattern: number): void {
    this.#ends[pattern]!.pattern = -1;
  }

  /**
   * @param keys Of each unit: a word's key, OTHER or WALL.
   * @param places Number of each unit's first word in the text, ascending: gaps are counted in words. Default: each unit is a word.
   */
  match(keys: ArrayLike<number>, places?: ArrayLike<number>): Match[] {
    const state: State = { keys, places, taken: new Uint8Array(keys.length), dead: new Set() };
    const matches: Match[] = [];
    for (let first = 0; first < keys.length; first++) {
      if (state.taken[first] || keys[first]! < 0) continue;
      const node = this.#root.children.get(keys[first]!);
      const match = node && this.#longest(node, first, state);
      if (!match) continue;
      for (const unit of match.members) state.taken[unit] = 1;
      matches.push(match);
    }
    return matches;
  }

  /** Every pattern that has an occurrence, whatever others take, where each unit is a word. */
  occurring(keys: ArrayLike<number>): Set<number> {
    const found = new Set<number>();
    const seen = new Set<number>();
    const visit = (node: Node, at: number): void => {
      const met = node.index * keys.length + at;
      if (seen.has(met)) return;
      seen.add(met);
      if (node.pattern >= 0) found.add(node.pattern);
      for (let next = at + 1; next <= at + 1 + this.maxGap && next < keys.length && keys[next] !== WALL; next++) {
        const child = node.children.get(keys[next]!);
        if (child) visit(child, next);
      }
    };
    for (let first = 0; first < keys.length; first++) {
      const node = this.#root.children.get(keys[first]!);
      if (node) visit(node, first);
    }
    return found;
  }

  #longest(start: Node, first: number, { keys, places, taken, dead }: State): Match | null {
    let best: Match | null = null;
    const path = [first];
    // A node is met at a unit by the leftmost way first: whatever follows was seen then.
    const seen = new Set<number>();
    const placeOf = (unit: number) => places?.[unit] ?? unit;
    /** Whether a pattern ends here or behind, as far as was looked. */
    const visit = (node: Node, at: number): boolean => {
      let alive = node.pattern >= 0;
      if (alive && path.length > (best?.members.length ?? 0)) best = { pattern: node.pattern, members: [...path] };
      if (node.children.size === 0) return alive;
      const last = placeOf(at) + 1 + this.maxGap;
      for (let next = at + 1; next < keys.length && keys[next] !== WALL && placeOf(next) <= last; next++) {
        const child = taken[next] || keys[next]! < 0 ? undefined : node.children.get(keys[next]!);
        if (!child) continue;
        const met = child.index * keys.length + next;
        if (dead.has(met)) continue;
        if (seen.has(met) || path.length + child.height <= (best?.members.length ?? 0)) {
          alive = true;
          continue;
        }
        seen.add(met);
        path.push(next);
        if (visit(child, next)) alive = true;
        else dead.add(met);
        path.pop();
      }
      return alive;
    };
    visit(start, first);
    return best;
  }
}
