/**
 * Gapped patterns as new tokens: closed sequences of the words that the chosen phrases leave, with at most `maxGap` words between
 * neighbours; of these the cohesive ones, of these those that are used often enough. Texts are taken apart, and uses counted, by
 * what encodes texts later (lib/model/word-units.ts, gapped-match.ts).
 */
import {
  type Corpus,
  LabelTable,
  Lexicon,
  mineSequences,
  type Pattern,
  resolveSupport,
  type TokenReport,
  WindowCohesion,
} from '../mining/index.js';
import { gappedName } from '../model/gapped.js';
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
type Sequence = Int32Array;

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
    return new WindowCohesion(this.sequences, patterns, { words: this.lexicon.words.length, wall: WALL, maxGap });
  }
}

export interface GappedMining {
  minSupport: number | string;
  maxPattern: number;
  maxPatterns?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { done: number }) => void) | undefined;
}

export interface GappedChoice {
  pplMax: number;
  minUses: number;
  /** Largest number of patterns. */
  cap: number;
}

export interface GappedCounts {
  /** Closed patterns of two or more words. */
  closed: number;
  /** Of these: with a content word. */
  terms: number;
  /** Of these: at most `pplMax`. */
  cohesive: number;
}

/** Closed patterns of two or more words; the words of phrases take their places in gaps, and are part of none. */
export async function mineGapped(corpus: GappedCorpus, options: GappedMining): Promise<Pattern[]> {
  const { maxPattern, maxPatterns, signal, onProgress } = options;
  const { sequences, lexicon } = corpus;
  let rare = lexicon.words.length;
  const items = sequences.map((sequence) => sequence.map((item) => (item === OTHER ? rare++ : item)));
  const { patterns } = await mineSequences(items, {
    // Places that are no word have an item each.
    minSupport: Math.max(2, resolveSupport(options.minSupport, sequences.length)),
    maxGap: corpus.options.maxGap,
    maxPattern,
    maxPatterns,
    signal,
    onProgress,
  });
  return patterns.filter(({ items }) => items.length >= 2);
}

/** The patterns worth a token, those that save the most pieces first. */
export function chooseGapped(
  corpus: GappedCorpus,
  patterns: readonly Pattern[],
  { pplMax, minUses, cap }: GappedChoice,
): { chosen: Int32Array[]; counts: GappedCounts } {
  const terms = patterns.filter(({ items }) => items.some((word) => corpus.lexicon.words[word]!.content));
  const words = terms.map(({ items }) => items);
  const cohesion = corpus.cohesion(words);
  const cohesive = words.filter((items) => cohesion.perplexity(items) <= pplMax && isStable(corpus, items));
  const counts = { closed: patterns.length, terms: terms.length, cohesive: cohesive.length };
  return { chosen: eliminate(corpus, cohesive, minUses).slice(0, cap), counts };
}

/** Does the tokenizer cut the words as they are stored into the very pieces that were mined? Normalizing twice may differ. */
function isStable({ lexicon, tokenizer }: GappedCorpus, items: Int32Array): boolean {
  return items.every((item) => {
    const { text, pieces } = lexicon.words[item]!;
    return tokenizer.cutWord(text)?.join() === pieces.join();
  });
}

/**
 * Drops patterns until each is used at least `minUses` times with a word in one of its gaps: without gaps they were candidates for
 * phrases. The longest go first, as they free their words for shorter ones.
 */
function eliminate(corpus: GappedCorpus, patterns: readonly Int32Array[], minUses: number): Int32Array[] {
  let left = [...patterns];
  for (;;) {
    const uses = new Int32Array(left.length);
    const gapped = new Int32Array(left.length);
    corpus.forEachUse(left, corpus.corpus.trainingTexts, ({ pattern, members }) => {
      uses[pattern]! += 1;
      if (members.at(-1)! - members[0]! >= members.length) gapped[pattern]! += 1;
    });
    const longest = left.reduce((most, { length }, i) => (gapped[i]! < minUses ? Math.max(most, length) : most), 0);
    if (longest === 0) {
      const worth = (i: number) => uses[i]! * (corpus.pieces(left[i]!) - 1);
      const order = left.map((_, i) => i).sort((a, b) => worth(b) - worth(a) || uses[b]! - uses[a]! || a - b);
      return order.map((i) => left[i]!);
    }
    left = left.filter(({ length }, i) => length < longest || gapped[i]! >= minUses);
  }
}

/** Reports patterns, all of them, in their order. */
export function reportGapped(corpus: GappedCorpus, patterns: readonly Int32Array[]): TokenReport[] {
  const { trainingTexts, rows } = corpus.corpus;
  const uses = new Int32Array(patterns.length);
  corpus.forEachUse(patterns, trainingTexts, ({ pattern }) => void uses[pattern]!++);
  const cohesion = corpus.cohesion(patterns);
  const found = patterns.map((items) => {
    const texts: number[] = [];
    let occurrences = 0;
    let example: TokenReport['example'] = null;
    corpus.forEachUse([items], rows.length, (match, text) => {
      if (text < trainingTexts) occurrences++;
      if (texts.at(-1) !== text) texts.push(text);
      example ??= { row: rows[text]!, ...corpus.span(text, match) };
    });
    return { texts, occurrences, example };
  });
  const labelTable = new LabelTable(corpus.corpus);
  const training = found.map(({ texts }) => texts.filter((text) => text < trainingTexts));
  const associations = labelTable.associate(training);
  const insert = corpus.options.mode === 'insert';
  return patterns.map((items, i) => {
    const members = corpus.words(items);
    const pieces = corpus.pieces(items);
    const { texts, occurrences, example } = found[i]!;
    return {
      phrase: gappedName(members),
      members,
      pieces,
      support: texts.length,
      occurrences,
      uses: uses[i]!,
      pplU: cohesion.perplexity(items),
      saved: uses[i]! * (insert ? -1 : pieces - 1),
      labels: labelTable.textsPerLabel(training[i]!),
      association: associations[i]!,
      example,
    };
  });
}
