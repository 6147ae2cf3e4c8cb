/**
 * The unique texts as gapped patterns are mined from: taken apart, and matched, by what encodes texts later
 * (lib/model/word-units.ts, gapped-match.ts).
 */
import { type Corpus, Lexicon, WindowCohesion } from '../mining/index.js';
import { GappedMatcher, type Match, OTHER, WALL } from '../model/gapped-match.js';
import type { Tokenizer, UnitEncoding } from '../model/tokenizer.js';
import { BARRIER, WORD } from '../model/word-units.js';

export interface GappedOptions {
  mode: 'first' | 'insert';
  maxGap: number;
  protect: readonly string[];
  stopWords: ReadonlySet<string>;
}

/** A unit of a text at each word's place: a word of the lexicon, OTHER for words of phrases, WALL. */
export type Sequence = Int32Array;

/** The unique texts in units of words. */
export class GappedCorpus {
  readonly lexicon: Lexicon;
  readonly sequences: Sequence[] = [];
  private readonly encodings: readonly UnitEncoding[];

  /** @param texts Of the corpus, unique. */
  private constructor(
    readonly corpus: Corpus,
    encodings: readonly UnitEncoding[],
    texts: readonly string[],
    readonly tokenizer: Tokenizer,
    readonly options: GappedOptions,
  ) {
    const { stopWords } = options;
    this.encodings = encodings;
    this.lexicon = new Lexicon({ stopWords, normalize: (text) => tokenizer.normalize(text) });
    encodings.forEach((encoding, i) => this.sequences.push(this.sequence(encoding, texts[i]!)));
  }

  /** @param tokenizer With the phrases that were chosen. */
  static async of(
    corpus: Corpus,
    texts: readonly string[],
    tokenizer: Tokenizer,
    options: GappedOptions,
  ): Promise<GappedCorpus> {
    return new GappedCorpus(corpus, await tokenizer.encodeUnits(texts, options.protect), texts, tokenizer, options);
  }

  private sequence({ ids, offsets, begin, place, kind }: UnitEncoding, text: string): Sequence {
    const last = kind.length - 1;
    // Words of a phrase at the end take no part.
    const sequence = new Int32Array(last < 0 ? 0 : place[last]! + 1).fill(OTHER);
    kind.forEach((of, unit) => {
      const [from, to] = [begin[unit]!, begin[unit + 1]!];
      if (of === BARRIER) sequence[place[unit]!] = WALL;
      else if (of === WORD)
        sequence[place[unit]!] = this.lexicon.idOf(
          ids.subarray(from, to),
          text.slice(offsets[2 * from], offsets[2 * to - 1]),
        );
    });
    return sequence;
  }

  /** Adds words that no text need contain. */
  wordIds(words: readonly string[]): Int32Array {
    return Int32Array.from(words, (word) => this.lexicon.idOf(Int32Array.from(this.tokenizer.cutWord(word)!), word));
  }

  words(items: Int32Array): string[] {
    return Array.from(items, (item) => this.lexicon.words[item]!.text);
  }

  /** Base pieces. */
  pieces(items: Int32Array): number {
    return this.tokenizer.basePieces(this.words(items)).length;
  }

  /** UTF-16 [begin, end) of an occurrence in a unique text. */
  span(text: number, { members }: Match): { begin: number; end: number } {
    const { offsets, begin, place } = this.encodings[text]!;
    const unit = (at: number) => place.indexOf(at);
    return {
      begin: offsets[2 * begin[unit(members[0]!)]!]!,
      end: offsets[2 * begin[unit(members.at(-1)!) + 1]! - 1]!,
    };
  }

  /** Visits the occurrences that encoding would merge, in the texts [0, last). */
  forEachUse(patterns: readonly Int32Array[], last: number, visit: (match: Match, text: number) => void): void {
    const matcher = new GappedMatcher(patterns, this.options.maxGap);
    for (let text = 0; text < last; text++) {
      for (const match of matcher.match(this.sequences[text]!)) visit(match, text);
    }
  }

  cohesion(patterns: readonly Int32Array[]): WindowCohesion {
    const { maxGap } = this.options;
    const uncounted = this.corpus.marker.reduce((sum, marker) => sum + marker, 0);
    return new WindowCohesion(this.sequences, patterns, {
      words: this.lexicon.words.length,
      wall: WALL,
      maxGap,
      uncounted,
    });
  }
}
