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
  type Rank,
  reportPhrases,
  termCandidates,
  tokenCap,
  type TokenReport,
  wordSequences,
} from '../../lib/mining/index.js';
import { toyCorpus } from './toy-corpus.js';

async function terms(corpus: Corpus, minSupport = 2): Promise<Candidate[]> {
  return termCandidates(corpus, await mineClosedSequences(wordSequences(corpus), { minSupport, maxPattern: 7 }));
}
const names = (corpus: Corpus, candidates: readonly Candidate[]): string[] =>
  candidates.map((candidate) => phraseText(corpus, candidate));
const repeat = (text: string, times: number): string[] =>
  Array.from({ length: times }, (_, i) => `${text} . ${'z'.repeat(i + 1)}`);

const logChoose = (n: number, k: number): number =>
  Array.from({ length: k }, (_, i) => Math.log((n - i) / (i + 1))).reduce((a, b) => a + b, 0);

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
    const marked = toyCorpus(['named entity << x >>', '[[ the ]] named entity', 'named thing the', '<< the x >>']);
    expect(reportPhrases(marked, candidatesOf(marked, ['named entity']))[0]!.pplU).to.be.closeTo(
      pplU('named entity'),
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
  const choose = (
    corpus: Corpus,
    phrases: string[],
    minUses: number,
    cap = Infinity,
    rank: Rank = 'saved',
  ): [string, number][] =>
    chooseTokens(corpus, candidatesOf(corpus, phrases), { minUses, cap, rank }).map(({ phrase, uses }) => [
      phrase,
      uses,
    ]);

  it('count the longest match only', () => {
    const corpus = toyCorpus([...repeat('growth factor receptor', 4), ...repeat('growth factor', 3)]);
    const phrases = ['growth factor', 'growth factor receptor', 'factor receptor'];
    const report = reportPhrases(corpus, candidatesOf(corpus, phrases));
    expect(report.map(({ phrase, occurrences, uses }) => [phrase, occurrences, uses])).to.deep.equal([
      ['growth factor receptor', 4, 4],
      ['growth factor', 7, 3],
      ['factor receptor', 4, 0],
    ]);
  });

  it('must be a fifth of the occurrences: a phrase that almost always stands within another is redundant', () => {
    const corpus = toyCorpus([...repeat('credit card number', 17), ...repeat('credit card', 4), ...repeat('card', 3)]);
    const phrases = ['credit card number', 'credit card'];
    // 4 of 21 is less than a fifth; 4 of 20 is not.
    expect(choose(corpus, phrases, 3)).to.deep.equal([['credit card number', 17]]);
    const fewer = toyCorpus([...repeat('credit card number', 16), ...repeat('credit card', 4)]);
    expect(choose(fewer, phrases, 3)).to.deep.equal([
      ['credit card number', 16],
      ['credit card', 4],
    ]);
    // What is redundant beside a phrase that does not stay is not redundant.
    expect(choose(corpus, phrases, 18)).to.deep.equal([['credit card', 21]]);
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

  it('go under the cap to what tells most about the label, or to what saves most', () => {
    const texts = Array.from({ length: 60 }, (_, i) =>
      [i % 2 === 0 ? 'please transfer money' : 'x', i % 3 === 0 ? 'lost card' : 'y', `. ${'z'.repeat(i + 1)}`].join(
        ' ',
      ),
    );
    const labels = texts.map((_, i) => (i % 3 === 0 ? 'lost' : 'other'));
    const phrases = ['please transfer money', 'lost card'];
    const first = (rank: Rank, corpus: Corpus, cap: number): string[] =>
      chooseTokens(corpus, candidatesOf(corpus, phrases), { minUses: 1, cap, rank }).map(({ phrase }) => phrase);
    const labelled = toyCorpus(texts, { labels });
    expect(first('telling', labelled, 1)).to.deep.equal(['lost card']);
    expect(first('telling', labelled, 2)).to.deep.equal(['lost card', 'please transfer money']);
    expect(first('saved', labelled, 1)).to.deep.equal(['please transfer money']);
    expect(first('saved', labelled, 2)).to.deep.equal(['please transfer money', 'lost card']);
    // Without labels: terms before phrases with function words.
    const mixed = toyCorpus(repeat('of the growth factor in the cell line , growth factor , cell line', 9));
    const ranked = (rank: Rank): string[] =>
      chooseTokens(mixed, candidatesOf(mixed, ['of the growth factor', 'cell line']), { minUses: 1, cap: 9, rank }).map(
        ({ phrase }) => phrase,
      );
    expect(ranked('telling')).to.deep.equal(['cell line', 'of the growth factor']);
    expect(ranked('saved')).to.deep.equal(['of the growth factor', 'cell line']);
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
        fc.constantFrom<Rank>('saved', 'telling'),
        (rows, minUses, cap, rank) => {
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
          const chosen = choose(corpus, phrases, minUses, cap, rank);
          const uses = mergedUses(
            corpus,
            chosen.map(([phrase]) => phrase),
          );
          expect(new Map(chosen)).to.deep.equal(uses);
          expect(chosen.length).to.be.at.most(cap);
          const occurrences = new Map(
            reportPhrases(corpus, candidatesOf(corpus, phrases)).map((token) => [token.phrase, token.occurrences]),
          );
          const need = (phrase: string): number => Math.max(minUses, Math.ceil(0.2 * occurrences.get(phrase)!));
          for (const [phrase, count] of chosen) expect(count, phrase).to.be.at.least(need(phrase));
          if (chosen.length === cap) return;
          const saved = (counts: Map<string, number>): number =>
            candidatesOf(corpus, [...counts.keys()]).reduce(
              (sum, { pieces }, i) => sum + (pieces - 1) * [...counts.values()][i]!,
              0,
            );
          for (const phrase of phrases.filter((left) => !uses.has(left))) {
            const others = mergedUses(corpus, [...uses.keys(), phrase]);
            const fits = [...others].every(([other, count]) => count >= need(other)) && saved(others) > saved(uses);
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
    expect(token).to.deep.include({
      phrase: 'growth factor',
      pieces: 4,
      support: 3,
      occurrences: 4,
      uses: 4,
      saved: 12,
    });
    expect(token.example).to.deep.equal({ row: 1, begin: 0, end: 'Growth Factor'.length });
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
    // 40 of 160 outside a fold, 5 texts' worth of the usual share added.
    expect(association!.bits).to.be.closeTo(Math.log2((40 + 5 / 4) / 45 / (1 / 4)), 1e-12);
    // All 50 of 50 drawn without replacement from 200 with 50 marked: 1 in 200 over 50, for the best of three labels.
    expect(Math.log(association!.p)).to.be.closeTo(Math.log(3) - logChoose(200, 50), 1e-9);
    expect(association!.q).to.equal(association!.p);
  });

  it('is not fooled by chance: with random labels p is small as often as it says', () => {
    // 400 phrases in ten texts each, 20 labels drawn by a fixed generator. In the sample the best of 20 labels always looks telling.
    let state = 1;
    const random = (n: number): number => (state = (state * 48271) % 0x7fffffff) % n;
    const texts: string[] = [];
    for (let phrase = 0; phrase < 400; phrase++) {
      for (let copy = 0; copy < 10; copy++) texts.push(`term p${phrase}q , ${copy}`);
    }
    const corpus = toyCorpus(texts, { labels: texts.map(() => `l${random(20)}`) });
    const phrases = Array.from({ length: 400 }, (_, phrase) => `term p${phrase}q`);
    const found = reportPhrases(corpus, candidatesOf(corpus, phrases)).map(({ association }) => association!);
    for (const level of [0.3, 0.1, 0.05]) {
      const share = found.filter(({ p }) => p <= level).length / 400;
      expect(share, `p <= ${level}`).to.be.at.most(level + 2 * Math.sqrt((level * (1 - level)) / 400));
    }
    expect(found.filter(({ q }) => q <= 0.1)).to.have.length.below(2);
    expect(found.reduce((sum, { bits }) => sum + bits, 0) / 400).to.be.below(0);
    expect(Math.max(...found.map(({ share, base }) => share - base))).to.be.below(0.4);
  });

  it('has no association without labels', () => {
    const corpus = toyCorpus(repeat('cell line', 3));
    const [token] = reportPhrases(corpus, candidatesOf(corpus, ['cell line'])) as [TokenReport];
    expect(token.association).to.equal(null);
    expect(token.labels).to.deep.equal([]);
  });
});
