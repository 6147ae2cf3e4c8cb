import { expect } from 'chai';
import fc from 'fast-check';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { trainWordPiece } from '../../lib/model/wordpiece-trainer.js';
import { sharedTexts } from '../helpers/shared.js';

const vocabulary = (json: object) => Object.keys((json as { model: { vocab: Record<string, number> } }).model.vocab);
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The same by counting all pairs anew before each merge. */
function slowTraining(words: readonly string[], size: number, minFrequency: number): string[] {
  const alphabet = [...new Set(words.flatMap((word) => [...word]))].sort();
  const entries = [...SPECIAL, ...alphabet, ...alphabet.map((character) => `##${character}`)];
  const cuts = words.map((word) => [...word].map((character, i) => (i > 0 ? `##${character}` : character)));
  while (entries.length < size) {
    const counts = new Map<string, number>();
    for (const cut of cuts)
      for (let i = 1; i < cut.length; i++) {
        const pair = `${cut[i - 1]!} ${cut[i]!}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    const order = [...counts].sort(([a, m], [b, n]) => {
      const [x, y] = [a.split(' '), b.split(' ')] as [[string, string], [string, string]];
      return n - m || (x[0] !== y[0] ? (x[0] < y[0] ? -1 : 1) : x[1] < y[1] ? -1 : 1);
    });
    const best = order[0];
    if (!best || best[1] < minFrequency) break;
    const [left, right] = best[0].split(' ') as [string, string];
    const merged = left + right.slice(2);
    if (!entries.includes(merged)) entries.push(merged);
    for (const cut of cuts)
      for (let i = 1; i < cut.length; i++) if (cut[i - 1] === left && cut[i] === right) cut.splice(i - 1, 2, merged);
  }
  return entries;
}

describe('tokenizer: WordPiece trainer', () => {
  it('merges what counting anew before each merge gives', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), fc.integer({ min: 11, max: 40 }), (words, size) => {
        const entries = vocabulary(trainWordPiece([words.join(' ')], { vocabularySize: size }));
        expect(entries).to.deep.equal(slowTraining(words, size, 2));
      }),
      { numRuns: 500 },
    );
  });

  it('writes a whole tokenizer.json', async () => {
    const json = trainWordPiece(['Hello world, hello worlds!', 'the world'], { vocabularySize: 60, minFrequency: 1 });
    expect(vocabulary(json).slice(0, 5)).to.deep.equal(SPECIAL);
    const tokenizer = Tokenizer.fromJson(json);
    expect(tokenizer.special).to.deep.equal({ padding: 0, unknown: 1, classifier: 2, separator: 3, mask: 4 });
    const [encoding] = await tokenizer.encode(['HELLO wörld, ☃'], { maxLength: 16 });
    const entries = vocabulary(json);
    expect([...encoding!.ids].map((id) => entries[id])).to.deep.equal([
      '[CLS]',
      'hello',
      'world',
      ',',
      '[UNK]',
      '[SEP]',
    ]);
    const cased = Tokenizer.fromJson(trainWordPiece(['Hello hello'], { vocabularySize: 40, lowercase: false }));
    expect(cased.normalize(' Hé\u00a0 x ')).to.equal('Hé x');
  });

  it('knows the most frequent characters only, and every word of them', async () => {
    const json = trainWordPiece(['aaa bbb c'], { vocabularySize: 100, alphabetSize: 2 });
    const tokenizer = Tokenizer.fromJson(json);
    const [known, unknown] = await tokenizer.encode(['abba', 'c'], { maxLength: 16 });
    expect([...known!.ids]).not.to.include(tokenizer.special.unknown);
    expect([...unknown!.ids]).to.deep.equal([2, 1, 3]);
  });

  it('keeps within the size, and takes texts without any word', () => {
    for (const size of [7, 8, 20])
      expect(
        vocabulary(trainWordPiece(['the cat sat on the mat, the end'], { vocabularySize: size })).length,
      ).to.be.at.most(size);
    expect(vocabulary(trainWordPiece(['', ' ', '\u0301'], { vocabularySize: 50 }))).to.deep.equal(SPECIAL);
    for (const options of [{ vocabularySize: 6 }, { vocabularySize: 9.5 }, { vocabularySize: 50, minFrequency: 0 }])
      expect(() => trainWordPiece([], options))
        .to.throw(/expected an integer/)
        .with.property('code', 'E_ARGUMENT');
  });

  it('cuts real texts into few pieces', async function () {
    const texts = sharedTexts(this, 'scierc', 'train');
    const options = { vocabularySize: 4000 };
    const json = trainWordPiece(texts, options);
    expect(vocabulary(json)).to.have.length(4000);
    expect(trainWordPiece(texts.toReversed(), options)).to.deep.equal(json);
    const tokenizer = Tokenizer.fromJson(json);
    const pieces = (await tokenizer.encodeForMining(texts)).reduce((sum, { ids }) => sum + ids.length, 0);
    const words = texts.reduce((sum, text) => sum + tokenizer.words(text).length, 0);
    expect(pieces / words).to.be.lessThan(1.15);
  });
});
