/** What tokens chosen on training texts say about texts that mining never saw. */
import { ENGLISH_STOP_WORDS } from '../lib/mining/index.js';
import type { Tokenizer } from '../lib/model/tokenizer.js';
import { type MinedToken, mineTokens } from '../lib/train/mine.js';
import { TRAIN_OPTIONS } from '../lib/train/options.js';

const PROTECT: readonly string[] = TRAIN_OPTIONS.protect.default;
/** Texts' worth of the usual distribution of labels, as in lib/mining/association.ts. */
const PRIOR = 5;

export interface Labelled {
  texts: readonly string[];
  labels: readonly string[];
}

/** What tokens chosen on the training texts say about the labels of the test texts. */
export async function heldOut(tokenizer: Tokenizer, train: Labelled, test: Labelled, shown: number) {
  const padded = (text: string): string =>
    ` ${tokenizer.words(PROTECT.reduce((rest, marker) => rest.replaceAll(marker, ' '), text)).join(' ')} `;
  const trainTexts = train.texts.map(padded);
  const testTexts = test.texts.map(padded);
  const shares = (labels: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1 / labels.length);
    return counts;
  };
  const usual = shares(train.labels);
  const usualTest = shares(test.labels);
  const measure = ({ phrase, association }: MinedToken) => {
    const having = (texts: string[], { labels }: Labelled) =>
      labels.filter((_, i) => texts[i]!.includes(` ${phrase} `));
    const [seen, unseen] = [having(trainTexts, train), having(testTexts, test)];
    const learnt = shares(seen);
    const bits = unseen.reduce((sum, label) => {
      const base = usual.get(label) ?? 0;
      if (base === 0) return sum;
      const share = ((learnt.get(label) ?? 0) * seen.length + PRIOR * base) / (seen.length + PRIOR);
      return sum + Math.log2(share / base);
    }, 0);
    const share = unseen.filter((label) => label === association!.label).length / unseen.length;
    return { bits, lift: share / (usualTest.get(association!.label) ?? NaN), unseen: unseen.length };
  };
  const ranks = [];
  for (const rank of ['telling', 'saved'] as const) {
    const { chosen } = await mineTokens({ ...train, tokenizer, options: { rank } });
    const first = chosen.slice(0, shown);
    const bits = first.reduce((sum, token) => sum + measure(token).bits, 0);
    const terms = first.filter(({ phrase }) => {
      const words = phrase.split(' ');
      return [words[0]!, words.at(-1)!].every((word) => !ENGLISH_STOP_WORDS.has(word));
    });
    ranks.push({
      rank,
      test_bits_per_1000_texts: (1000 * bits) / test.texts.length,
      without_stop_word_at_either_end: terms.length,
      pieces_saved: first.reduce((sum, { saved }) => sum + saved, 0),
    });
  }
  const { chosen } = await mineTokens({ ...train, tokenizer });
  const significant = chosen.filter(({ association }) => association!.q <= 0.05);
  const found = significant.map(measure).filter(({ unseen }) => unseen >= 3);
  const shuffled = await mineTokens({
    texts: train.texts,
    labels: train.labels.map((_, i, all) => all[(i * 7919 + 13) % all.length]!),
    tokenizer,
  });
  return {
    ranks,
    association: {
      tested: chosen.length,
      q_below_5_percent: significant.length,
      /** Of these with three test texts or more: how many go with that label there too. */
      in_three_test_texts: found.length,
      confirmed: found.filter(({ lift }) => lift > 1).length,
      q_below_5_percent_with_labels_of_other_texts: shuffled.chosen.filter((t) => t.association!.q <= 0.05).length,
    },
  };
}
