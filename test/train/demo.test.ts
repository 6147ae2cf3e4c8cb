/**
 * The demo in small: on a corpus whose labels depend on two-word terms the whole job learns what the bag of words cannot
 * tell, and on the same texts with their words shuffled it learns nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { train } from '../../lib/train/job.js';
import { labelIds, labelList } from '../../lib/train/labels.js';
import { classificationMetrics } from '../../lib/train/metrics.js';
import type { LabelledTexts } from '../../lib/train/labelled-texts.js';

interface Row {
  text: string;
  label: string;
}
interface Corpus {
  tickets(count: number, seed: number): Row[];
  shuffled(rows: Row[], seed: number): Row[];
}

/** Seeds 1, 4, 5 and 6 of the run score .997 and more; 2,000 texts give .48 to .81, without new tokens .14 to .19. */
const SIZES = { train: 3000, validation: 100, test: 400 };
const EPOCHS = 6;
/** As many as the corpus has terms: 4 blocks of 4 modifiers and 4 parts. */
const TERMS = 64;
const MAJORITY = { accuracy: 0.25, macroF1: 0.1 };
const GAIN = 0.3;

describe('train/demo', function () {
  this.timeout(120_000);
  let folder: string;
  let rows: Record<keyof typeof SIZES, Row[]>;
  let corpus: Corpus;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-demo-'));
    corpus = (await import(new URL('../../../examples/corpus.mjs', import.meta.url).href)) as Corpus;
    const { tickets } = corpus;
    rows = { train: tickets(SIZES.train, 1), validation: tickets(SIZES.validation, 2), test: tickets(SIZES.test, 3) };
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (name: string, parts: Record<keyof typeof SIZES, Row[]>) => {
    const columns = (part: Row[]): LabelledTexts => ({
      texts: part.map(({ text }) => text),
      labels: part.map(({ label }) => label),
    });
    return train({
      model: 'scratch:tiny',
      train: columns(parts.train),
      validation: columns(parts.validation),
      test: columns(parts.test),
      out: join(folder, name),
      epochs: EPOCHS,
      newTokens: TERMS,
    });
  };

  it('starts from a majority class of .25 accuracy and .1 macro-F1, and no test text in training', () => {
    const labels = labelList(
      rows.train.map(({ label }) => label),
      'train',
    );
    const gold = labelIds(
      rows.test.map(({ label }) => label),
      labels,
      'test',
    );
    for (let majority = 0; majority < labels.length; majority++) {
      const { accuracy, macroF1 } = classificationMetrics(gold, new Int32Array(gold.length).fill(majority), labels);
      expect(accuracy).to.equal(MAJORITY.accuracy);
      expect(macroF1).to.be.closeTo(MAJORITY.macroF1, 1e-12);
    }
    const seen = new Set(rows.train.map(({ text }) => text));
    expect(rows.test.filter(({ text }) => seen.has(text))).to.deep.equal([]);
  });

  it('finds the terms and learns them', async () => {
    const result = await run('terms', rows);
    expect(result.new_tokens).to.equal(TERMS);
    for (const { phrase } of result.mined) {
      const teams = new Set(rows.train.filter(({ text }) => text.includes(phrase)).map(({ label }) => label));
      expect([...teams], phrase).to.have.length(1);
    }
    expect(result.test_macro_f1).to.be.at.least(MAJORITY.macroF1 + GAIN);
  });

  it('learns nothing when the words are shuffled', async () => {
    const result = await run('shuffled', {
      train: corpus.shuffled(rows.train, 1),
      validation: corpus.shuffled(rows.validation, 2),
      test: corpus.shuffled(rows.test, 3),
    });
    // Whatever is predicted, texts that say nothing of their label are right in a quarter of 400 balanced cases, with a
    // standard deviation of .022, and macro-F1 is on average no higher: .1 more is over four of them,
    // and less than the first run must reach.
    expect(result.test_macro_f1).to.be.below(MAJORITY.accuracy + 0.1);
    expect(result.test_accuracy).to.be.below(MAJORITY.accuracy + 0.1);
  });
});
