import type { Corpus } from './corpus.js';

const FOLDS = 5;

/** How a phrase goes with a label. The label is chosen on four fifths of the texts and measured on the fifth, five times over. */
export interface Association {
  /** The label chosen most often. */
  label: string;
  /** Share of the held-out texts with the phrase that carry the chosen label. */
  share: number;
  /** Share of all held-out texts that do. */
  base: number;
  /** G statistic of phrase x chosen label over the held-out texts (1 degree of freedom); negative when `share` is below `base`. */
  g: number;
}

/** Counts of labels by fold; texts with several labels count once under each. */
export class LabelTable {
  /** [fold][label] */
  private readonly all: Float64Array[];

  constructor(private readonly corpus: Corpus) {
    this.all = this.count(Array.from({ length: corpus.trainingTexts }, (_, text) => text));
  }

  /** Texts of each label among these, most first. */
  textsPerLabel(texts: readonly number[]): { label: string; texts: number }[] {
    const { labelNames } = this.corpus;
    const folds = this.count(texts);
    return labelNames
      .map((label, id) => ({ label, texts: folds.reduce((sum, fold) => sum + fold[id]!, 0) }))
      .filter((row) => row.texts > 0)
      .sort((a, b) => b.texts - a.texts);
  }

  /** Null when no text has a label. */
  associate(texts: readonly number[]): Association | null {
    const { labelNames } = this.corpus;
    const withPhrase = this.count(texts);
    const votes = new Float64Array(labelNames.length);
    // Held-out (text, label) pairs: with or without the phrase, with the chosen label or another.
    let hits = 0;
    let misses = 0;
    let others = 0;
    let rest = 0;
    for (let fold = 0; fold < FOLDS; fold++) {
      const chosen = this.strongest(withPhrase, fold);
      if (chosen === -1) continue;
      votes[chosen] = votes[chosen]! + 1;
      const inside = withPhrase[fold]!;
      const all = this.all[fold]!;
      hits += inside[chosen]!;
      misses += sum(inside) - inside[chosen]!;
      others += all[chosen]! - inside[chosen]!;
      rest += sum(all) - sum(inside) - all[chosen]! + inside[chosen]!;
    }
    const label = labelNames[votes.indexOf(Math.max(...votes))];
    if (label === undefined || Math.max(...votes) === 0) return null;
    const total = hits + misses + others + rest;
    const share = hits + misses === 0 ? 0 : hits / (hits + misses);
    const base = total === 0 ? 0 : (hits + others) / total;
    const g = gStatistic([hits, misses, others, rest]);
    return { label, share, base, g: share < base ? -g : g };
  }

  /** The label whose texts with the phrase exceed their expected number by most (its term of G), outside a fold. */
  private strongest(withPhrase: Float64Array[], heldOut: number): number {
    const outside = (folds: Float64Array[], label: number): number =>
      folds.reduce((total, fold, index) => (index === heldOut ? total : total + fold[label]!), 0);
    const ids = this.corpus.labelNames.map((_, id) => id);
    const phraseTotal = ids.reduce((total, id) => total + outside(withPhrase, id), 0);
    const total = ids.reduce((total, id) => total + outside(this.all, id), 0);
    let best = -1;
    let bestTerm = -Infinity;
    for (const id of ids) {
      const observed = outside(withPhrase, id);
      if (observed === 0) continue;
      const term = observed * Math.log((observed * total) / (phraseTotal * outside(this.all, id)));
      if (term > bestTerm) {
        best = id;
        bestTerm = term;
      }
    }
    return best;
  }

  private count(texts: readonly number[]): Float64Array[] {
    const folds = Array.from({ length: FOLDS }, () => new Float64Array(this.corpus.labelNames.length));
    for (const text of texts) {
      const fold = folds[text % FOLDS]!;
      for (const label of this.corpus.labels[text]!) fold[label] = fold[label]! + 1;
    }
    return folds;
  }
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** 2 sum O ln(O / E) of a 2 x 2 table, row by row. */
export function gStatistic([a, b, c, d]: [number, number, number, number]): number {
  const total = a + b + c + d;
  const term = (observed: number, row: number, column: number): number =>
    observed === 0 ? 0 : observed * Math.log((observed * total) / (row * column));
  return 2 * (term(a, a + b, a + c) + term(b, a + b, b + d) + term(c, c + d, a + c) + term(d, c + d, b + d));
}
