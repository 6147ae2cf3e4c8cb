/**
 * Tokens for words with others between them ("between … and"). tokenizer.json cannot express them, so this pass follows
 * the tokenizer wherever texts are encoded: in training, evaluation and prediction. `gapped.json`, saved with the model
 * and tied to it by its hash, holds everything that decides it.
 *
 * - `first`: the token stands at the place of the first member; the other members go, the words in the gaps stay.
 * - `insert`: the token is put before the first member, and everything stays.
 *
 * Its offsets reach from the first member's start to the last member's end, gaps included.
 */
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { GappedMatcher, LARGEST_GAP, OTHER, WALL } from './gapped-match.js';
import { BARRIER, WORD, type PlacedPart, type UnitSplitter, type Units } from './word-units.js';

export const GAPPED_FILE = 'gapped.json';
/** Stands for the gaps where a pattern is shown: "between … and". */
export const GAP = '…';
const NOTE =
  'Tokens for words with others between them, numbered from firstId on. tokenizer.json does not know them: ' +
  'adaptune puts them in after it, other libraries give other ids for texts that contain one.';
/** As `--max-pattern` allows. */
const LONGEST_PATTERN = 32;

const file = z.strictObject({
  version: z.literal(1),
  note: z.string(),
  mode: z.enum(['first', 'insert']),
  maxGap: z.int().min(1).max(LARGEST_GAP),
  protect: z.array(z.string().min(1)),
  firstId: z.int().min(1),
  patterns: z
    .array(z.array(z.string()).min(2).max(LONGEST_PATTERN))
    .min(1)
    .max(2 ** 20),
});

export interface GappedRules {
  mode: 'first' | 'insert';
  /** Words allowed between neighbouring members. */
  maxGap: number;
  /** Strings of a text that no pattern contains or spans. */
  protect: readonly string[];
  /** Members of each pattern: words as the normalizer leaves them. */
  patterns: readonly (readonly string[])[];
}

/** How a pattern is shown. */
export const gappedName = (words: readonly string[]): string => words.join(` ${GAP} `);

/** Reads the contents of gapped.json. E_TOKENIZER. */
export function parseGapped(json: unknown, firstId: number): GappedRules {
  const fail = (message: string): never => {
    throw new AdaptuneError('E_TOKENIZER', `${GAPPED_FILE}: ${message}`);
  };
  const parsed = file.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return fail(`${path.join('.') || 'file'}: ${message}`);
  }
  const { version: _version, note: _note, firstId: came, ...rules } = parsed.data;
  if (came !== firstId) fail(`firstId: expected ${firstId}, the entries of tokenizer.json, came ${came}`);
  return rules;
}

/** What checking and applying patterns needs of a tokenizer. */
export interface GappedContext {
  firstId: number;
  splitter: UnitSplitter;
  /** Ids that a word is cut into, the phrases' entries included; null for what is no single word known to the tokenizer. */
  cut(word: string): readonly number[] | null;
}

export class GappedPatterns {
  /** As shown: "between … and". */
  readonly names: readonly string[];
  readonly #splitter: UnitSplitter;
  readonly #matcher: GappedMatcher;
  readonly #firstId: number;
  /** Key of a member word by its one id, or by its ids. */
  readonly #ofOne = new Map<number, number>();
  readonly #ofMany = new Map<string, number>();

  /** RangeError names a pattern that cannot be one. */
  constructor(
    readonly rules: GappedRules,
    context: GappedContext,
  ) {
    const { firstId, splitter } = context;
    this.names = rules.patterns.map(gappedName);
    this.#firstId = firstId;
    this.#splitter = splitter;
    const known = new Set<string>();
    let words = 0;
    const keys = rules.patterns.map((pattern, i) => {
      const name = this.names[i]!;
      const refuse = (reason: string) => new RangeError(`gapped pattern ${JSON.stringify(name)}: ${reason}`);
      if (pattern.length < 2 || pattern.length > LONGEST_PATTERN)
        throw refuse(`expected 2 to ${LONGEST_PATTERN} words`);
      if (known.has(name)) throw refuse('it stands there twice');
      known.add(name);
      return pattern.map((word) => {
        const ids = context.cut(word);
        if (ids === null)
          throw refuse(`expected words that the tokenizer knows, as it normalizes them, came ${JSON.stringify(word)}`);
        const key = this.#keyOf(ids) ?? words++;
        if (ids.length === 1) this.#ofOne.set(ids[0]!, key);
        else this.#ofMany.set(ids.join(' '), key);
        return key;
      });
    });
    this.#matcher = new GappedMatcher(keys, rules.maxGap);
  }

  /** Contents of gapped.json. */
  get json(): object {
    const { mode, maxGap, protect, patterns } = this.rules;
    return { version: 1, note: NOTE, mode, maxGap, protect, firstId: this.#firstId, patterns };
  }

  /** The tokens of a whole text with those of the patterns in their places. */
  apply(part: PlacedPart): PlacedPart {
    const units = this.#splitter.split(part);
    const matches = this.#matcher.match(this.#keys(part, units), units.place);
    if (matches.length === 0) return part;
    const { begin, kind } = units;
    const stay = this.rules.mode === 'insert';
    /** Match whose first member the unit is, or -1. */
    const leads = new Int32Array(kind.length).fill(-1);
    const goes = new Uint8Array(kind.length);
    matches.forEach(({ members }, match) => {
      leads[members[0]!] = match;
      if (!stay) for (const unit of members) goes[unit] = 1;
    });

    const most = part.ids.length + matches.length;
    const [ids, places, offsets] = [new Int32Array(most), new Int32Array(most), new Int32Array(2 * most)];
    let count = 0;
    const put = (id: number, place: number, from: number, to: number): void => {
      ids[count] = id;
      places[count] = place;
      offsets[2 * count] = from;
      offsets[2 * count++ + 1] = to;
    };
    for (let unit = 0; unit < kind.length; unit++) {
      const match = matches[leads[unit]!];
      if (match) {
        const lastToken = begin[match.members.at(-1)! + 1]! - 1;
        const span = [part.offsets[2 * begin[unit]!]!, part.offsets[2 * lastToken + 1]!] as const;
        put(this.#firstId + match.pattern, units.place[unit]!, ...span);
      }
      if (goes[unit]) continue;
      for (let token = begin[unit]!; token < begin[unit + 1]!; token++)
        put(part.ids[token]!, part.places[token]!, part.offsets[2 * token]!, part.offsets[2 * token + 1]!);
    }
    return {
      text: part.text,
      ids: ids.slice(0, count),
      places: places.slice(0, count),
      offsets: offsets.slice(0, 2 * count),
    };
  }

  #keyOf(ids: ArrayLike<number> & Iterable<number>): number | undefined {
    return ids.length === 1 ? this.#ofOne.get(ids[0]!) : this.#ofMany.get(Array.from(ids).join(' '));
  }

  #keys({ ids }: PlacedPart, { begin, kind }: Units): Int32Array {
    return Int32Array.from(kind, (of, unit) => {
      if (of === BARRIER) return WALL;
      if (of !== WORD) return OTHER;
      return this.#keyOf(ids.subarray(begin[unit], begin[unit + 1])) ?? OTHER;
    });
  }
}
