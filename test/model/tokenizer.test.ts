import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Tokenizer as Library } from 'tokenizers';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { sharedPath, sharedTexts } from '../helpers/shared.js';
import { smallTokenizer } from '../helpers/small-tokenizer.js';

const base = smallTokenizer();
const library = () => Library.fromString(JSON.stringify(base.json));
const token = (id: number) => library().idToToken(id)!;

const UNPAIRED = /\p{Surrogate}/u;
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      'named ',
      'entity',
      'the ',
      'é',
      'e\u0301',
      '文',
      '😀',
      '\ud83d',
      '𝔸',
      '\0',
      '\u00a0',
      '.',
      '(',
    ),
    maxLength: 40,
  }),
);

describe('tokenizer', () => {
  it('adds special tokens, types, UTF-16 offsets and counts', async () => {
    const [one, two] = await base.encode(['The 😀 entity', ''], { maxLength: 16 });
    expect([...one!.ids].map(token)).to.deep.equal(['[CLS]', 'the', '[UNK]', 'entity', '[SEP]']);
    expect([...one!.offsets]).to.deep.equal([0, 0, 0, 3, 4, 6, 7, 13, 0, 0]);
    expect(one).to.include({ baseTokens: 5, truncated: false });
    expect([...two!.ids]).to.deep.equal([base.special.classifier, base.special.separator]);
    const [pair] = await base.encode(['the'], { maxLength: 16, pairs: ['the entity'] });
    expect([...pair!.ids].map(token)).to.deep.equal(['[CLS]', 'the', '[SEP]', 'the', 'entity', '[SEP]']);
    expect([...pair!.typeIds]).to.deep.equal([0, 0, 0, 1, 1, 1]);
    expect([...pair!.offsets]).to.deep.equal([0, 0, 0, 3, 0, 0, 0, 3, 4, 10, 0, 0]);
  });

  it('offsets slice the surface of each token out of the text', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const { ids, offsets } = (await base.encodeForMining([text]))[0]!;
        ids.forEach((id, i) => {
          const surface = text.slice(offsets[2 * i], offsets[2 * i + 1]);
          expect(surface).not.to.equal('');
          if (id === base.special.unknown) return;
          // A piece may be a part of one character (Hangul is taken apart).
          expect(base.normalize(surface)).to.include(token(id).replace(/^##/, ''));
          if (!UNPAIRED.test(text)) expect(surface).not.to.match(UNPAIRED);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('cuts texts and pairs as the library does', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyText, fc.integer({ min: 4, max: 24 }), async (a, b, maxLength) => {
        const reference = library();
        reference.setTruncation(maxLength);
        const [single] = await base.encode([a], { maxLength });
        expect([...single!.ids]).to.deep.equal((await reference.encode(a)).getIds());
        const [pair] = await base.encode([a], { maxLength, pairs: [b] });
        const whole = (await base.encodeForMining([a, b])).map(({ ids }) => ids.length);
        const expected = await reference.encode(a, b);
        // The library stops reading a text where it fills the limit alone, and then compares what it has read.
        if (Math.min(...whole) < maxLength || maxLength % 2 === 1) {
          expect([...pair!.ids]).to.deep.equal(expected.getIds());
          expect([...pair!.typeIds]).to.deep.equal(expected.getTypeIds());
        }
        expect(pair!.ids.length).to.equal(expected.getLength());
        expect(pair!.truncated).to.equal(whole[0]! + whole[1]! + 3 > maxLength);
        expect(pair!.baseTokens).to.equal(pair!.ids.length);
      }),
      { numRuns: 300 },
    );
  });

  it('gives each text of a list what it gets alone', async () => {
    const texts = Array.from({ length: 600 }, (_, i) => `${'named entity '.repeat(i % 7)}card ${i} 😀 text`);
    const grown = base.withPhrases(['named entity', 'entity card']);
    const all = await grown.encode(texts, { maxLength: 12 });
    for (let i = 0; i < texts.length; i += 37)
      expect(all[i]).to.deep.equal((await grown.encode([texts[i]!], { maxLength: 12 }))[0]);
  });

  it('lets other work run while many texts are encoded', async () => {
    let [ticks, done] = [0, false];
    const tick = () => {
      ticks++;
      if (!done) setImmediate(tick);
    };
    setImmediate(tick);
    await base.encode(new Array<string>(5000).fill('The named entity is linked to a knowledge base.'), {
      maxLength: 64,
    });
    done = true;
    expect(ticks).to.be.greaterThan(10);
  });

  it('takes a time that the maximum length bounds, whatever the text', async () => {
    const grown = base.withPhrases(['named entity', 'a b']);
    for (const unit of ['a', '^', ' ', '\u0301', '😀', '\ud83d', 'a b ', 'named '])
      for (const tokenizer of [base, grown]) {
        let best = Infinity;
        for (let trial = 0; trial < 3; trial++) {
          const started = performance.now();
          const [encoding] = await tokenizer.encode([unit.repeat(1e6)], { maxLength: 128 });
          best = Math.min(best, performance.now() - started);
          expect(encoding!.truncated).to.equal(true);
          expect(encoding!.ids.length).to.be.within(2, 128);
        }
        expect(best, JSON.stringify(unit)).to.be.lessThan(250);
      }
  });

  it('reads long texts of ordinary words to the last token that fits', async () => {
    const text = 'phosphorylation of the named entity, '.repeat(2000);
    const [encoding] = await base.encode([text], { maxLength: 512 });
    const [whole] = await base.encodeForMining([text]);
    expect(encoding!.ids.slice(1, -1)).to.deep.equal(whole!.ids.slice(0, 510));
  });

  it('keeps the meaning of special strings in texts', async () => {
    const grown = base.withPhrases(['named entity']);
    const [encoding] = await grown.encode(['named [SEP] entity named entity'], { maxLength: 64 });
    expect([...encoding!.ids]).to.include(base.special.separator);
    expect([...encoding!.ids].filter((id) => id >= base.vocabularySize)).to.have.length(1);
  });

  it('writes files that load to the same tokenizer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'adaptune-'));
    try {
      const grown = base.withPhrases(['Named  Entity', 'the receptor', 'Café naïve']);
      for (const [name, text] of Object.entries(grown.files(48))) await writeFile(join(folder, name), text);
      const loaded = await Tokenizer.load(folder);
      expect(loaded.json).to.deep.equal(grown.json);
      expect(loaded.phrases).to.deep.equal(['named entity', 'the receptor', 'cafe naive']);
      expect(loaded.pieces).to.deep.equal(grown.pieces);
      expect(loaded.special).to.deep.equal(grown.special);
      expect(loaded.maxLength).to.equal(48);
      expect(loaded.files(48)).to.deep.equal(grown.files(48));
      expect(loaded.json).to.include({ padding: null, truncation: null });
      expect(JSON.parse(grown.files(48)['tokenizer_config.json'])).to.deep.equal({
        tokenizer_class: 'PreTrainedTokenizerFast',
        model_max_length: 48,
        do_lower_case: true,
        unk_token: '[UNK]',
        cls_token: '[CLS]',
        sep_token: '[SEP]',
        pad_token: '[PAD]',
        mask_token: '[MASK]',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names no special tokens in its files that are no entries', () => {
    const tokenizer = Tokenizer.fromJson(base.json, { pad_token: '<pad>', mask_token: { content: 'the' } });
    expect(tokenizer.special).to.include({ padding: null, mask: library().tokenToId('the') });
    const config = JSON.parse(tokenizer.files(9)['tokenizer_config.json']) as object;
    expect(config).to.include({ mask_token: 'the' }).and.not.to.have.property('pad_token');
  });

  it('names what is missing or wrong', async () => {
    const refused = async (work: Promise<unknown>, code: string, message: RegExp) => {
      const error = await work.then(
        () => null,
        (e: unknown) => e,
      );
      expect(error).to.be.an('error').with.property('code', code);
      expect((error as Error).message).to.match(message);
    };
    await refused(Tokenizer.load(join(tmpdir(), 'adaptune-nothing')), 'E_TOKENIZER', /tokenizer\.json: expected/);
    for (const maxLength of [2, 3.5, NaN]) await refused(base.encode(['a'], { maxLength }), 'E_ARGUMENT', /maxLength/);
    await refused(base.encode(['a'], { maxLength: 9, pairs: [] }), 'E_ARGUMENT', /pairs: expected 1/);
  });

  it('drops the padding and truncation of a file', async function () {
    const tokenizer = await Tokenizer.load(sharedPath(this, 'models/minilm-l6'));
    const lengths = (await tokenizer.encode(['word '.repeat(298), 'word'], { maxLength: 512 })).map(
      (e) => e.ids.length,
    );
    expect(lengths).to.deep.equal([300, 3]);
    expect(tokenizer).to.include({ vocabularySize: 30522, baseVocabularySize: 30522, maxLength: 512 });
    expect(tokenizer.special).to.deep.equal({ unknown: 100, classifier: 101, separator: 102, padding: 0, mask: 103 });
  });

  it('mines whole words with their pieces', async function () {
    const tokenizer = await Tokenizer.load(sharedPath(this, 'models/minilm-l6'));
    const texts = sharedTexts(this, 'scierc', 'train').slice(0, 200);
    const encodings = await tokenizer.encodeForMining(texts);
    encodings.forEach(({ ids, word, offsets }, t) => {
      const words = tokenizer.words(texts[t]!);
      expect(word.at(-1)).to.equal(words.length - 1);
      expect(offsets.length).to.equal(2 * ids.length);
      words.forEach((expected, w) => {
        const first = word.indexOf(w);
        const surface = texts[t]!.slice(offsets[2 * first], offsets[2 * word.lastIndexOf(w) + 1]);
        expect(tokenizer.normalize(surface)).to.equal(expected);
      });
    });
  });
});
