/**
 * Gapped patterns as new tokens: closed sequences of the words that the chosen phrases leave, with at most `maxGap` words between
 * neighbours; of these the cohesive ones, of these those that are used often enough.
 */
import { LabelTable, mineSequences, type Pattern, resolveSupport, type TokenReport } from '../mining/index.js';
import { gappedName } from '../model/gapped.js';
import { GappedMatcher, OTHER } from '../model/gapped-match.js';
import { Queue } from '../util/queue.js';
import type { GappedCorpus, Sequence } from './gapped-corpus.js';

export interface GappedMining {
  minSupport: number | string;
  maxPattern: number;
  threads?: number | undefined;
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
  const { maxPattern, threads, maxPatterns, signal, onProgress } = options;
  const { sequences, lexicon } = corpus;
  let rare = lexicon.words.length;
  const items = sequences.map((sequence) => sequence.map((item) => (item === OTHER ? rare++ : item)));
  const { patterns } = await mineSequences(items, {
    // Places that are no word have an item each.
    minSupport: Math.max(2, resolveSupport(options.minSupport, sequences.length)),
    maxGap: corpus.options.maxGap,
    maxPattern,
    threads,
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

/** Uses of patterns in the training texts, kept up to date while patterns go. */
class Uses {
  readonly all: Int32Array;
  /** Those with a word in one of the gaps. */
  readonly gapped: Int32Array;
  private readonly matcher: GappedMatcher;
  /** Training texts in which each pattern occurs, used or not. */
  private readonly texts: number[][];
  private readonly changed = new Set<number>();

  constructor(
    private readonly sequences: readonly Sequence[],
    patterns: readonly Int32Array[],
    maxGap: number,
  ) {
    this.matcher = new GappedMatcher(patterns, maxGap);
    this.all = new Int32Array(patterns.length);
    this.gapped = new Int32Array(patterns.length);
    this.texts = patterns.map(() => []);
    sequences.forEach((sequence, text) => {
      for (const pattern of this.matcher.occurring(sequence)) this.texts[pattern]!.push(text);
      this.count(sequence, 1);
    });
  }

  /** Returns the patterns whose uses may have changed. */
  remove(pattern: number): ReadonlySet<number> {
    this.changed.clear();
    for (const text of this.texts[pattern]!) this.count(this.sequences[text]!, -1);
    this.matcher.remove(pattern);
    for (const text of this.texts[pattern]!) this.count(this.sequences[text]!, 1);
    return this.changed;
  }

  private count(sequence: Sequence, change: number): void {
    for (const { pattern, members } of this.matcher.match(sequence)) {
      this.all[pattern]! += change;
      if (members.at(-1)! - members[0]! >= members.length) this.gapped[pattern]! += change;
      this.changed.add(pattern);
    }
  }
}

/**
 * Drops patterns until each is used at least `minUses` times with a word in one of its gaps: without gaps they were candidates for
 * phrases. One at a time, since each that goes frees its words for others: the longest first, of these the rarest. Returns those
 * left, those that save the most pieces first.
 */
function eliminate(corpus: GappedCorpus, patterns: readonly Int32Array[], minUses: number): Int32Array[] {
  const sequences = corpus.sequences.slice(0, corpus.corpus.trainingTexts);
  const uses = new Uses(sequences, patterns, corpus.options.maxGap);
  /** Below zero: to go, the lowest first. */
  const worth = (i: number): number => {
    const used = uses.gapped[i]!;
    return used < minUses ? -(patterns[i]!.length + (minUses - used) / (minUses + 1)) : 0;
  };
  const queue = new Queue(patterns.map((_, i) => worth(i)));
  for (let worst = queue.first(); worst !== -1 && worth(worst) < 0; worst = queue.first()) {
    queue.remove(worst);
    for (const pattern of uses.remove(worst)) if (queue.has(pattern)) queue.update(pattern, worth(pattern));
  }
  const saved = (i: number): number => uses.all[i]! * (corpus.pieces(patterns[i]!) - 1);
  const left = patterns.flatMap((_, i) => (queue.has(i) ? [{ i, saved: saved(i) }] : []));
  left.sort((a, b) => b.saved - a.saved || uses.all[b.i]! - uses.all[a.i]! || a.i - b.i);
  return left.map(({ i }) => patterns[i]!);
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
