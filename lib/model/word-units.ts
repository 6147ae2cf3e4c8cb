/** Tokens of a text as units of words: what gapped patterns are made of, what they may span, and what ends them. */
import { markedUnits } from '../util/markers.js';
import { PUNCTUATION } from './phrases.js';
import type { Part } from './tokenization.js';

/** A part whose tokens know which word of the text they begin with. */
export interface PlacedPart extends Part {
  /** Number of the word, punctuation counted, that each token belongs to; of a phrase, of its first word. Ascending. */
  places: Int32Array;
}

export const WORD = 0;
/** Several words in one token: they take their places in a gap, but are part of no pattern. */
export const PHRASE = 1;
/** Punctuation, a special token, an unknown word, or a protected string: no pattern contains or spans it. */
export const BARRIER = 2;

export interface Units {
  /** First token of each unit; one more for the end. */
  begin: Int32Array;
  /** Place of each unit. */
  place: Int32Array;
  /** WORD, PHRASE or BARRIER. */
  kind: Uint8Array;
}

export class UnitSplitter {
  /** Kind of a unit by its first token; BARRIER of any token makes a barrier of the unit. */
  readonly #kinds: Uint8Array;

  /**
   * @param entries Of the vocabulary, phrases included; `widths` = words of each. Ids behind them are those of gapped patterns.
   * @param continuation Prefix of entries within words.
   */
  constructor(
    entries: readonly string[],
    widths: (id: number) => number,
    { continuation, special }: { continuation: string; special: ReadonlySet<number> },
    readonly protect: readonly string[],
  ) {
    const barrier = new RegExp(`[${PUNCTUATION}]`, 'u');
    this.#kinds = Uint8Array.from(entries, (entry, id) => {
      // The prefix is punctuation itself.
      const text =
        entry.length > continuation.length && entry.startsWith(continuation) ? entry.slice(continuation.length) : entry;
      if (special.has(id) || barrier.test(text)) return BARRIER;
      return widths(id) > 1 ? PHRASE : WORD;
    });
  }

  split({ text, ids, offsets, places }: PlacedPart): Units {
    const isProtected = this.protect.some((marker) => text.includes(marker)) ? markedUnits(text, this.protect) : null;
    const begin: number[] = [];
    const kind: number[] = [];
    for (let token = 0; token < ids.length; token++) {
      const own = this.#kinds[ids[token]!] ?? PHRASE;
      const starts = token === 0 || places[token] !== places[token - 1];
      if (starts) {
        begin.push(token);
        kind.push(own);
      }
      if (own === BARRIER || isProtected?.(offsets[2 * token]!, offsets[2 * token + 1]!))
        kind[kind.length - 1] = BARRIER;
    }
    const place = Int32Array.from(begin, (token) => places[token]!);
    begin.push(ids.length);
    return { begin: Int32Array.from(begin), place, kind: Uint8Array.from(kind) };
  }
}
