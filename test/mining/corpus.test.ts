import { expect } from 'chai';
import { ENGLISH_STOP_WORDS, miningKey, parseStopWords, uniqueTexts, wordSequences } from '../../lib/mining/index.js';
import { toyCorpus } from './toy-corpus.js';

const MARKERS = ['<<', '>>', '[[', ']]'];

/** Runs of words between barriers, as text. */
function runs(texts: string[], options: Parameters<typeof toyCorpus>[1] = {}): string[][] {
  const corpus = toyCorpus(texts, options);
  return wordSequences(corpus).map((sequence) =>
    [...sequence]
      .map((item) => (item < 0 ? '|' : corpus.lexicon.words[item]!.text))
      .join(' ')
      .split(/ ?\| ?/)
      .filter((run) => run !== ''),
  );
}

describe('duplicate texts', () => {
  it('differ in protected strings and white space only', () => {
    expect(miningKey('the [[ cell ]]  line', MARKERS)).to.equal(miningKey('the cell << line >>', MARKERS));
    expect(miningKey('the cell', MARKERS)).to.not.equal(miningKey('The cell', MARKERS));
    expect(miningKey('a [[ b ]]', [])).to.not.equal(miningKey('a b', []));
    expect(miningKey('x e1 y e10 z', ['e1', 'e10'])).to.equal('xyz');
  });

  it('are counted once and keep the labels of all rows', () => {
    const texts = ['a [[ b ]] c', 'd e', 'a b << c >>', 'a b c', '__proto__', 'd e'];
    expect(uniqueTexts(texts, MARKERS)).to.deep.equal({
      rows: Int32Array.of(0, 1, 4),
      unique: Int32Array.of(0, 1, 0, 0, 2, 1),
    });
    const corpus = toyCorpus(texts, { labels: ['y', 'x', '__proto__', 'y', 'x', 'x'] });
    expect(corpus.labelNames).to.deep.equal(['__proto__', 'x', 'y']);
    expect(corpus.labels).to.deep.equal([[0, 2], [1], [1]]);
  });

  it('count as training texts when one of them is', () => {
    const corpus = toyCorpus(['a b', 'c d', 'a [[ b ]]', 'e f'], { trainingRows: 2, labels: ['x', 'y'] });
    expect([...corpus.rows]).to.deep.equal([0, 1, 3]);
    expect(corpus.trainingTexts).to.equal(2);
    expect(toyCorpus(['a', 'b']).trainingTexts).to.equal(2);
  });
});

describe('barriers', () => {
  it('are punctuation, also ASCII signs that Unicode calls symbols', () => {
    expect(runs(['named entity, e.g. non-small cells + more'])).to.deep.equal([
      ['named entity', 'e', 'g', 'non', 'small cells', 'more'],
    ]);
    for (const mark of ['$', '+', '<', '=', '>', '^', '`', '|', '~', "'", '’', '-', '–', '。', '_']) {
      expect(runs([`a ${mark} b`]), mark).to.deep.equal([['a', 'b']]);
    }
  });

  it('are unknown words', () => {
    expect(runs(['good ? thing'])).to.deep.equal([['good', 'thing']]);
  });

  it('are words that touch a protected string', () => {
    expect(runs(['the << cell line >> of [[ mice ]]'])).to.deep.equal([['the', 'cell line', 'of', 'mice']]);
    expect(runs(['the drug inhibits the target strongly'], { protect: ['drug', 'targ'] })).to.deep.equal([
      ['the', 'inhibits the', 'strongly'],
    ]);
    expect(runs(['x DRUG y drug z'], { protect: ['DRUG'] })).to.deep.equal([['x', 'y drug z']]);
  });
});

describe('words', () => {
  it('are items by their pieces', () => {
    const { lexicon, words } = toyCorpus(['phosphorylation of Phosphorylation phos']);
    expect([...words]).to.deep.equal([0, 1, 0, 2]);
    expect(lexicon.words.map(({ text }) => text)).to.deep.equal(['phosphorylation', 'of', 'phos']);
    expect(lexicon.words.map(({ pieces }) => pieces.length)).to.deep.equal([4, 1, 1]);
  });

  it('carry content unless they are stop words or have no letter', () => {
    const { lexicon } = toyCorpus(['The cells of 12 p53 Ärzte']);
    expect(lexicon.words.map(({ text, content }) => [text, content])).to.deep.equal([
      ['the', false],
      ['cells', true],
      ['of', false],
      ['12', false],
      ['p53', true],
      ['ärzte', true],
    ]);
  });

  it('are glued where they touch punctuation', () => {
    const { glued } = toyCorpus(['c-kit ligand - (x)', 'y']);
    // c - kit ligand - ( x ) | y
    expect([...glued]).to.deep.equal([0, 1, 1, 0, 0, 0, 1, 1, 0]);
  });

  it('have English stop words and read others', () => {
    for (const word of ['the', 'of', 'don', 't', 'isn', 'we'])
      expect(ENGLISH_STOP_WORDS.has(word), word).to.equal(true);
    for (const word of ['cell', 'paper', 'card']) expect(ENGLISH_STOP_WORDS.has(word), word).to.equal(false);
    expect([...parseStopWords('der Die # the third\ndas\r\n\n')]).to.deep.equal(['der', 'die', 'das']);
  });
});
