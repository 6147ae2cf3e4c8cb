import { expect } from 'chai';
import fc from 'fast-check';
import { bertPreTokenizer, Tokenizer as Library } from 'tokenizers';
import { countPhrases, cutWord, phrasePattern } from '../../lib/model/phrases.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { hostileText as text } from '../helpers/hostile-text.js';
import { frequentPhrases, oracleIds } from '../helpers/phrase-oracle.js';
import { sharedPath, sharedTexts } from '../helpers/shared.js';
import { smallTokenizer } from '../helpers/small-tokenizer.js';

/** Ids of whole texts without special tokens. */
async function idsOf(tokenizer: Tokenizer, texts: readonly string[]): Promise<number[][]> {
  const encodings = await tokenizer.encode(texts, { maxLength: 4096 });
  return encodings.map(({ ids }) => [...ids].slice(1, -1));
}

describe('tokenizer: phrases', () => {
  const base = smallTokenizer();

  it('merges by the longest phrase between word boundaries, whatever the phrases hold', async () => {
    let merged = 0;
    for (const lowercase of [true, false]) {
      const plain = smallTokenizer({ lowercase });
      await fc.assert(
        fc.asyncProperty(
          fc.array(text(4), { maxLength: 12 }),
          fc.array(text(24), { minLength: 1, maxLength: 4 }),
          async (list, texts) => {
            let grown = plain;
            for (const phrase of list) {
              try {
                if (plain.words(phrase).length > 1) grown = grown.withPhrases([phrase]);
              } catch (error) {
                expect(error).to.have.property('code', 'E_ARGUMENT');
              }
            }
            const all = [...texts, list.join(' '), list.join('')];
            const ids = await idsOf(grown, all);
            expect(ids).to.deep.equal(await oracleIds(plain, grown, all));
            merged += ids.flat().filter((id) => id >= plain.vocabularySize).length;
            expect(Tokenizer.fromJson(JSON.parse(JSON.stringify(grown.json))).phrases).to.deep.equal(grown.phrases);
          },
        ),
        { numRuns: 250 },
      );
    }
    expect(merged).to.be.greaterThan(300);
  });

  it('finds each of many characters at one place, whatever they mean in a regular expression', async () => {
    const ascii = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i));
    const alphabet = [...ascii, ...'中文字¡’–…αßÅ\u0301\u064b𝔸😀\u{20000}'];
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...alphabet), { minLength: 9, maxLength: 90 }),
        fc.constantFrom('a', 'a b'),
        async (inner, stem) => {
          const list = inner.flatMap((c) => [`${stem}${c}b`, `${stem}${c}b c`]);
          const normal = [...new Set(list.map((phrase) => base.normalize(phrase)))];
          const grown = base.withPhrases(normal.filter((phrase) => base.words(phrase).length > 1));
          const texts = alphabet.map((c) => `a a${c}b c ${stem}${c}b c ${stem}${c}bc ${stem}${c} b.`);
          expect(await idsOf(grown, texts)).to.deep.equal(await oracleIds(base, grown, texts));
          expect(countPhrases(phrasePattern(grown.phrases))).to.equal(grown.phrases.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('backs off to shorter phrases and never matches within words', async () => {
    const grown = base.withPhrases(['named entity recognition', 'named entity', 'entity linking', 'a b c', 'b c']);
    const names = async (text: string) =>
      (await idsOf(grown, [text]))[0]!
        .filter((id) => id >= base.vocabularySize)
        .map((id) => grown.phrases[id - base.vocabularySize]);
    expect(await names('Named  Entity recognitions')).to.deep.equal(['named entity']);
    expect(await names('named\tentity\u00a0recognition.')).to.deep.equal(['named entity recognition']);
    expect(await names('named entity linking')).to.deep.equal(['named entity']);
    expect(await names('unnamed entity linking')).to.deep.equal(['entity linking']);
    expect(await names('named entity-linking, (named entity)')).to.deep.equal(['named entity', 'named entity']);
    expect(await names('a b a b c')).to.deep.equal(['a b c']);
  });

  it('gives the pieces that the base tokenizer cuts a phrase into', async () => {
    const phrases = [
      'named entity',
      'phosphorylation of the receptor',
      'café naïve',
      "don't know",
      '中文',
      'card 😀 x',
    ];
    const grown = base.withPhrases(phrases);
    const expected = await base.encodeForMining(phrases);
    expect(grown.pieces).to.deep.equal(expected.map(({ ids }) => ids));
    expect(grown.vocabularySize).to.equal(base.vocabularySize + phrases.length);
    expect(grown.baseVocabularySize).to.equal(base.vocabularySize);
    const again = grown.withPhrases(['linked to']);
    expect(again.phrases).to.deep.equal([...grown.phrases, 'linked to']);
    expect(again.baseVocabularySize).to.equal(base.vocabularySize);
    expect(base.withPhrases([])).to.equal(base);
  });

  it('counts base tokens of the text that survives the cut', async () => {
    const grown = base.withPhrases(['phosphorylation of the receptor', 'named entity']);
    const text = 'the phosphorylation of the receptor, named entity, and more of the named entity';
    for (let maxLength = 3; maxLength < 20; maxLength++) {
      const [encoding] = await grown.encode([text], { maxLength });
      const surviving = text.slice(0, encoding!.offsets[2 * (encoding!.ids.length - 2) + 1]);
      const [plain] = await base.encodeForMining([surviving]);
      expect(encoding!.baseTokens).to.equal(plain!.ids.length + 2);
      expect(encoding!.ids.length).to.be.at.most(maxLength);
    }
  });

  it('single words are also the beginning of longer words, and base tokens are counted from the text', async () => {
    const grown = base.withPhrases(['phosphorylat']);
    const texts = ['phosphorylation', 'phosphorylations of it', 'Phosphorylat'];
    const { vocab } = (grown.json as { model: { vocab: Record<string, number> } }).model;
    const vocabulary = new Map(Object.entries(vocab));
    const wordPieces = { ids: vocabulary, unknown: base.special.unknown, continuation: '##', maxWord: 100 };
    const ids = await idsOf(grown, texts);
    expect(ids).to.deep.equal(texts.map((t) => base.words(t).flatMap((word) => cutWord(word, wordPieces))));
    expect(ids.map((row) => row[0])).to.deep.equal(new Array(3).fill(base.vocabularySize));
    const encodings = await grown.encode(texts, { maxLength: 64 });
    const plain = await base.encode(texts, { maxLength: 64 });
    expect(encodings.map((e) => e.baseTokens)).to.deep.equal(plain.map((e) => e.ids.length));
  });

  it('refuses phrases that could not be matched, and names them', () => {
    for (const phrase of [
      '',
      ' ',
      '\u0301',
      '(a',
      'a b)',
      '-based on',
      'a [SEP] b',
      'a',
      'the',
      '😀',
      'a b '.repeat(26),
    ])
      expect(() => base.withPhrases([phrase]), JSON.stringify(phrase))
        .to.throw(/^phrase ".*": expected/)
        .with.property('code', 'E_ARGUMENT');
    expect(() => base.withPhrases(['named entity', 'Named  entity'])).to.throw(/there already/);
    expect(() => base.withPhrases(['named entity']).withPhrases(['NAMED ENTITY'])).to.throw(/there already/);
    // 100 characters fit.
    expect(base.withPhrases([`${'a b '.repeat(24)}a bc`]).phrases[0]).to.have.length(100);
  });

  it('the pattern means the same to JavaScript, counts its phrases, and does not depend on their order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(text(4), { minLength: 1, maxLength: 8 }), text(24), (list, subject) => {
        const phrases = list.map((phrase) => base.normalize(phrase)).filter((phrase) => /^\w.*\w$/s.test(phrase));
        const distinct = [...new Set(phrases)];
        const pattern = phrasePattern(distinct);
        expect(countPhrases(pattern)).to.equal(distinct.length);
        expect(phrasePattern(distinct.toReversed())).to.equal(pattern);
        if (distinct.length === 0) return;
        const normal = base.normalize(subject);
        const matches = [...normal.matchAll(new RegExp(pattern, 'gu'))].map(([match]) => match);
        const json = {
          ...base.json,
          pre_tokenizer: { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true },
        };
        const library = Library.fromString(JSON.stringify(json)).getPreTokenizer()!;
        expect(library.preTokenizeString(normal).map(([word]) => word)).to.deep.equal(matches);
      }),
      { numRuns: 200 },
    );
  });

  it('splits at the same characters as BertPreTokenizer, but for punctuation that Unicode added after version 8', () => {
    const pattern = phrasePattern(['x y']);
    const json = {
      ...base.json,
      pre_tokenizer: { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true },
    };
    const split = Library.fromString(JSON.stringify(json)).getPreTokenizer()!;
    const bert = bertPreTokenizer();
    const cut = (by: typeof split, text: string) => by.preTokenizeString(text).map(([word]) => word);
    const different: string[] = [];
    for (let code = 0; code < 0x30000; code++) {
      const character = String.fromCodePoint(code);
      // All that could differ, and a sample of the rest.
      if (!/[\p{P}\p{S}\p{Z}\p{C}]/u.test(character) && code % 64 !== 0) continue;
      if ((code >= 0xd800 && code < 0xf900) || /\p{Cn}/u.test(character)) continue;
      const text = `a${character}b`;
      if (cut(split, text).join('\n') !== cut(bert, text).join('\n')) different.push(character);
    }
    expect(different).to.have.length.within(1, 142);
    for (const character of different) expect(character).to.match(/[\p{P}\u166d]/u);
    expect(different.filter((character) => character < '\u0600')).to.deep.equal([]);
  });

  for (const set of ['banking77', 'chemprot', 'citation_intent', 'clinc150_small', 'scierc'])
    it(`merges ${set} exactly`, async function () {
      const plain = await Tokenizer.load(sharedPath(this, 'models/minilm-l6'));
      const texts = sharedTexts(this, set, 'train').slice(0, 400);
      const grown = plain.withPhrases(frequentPhrases(plain, texts, 300));
      const ids = await idsOf(grown, texts);
      expect(ids).to.deep.equal(await oracleIds(plain, grown, texts));
      expect(ids.flat().filter((id) => id >= plain.vocabularySize).length).to.be.greaterThan(300);
    });
});
