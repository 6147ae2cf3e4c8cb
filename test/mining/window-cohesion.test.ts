import { expect } from 'chai';
import fc from 'fast-check';
import { CONTEXT_PRIOR, Cohesion } from '../../lib/mining/cohesion.js';
import { PhraseTrie } from '../../lib/mining/phrase-trie.js';
import { WindowCohesion } from '../../lib/mining/index.js';
import { toyCorpus } from './toy-corpus.js';

const WALL = -2;
const OTHER = -1;
const cohesionOf = (sequences: number[][], pattern: number[], maxGap: number): number => {
  const patterns = [Int32Array.from(pattern)];
  return new WindowCohesion(
    sequences.map((sequence) => Int32Array.from(sequence)),
    patterns,
    { words: 4, wall: WALL, maxGap },
  ).perplexity(patterns[0]!);
};

describe('cohesion with gaps', () => {
  it('compares how often a window holds the next word with how often chance puts it there', () => {
    // 0 stands five times; 1 follows within two words three times: not behind a wall, not three words on.
    const sequences = [
      [0, 3, 1],
      [0, 1, 1],
      [0, WALL, 1],
      [0, OTHER, 1],
      [0, 3, 3, 1],
    ];
    const words = 16 + 4;
    const unigram = (6 + 1) / words;
    const chance = 1 - (1 - unigram) ** 2;
    const expected = Math.exp(-(Math.log(3 / (5 + CONTEXT_PRIOR)) - Math.log(chance)) / 2);
    expect(cohesionOf(sequences, [0, 1], 1)).to.be.closeTo(expected, 1e-12);
  });

  it('counts occurrences by their first and last word, those inside once', () => {
    // 0 .. 1 .. 2: the two 1s make two occurrences of (0, 1) with other ends, and one of (0, 1, 2).
    const sequence = [0, 1, 1, 2];
    const unigram = (count: number) => 1 - (1 - (count + 1) / 8) ** 3;
    const sum = Math.log(1 / (1 + CONTEXT_PRIOR) / unigram(2)) + Math.log(2 / (2 + CONTEXT_PRIOR) / unigram(1));
    expect(cohesionOf([sequence], [0, 1, 2], 2)).to.be.closeTo(Math.exp(-sum / 3), 1e-12);
  });

  it('is that of contiguous phrases where no gap is allowed', () => {
    const word = fc.constantFrom('a', 'b', 'c', '.');
    fc.assert(
      fc.property(
        fc.array(fc.array(word, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(2), { minLength: 2, maxLength: 4 }),
        (texts, pattern) => {
          const corpus = toyCorpus(texts.map((words) => words.join(' ')));
          const phrase = Int32Array.from(
            pattern.map((word) => corpus.lexicon.words.findIndex(({ text }) => text === 'abc'[word])),
          );
          if (phrase.includes(-1)) return;
          const sequences = Array.from(corpus.rows, (_, text) => {
            const [from, to] = [corpus.starts[text], corpus.starts[text + 1]];
            return corpus.words.subarray(from, to).map((item, i) => (corpus.barrier[from! + i] ? WALL : item));
          });
          const words = corpus.lexicon.words.length;
          const windows = new WindowCohesion(sequences, [phrase], { words, wall: WALL, maxGap: 0 });
          const phrases = [{ words: phrase }];
          const contiguous = new Cohesion(corpus, new PhraseTrie(corpus, phrases)).perplexity(phrases[0]!);
          expect(windows.perplexity(phrase)).to.satisfy(
            (value: number) => value === contiguous || Math.abs(value - contiguous) <= 1e-12 * contiguous,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
