import type { Corpus } from './corpus.js';
import { falseDiscoveryRates, Hypergeometric } from './significance.js';

const FOLDS = 5;
/** Texts' worth of the usual distribution of labels that is added to the texts with a phrase: few texts tell little. */
const PRIOR_TEXTS = 5;

/**
 * How a phrase goes with a label. `label`, `share`, `base` and `bits` are held out: learnt on four fifths of the texts, measured on
 * the fifth, five times over, so that they do not flatter. `p` and `q` are of all texts at once: held-out counts of five folds are not
 * independent, and a test of their sum finds too much (docs/decisions/0010-association.md).
 */
export interface Association {
  /** The label chosen most often. */
  label: string;
  /** Share of the held-out texts with the phrase that carry the label chosen for them. */
  share: number;
  /** Share of all held-out texts that do. */
  base: number;
  /** What the phrase says about the label of a text with it, in bits: mean log2 P(label | phrase) / P(label). Below 0: it misleads. */
  bits: number;
  /** Fisher's exact test of the label that stands out most, times the number of labels. */
  p: number;
  /** Corrected for all phrases tested. */
  q: number;
}

/** Counts of labels by fold; texts with several labels count once under each. */
export class LabelTable {
  /** [fold][label] */
  private readonly all: Float64Array[];
  private readonly textsOfLabel: Float64Array;
  private readonly labels: number;
  private readonly exact: Hypergeometric;

  constructor(private readonly corpus: Corpus) {
    this.all = this.count(Array.from({ length: corpus.trainingTexts }, (_, text) => text));
    this.textsOfLabel = total(this.all, corpus.labelNames.length);
    this.labels = this.textsOfLabel.filter((texts) => texts > 0).length;
    this.exact = new Hypergeometric(corpus.trainingTexts);
  }

  /** Texts of each label among these, most first. */
  textsPerLabel(texts: readonly number[]): { label: string; texts: number }[] {
    const { labelNames } = this.corpus;
    const counts = total(this.count(texts), labelNames.length);
    return labelNames
      .map((label, id) => ({ label, texts: counts[id]! }))
      .filter((row) => row.texts > 0)
      .sort((a, b) => b.texts - a.texts);
  }

  /** Of phrases, given the training texts that contain each: null where no text has a label. */
  associate(textsOfPhrases: readonly (readonly number[])[]): (Association | null)[] {
    const found = textsOfPhrases.map((texts) => this.heldOut(texts));
    const tested = found.flatMap((association, i) => (association === null ? [] : [i]));
    const p = tested.map((i) => this.exactTest(textsOfPhrases[i]!));
    const q = falseDiscoveryRates(p);
    tested.forEach((i, k) => (found[i] = { ...found[i]!, p: p[k]!, q: q[k]! }));
    return found;
  }

  private exactTest(texts: readonly number[]): number {
    const counts = total(this.count(texts), this.corpus.labelNames.length);
    let least = 1;
    counts.forEach((hits, label) => {
      if (hits === 0) return;
      const marked = this.textsOfLabel[label]!;
      const tail = this.exact.upperTail({ hits, drawn: texts.length, marked, texts: this.corpus.trainingTexts });
      least = Math.min(least, tail);
    });
    return Math.min(1, least * this.labels);
  }

  /** `p` and `q` are still to come. */
  private heldOut(texts: readonly number[]): Association | null {
    const { labelNames } = this.corpus;
    const withPhrase = this.count(texts);
    const sums = total(withPhrase, labelNames.length);
    const present = labelNames.flatMap((_, label) => (sums[label]! > 0 ? [label] : []));
    const votes = new Float64Array(labelNames.length);
    const held = { hits: 0, withPhrase: 0, chosen: 0, all: 0 };
    let bits = 0;
    for (let fold = 0; fold < FOLDS; fold++) {
      const inside = withPhrase[fold]!;
      const all = this.all[fold]!;
      const outside = (label: number): number => sums[label]! - inside[label]!;
      const outsideAll = (label: number): number => this.textsOfLabel[label]! - all[label]!;
      const pairs = sum(sums) - sum(inside);
      const allPairs = sum(this.textsOfLabel) - sum(all);
      let chosen = -1;
      let strongest = -Infinity;
      for (const label of present) {
        const usual = outsideAll(label) / allPairs;
        if (outside(label) > 0) {
          // The label's term of G: by how much its texts with the phrase exceed their expected number.
          const term = outside(label) * Math.log(outside(label) / (pairs * usual));
          if (term > strongest) [chosen, strongest] = [label, term];
        }
        // A label that is nowhere else has no usual share to compare with.
        if (usual > 0) {
          const learnt = (outside(label) + PRIOR_TEXTS * usual) / (pairs + PRIOR_TEXTS);
          bits += inside[label]! * Math.log2(learnt / usual);
        }
      }
      if (chosen === -1) continue;
      votes[chosen]! += 1;
      held.hits += inside[chosen]!;
      held.withPhrase += sum(inside);
      held.chosen += all[chosen]!;
      held.all += sum(all);
    }
    const most = Math.max(...votes);
    if (!(most > 0)) return null;
    return {
      label: labelNames[votes.indexOf(most)]!,
      share: held.withPhrase === 0 ? 0 : held.hits / held.withPhrase,
      base: held.chosen / held.all,
      bits: bits / sum(sums),
      p: 1,
      q: 1,
    };
  }

  private count(texts: readonly number[]): Float64Array[] {
    const folds = Array.from({ length: FOLDS }, () => new Float64Array(this.corpus.labelNames.length));
    for (const text of texts) {
      const fold = folds[text % FOLDS]!;
      for (const label of this.corpus.labels[text]!) fold[label]! += 1;
    }
    return folds;
  }
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

function total(folds: readonly Float64Array[], labels: number): Float64Array {
  return Float64Array.from({ length: labels }, (_, label) => folds.reduce((all, fold) => all + fold[label]!, 0));
}
