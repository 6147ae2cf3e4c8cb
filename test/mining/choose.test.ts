import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Candidate,
  chooseTokens,
  cohesiveCandidates,
  type Corpus,
  lengthRatio,
  mineClosedSequences,
  phraseText,
  reportPhrases,
  termCandidates,
  tokenCap,
  type TokenReport,
  wordSequences,
} from '../../lib/mining/index.js';
import { gStatistic } from '../../lib/mining/association.js';
import { toyCorpus } from './toy-corpus.js';

async function terms(corpus: Corpus, minSupport = 2): Promise<Candidate[]> {
  return termCandidates(corpus, await mineClosedSequences(wordSequences(corpus), { minSupport, maxPattern: 7 }));
}
const names = (corpus: Corpus, candidates: readonly Candidate[]): string[] =>
  candidates.map((candidate) => phraseText(corpus, candidate));
const repeat = (text: string, times: number): string[] =>
  Array.from({ length: times }, (_, i) => `${text} . ${'z'.repeat(i + 1)}`);

/** Phrases as candidates of a corpus that has their words. */
function candidatesOf(corpus: Corpus, phrases: readonly string[]): Candidate[] {
  return phrases.map((phrase) => {
    const words = phrase.split(' ').map((word) => corpus.lexicon.words.findIndex(({ text }) => text === word));
    return {
      words: Int32Array.from(words),
      pieces: words.reduce((sum, word) => sum + corpus.lexicon.words[word]!.pieces.length, 0),
    };
  });
}

/** Greedy merging over strings, the slow way: uses of each phrase in the corpus's training texts. */
function mergedUses(corpus: Corpus, phrases: readonly string[]): Map<string, number> {
  const uses = new Map(phrases.map((phrase) => [phrase, 0]));
  for (let text = 0; text < corpus.trainingTexts; text++) {
    const words = [...corpus.words.subarray(corpus.starts[text], corpus.starts[text + 1])].map(
      (word) => corpus.lexicon.words[word]!.text,
    );
    for (let at = 0; at < words.length;) {
      let length = words.length - at;
      while (length > 1 && !uses.has(words.slice(at, at + length).join(' '))) length--;
      const phrase = words.slice(at, at + length).join(' ');
      if (uses.has(phrase)) uses.set(phrase, uses.get(phrase)! + 1);
      at += length;
    }
  }
  return uses;
}

describe('candidates', () => {
  it('have two or more words, one of them with content, and at most 100 characters', async () => {
    const long = 'abcdefghijklmnopqrstuvwxyz';
    const corpus = toyCorpus(repeat(`of the cell line , of the 12 , alone , ${long} ${long} ${long} ${long}`, 3));
    expect(names(corpus, await terms(corpus))).to.deep.equal(['of the cell line']);
    const shorter = toyCorpus(repeat(`${long} ${long} ${long} ${long.slice(0, 19)}`, 3));
    expect(names(shorter, await terms(shorter)).map((text) => text.length)).to.deep.equal([100]);
  });

  it('are closed among patterns of whole words', async () => {
    // Every "cell" is followed by a word that begins with the piece "line": over pieces "the cell line" would absorb "the cell".
    const corpus = toyCorpus([
      'the cell lineages .',
      'a . the cell linearity',
      'the cell lineages , b',
      'the cell lined x',
    ]);
    expect(names(corpus, await terms(corpus))).to.include('the cell');
  });

  it('are measured by unigram-normalized perplexity over words', () => {
    const corpus = toyCorpus(['named entity x', 'the named entity', 'named thing the', 'the x']);
    const [pair, triple] = candidatesOf(corpus, ['named entity', 'the named entity']) as [Candidate, Candidate];
    // 11 words, 5 different: P(entity) = 3/16, P(named) = 4/16; c(named) = 3, c(the) = 3, c(the named) = 1.
    const report = reportPhrases(corpus, [pair, triple]);
    const pplU = (phrase: string): number => report.find((token) => token.phrase === phrase)!.pplU;
    expect(pplU('named entity')).to.be.closeTo(Math.exp(-Math.log(2 / 8 / (3 / 16)) / 2), 1e-12);
    expect(pplU('the named entity')).to.be.closeTo(
      Math.exp(-(Math.log(1 / 8 / (4 / 16)) + Math.log(1 / 6 / (3 / 16))) / 3),
      1e-12,
    );
    const below = pplU('named entity');
    expect(names(corpus, cohesiveCandidates(corpus, [pair, triple], below))).to.deep.equal(['named entity']);
    expect(cohesiveCandidates(corpus, [pair, triple], below - 1e-9)).to.deep.equal([]);
  });

  it('are at most a tenth of the vocabulary and a quarter of the texts', () => {
    expect(tokenCap(30522, 1366)).to.equal(341);
    expect(tokenCap(1009, 100_000)).to.equal(100);
    expect(tokenCap(9, 3)).to.equal(0);
  });
});

describe('uses after merging', () => {
  const choose = (corpus: Corpus, phrases: string[], minUses: number, cap = Infinity): [string, number][] =>
    chooseTokens(corpus, candidatesOf(corpus, phrases), { minUses, cap }).map(({ phrase, uses }) => [phrase, uses]);

  it('count the longest match only', () => {
    const corpus = toyCorpus([...repeat('growth factor receptor', 4), ...repeat('growth factor', 3)]);
    expect(choose(corpus, ['growth factor', 'growth factor receptor', 'factor receptor'], 0)).to.deep.equal([
      ['growth factor receptor', 4],
      ['growth factor', 3],
      ['factor receptor', 0],
    ]);
  });

  it('go to the shorter phrase when the longer one is too rare', () => {
    const corpus = toyCorpus([...repeat('growth factor receptor', 4), ...repeat('growth factor', 3)]);
    expect(choose(corpus, ['growth factor', 'growth factor receptor'], 5)).to.deep.equal([['growth factor', 7]]);
  });

  it('go to a phrase that an overlapping one blocked', () => {
    const corpus = toyCorpus([...repeat('deep neural network model', 3), ...repeat('neural network model', 4)]);
    expect(choose(corpus, ['deep neural', 'neural network model'], 5)).to.deep.equal([['neural network model', 7]]);
  });

  it('keep those that save most pieces under the cap, with the uses that the others leave', () => {
    const corpus = toyCorpus([
      ...repeat('growth factor receptor', 4),
      ...repeat('growth factor', 3),
      ...repeat('cell line', 6),
    ]);
    const phrases = ['growth factor', 'growth factor receptor', 'cell line'];
    // 4 x 5 pieces less one, 3 x 3, 6 x 1.
    expect(choose(corpus, phrases, 1)).to.deep.equal([
      ['growth factor receptor', 4],
      ['growth factor', 3],
      ['cell line', 6],
    ]);
    expect(choose(corpus, phrases, 1, 2).map(([phrase]) => phrase)).to.deep.equal([
      'growth factor receptor',
      'growth factor',
    ]);
    expect(choose(corpus, phrases, 1, 1)).to.deep.equal([['growth factor receptor', 4]]);
    expect(choose(corpus, phrases, 1, 0)).to.deep.equal([]);
  });

  it('count training texts only, while support counts all', () => {
    const corpus = toyCorpus([...repeat('cell line', 3), 'one cell line', 'my cell line'], { trainingRows: 3 });
    const [token] = reportPhrases(corpus, candidatesOf(corpus, ['cell line'])) as [TokenReport];
    expect([token.uses, token.support]).to.deep.equal([3, 5]);
    expect(choose(corpus, ['cell line'], 4)).to.deep.equal([]);
  });

  it('equal merging over strings, reach the minimum for every token kept, and leave none that could be kept', () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.constantFrom('ab', 'cd', 'efghi', 'jk'), { minLength: 1, maxLength: 12 }), {
          minLength: 4,
          maxLength: 30,
        }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 8 }),
        (rows, minUses, cap) => {
          const corpus = toyCorpus(rows.map((row, i) => `${row.join(' ')} , ${i}`));
          const known = new Set(corpus.lexicon.words.map(({ text }) => text));
          const phrases = [
            'ab cd',
            'cd efghi',
            'ab cd efghi',
            'efghi efghi',
            'jk ab cd efghi',
            'ab ab',
            'jk jk jk',
            'cd jk',
          ].filter((phrase) => phrase.split(' ').every((word) => known.has(word)));
          const chosen = choose(corpus, phrases, minUses, cap);
          const uses = mergedUses(
            corpus,
            chosen.map(([phrase]) => phrase),
          );
          expect(new Map(chosen)).to.deep.equal(uses);
          expect(chosen.length).to.be.at.most(cap);
          for (const [phrase, count] of chosen) expect(count, phrase).to.be.at.least(minUses);
          if (chosen.length === cap) return;
          const saved = (counts: Map<string, number>): number =>
            candidatesOf(corpus, [...counts.keys()]).reduce(
              (sum, { pieces }, i) => sum + (pieces - 1) * [...counts.values()][i]!,
              0,
            );
          for (const phrase of phrases.filter((left) => !uses.has(left))) {
            const others = mergedUses(corpus, [...uses.keys(), phrase]);
            const fits = [...others.values()].every((count) => count >= minUses) && saved(others) > saved(uses);
            expect(fits, `${phrase} could be kept`).to.equal(false);
          }
        },
      ),
      { numRuns: 300 },
    ));
});

describe('the report', () => {
  it('lists what a person needs', () => {
    const corpus = toyCorpus(
      ['the x', 'Growth Factor x', 'a growth factor', 'growth [[ factor ]]', 'growth factor growth factor'],
      {
        labels: ['no', 'yes', 'yes', 'no', 'no'],
      },
    );
    const [token] = reportPhrases(corpus, candidatesOf(corpus, ['growth factor'])) as [TokenReport];
    expect(token).to.deep.include({ phrase: 'growth factor', pieces: 4, support: 3, uses: 4, saved: 12, example: 1 });
    expect(token.labels).to.deep.equal([
      { label: 'yes', texts: 2 },
      { label: 'no', texts: 1 },
    ]);
    // Words: the x | growth factor x | a growth factor | growth [ [ factor ] ] | growth factor growth factor
    const pieces = 2 + 5 + 5 + 8 + 8;
    expect(lengthRatio(corpus, [token])).to.be.closeTo((pieces - 12) / pieces, 1e-12);
  });

  it('matches hyphens and apostrophes of given phrases only where they touch', () => {
    const corpus = toyCorpus(['the c-kit ligand', 'c - kit', 'b c -kit', 'c-kit x', 'a-c-kit', 'ac-kit']);
    const words = (...texts: string[]): Int32Array =>
      Int32Array.from(texts, (text) => corpus.lexicon.words.findIndex((word) => word.text === text));
    const phrase = { words: words('c', '-', 'kit'), glued: [false, true, true] };
    const [token] = reportPhrases(corpus, [phrase]) as [TokenReport];
    expect([token.phrase, token.uses, token.support]).to.deep.equal(['c-kit', 3, 3]);
  });

  it('finds the label that a phrase goes with', () => {
    const texts = Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? `cell line ${i}` : `other ${i}`));
    const labels = texts.map((text, i) => (text.startsWith('cell') ? 'bio' : i % 2 === 0 ? 'x' : 'y'));
    const corpus = toyCorpus(texts, { labels });
    const [{ association }] = reportPhrases(corpus, candidatesOf(corpus, ['cell line'])) as [TokenReport];
    expect(association).to.deep.include({ label: 'bio', share: 1, base: 0.25 });
    // Perfect agreement: G = 2 N H(1/4).
    expect(association!.g).to.be.closeTo(2 * 200 * (0.25 * Math.log(4) + 0.75 * Math.log(4 / 3)), 1e-9);
  });

  it('is not fooled by chance: with random labels G stays where it belongs', () => {
    // 400 phrases in ten texts each, 20 labels drawn by a fixed generator. In the sample the best of 20 labels always looks telling.
    let state = 1;
    const random = (n: number): number => (state = (state * 48271) % 0x7fffffff) % n;
    const texts: string[] = [];
    for (let phrase = 0; phrase < 400; phrase++) {
      for (let copy = 0; copy < 10; copy++) texts.push(`term p${phrase}q , ${copy}`);
    }
    const corpus = toyCorpus(texts, { labels: texts.map(() => `l${random(20)}`) });
    const phrases = Array.from({ length: 400 }, (_, phrase) => `term p${phrase}q`);
    const tokens = reportPhrases(corpus, candidatesOf(corpus, phrases));
    const mean = tokens.reduce((sum, token) => sum + token.association!.g, 0) / tokens.length;
    expect(Math.abs(mean)).to.be.below(0.5);
  });

  it('has no association without labels', () => {
    const corpus = toyCorpus(repeat('cell line', 3));
    const [token] = reportPhrases(corpus, candidatesOf(corpus, ['cell line'])) as [TokenReport];
    expect(token.association).to.equal(null);
    expect(token.labels).to.deep.equal([]);
  });

  it('computes G of a table', () => {
    expect(gStatistic([10, 20, 30, 60])).to.be.closeTo(0, 1e-12);
    expect(gStatistic([0, 0, 5, 7])).to.equal(0);
    // 2 (10 ln(10 / 5.5) + 1 ln(1 / 5.5) + 1 ln(1 / 5.5) + 10 ln(10 / 5.5))
    expect(gStatistic([10, 1, 1, 10])).to.be.closeTo(4 * (10 * Math.log(10 / 5.5) + Math.log(1 / 5.5)), 1e-12);
  });
});
