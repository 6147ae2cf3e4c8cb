import { expect } from 'chai';
import fc from 'fast-check';
import { checkTokenizer } from '../../lib/model/tokenizer-check.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { smallTokenizer } from '../helpers/small-tokenizer.js';

// Tests reach into files by any path.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

const base = smallTokenizer();
const grown = base.withPhrases(['named entity', 'the receptor']);
/** A copy of a tokenizer.json with one change. */
function changed(from: Tokenizer, change: (json: Json) => void): unknown {
  const json: Json = JSON.parse(JSON.stringify(from.json));
  change(json);
  return json;
}
const set = (path: string, value: unknown) => (json: Json) => {
  const keys = path.split('.');
  const last = keys.pop()!;
  let at: Json = json;
  for (const key of keys) at = at[key];
  at[last] = value;
};
const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true });

describe('tokenizer: check of the file', () => {
  const refused: [string, Tokenizer, (json: Json) => void, RegExp][] = [
    [
      'another model',
      base,
      set('model', { type: 'BPE', vocab: {}, merges: [] }),
      /model: expected WordPiece, came "BPE"/,
    ],
    ['no model', base, set('model', null), /model: expected WordPiece, came null/],
    ['no vocabulary', base, set('model.vocab', []), /model: .*vocab/],
    ['an empty vocabulary', base, set('model.vocab', {}), /model\.vocab: expected 1 to/],
    ['an id beyond the vocabulary', base, set('model.vocab.the', 1000), /ids 0 to \d+, came 1000 for "the"/],
    ['a negative id', base, set('model.vocab.the', -1), /came -1/],
    ['an id that is no integer', base, set('model.vocab.the', 1.5), /came 1\.5/],
    ['two entries of one id', base, set('model.vocab.the', 7), /one entry for id 7/],
    ['an unknown token that is no entry', base, set('model.unk_token', '<unk>'), /model\.unk_token/],
    ['an unknown key of the model', base, set('model.dropout', 0.1), /model: .*dropout/],
    ['a word limit of millions', base, set('model.max_input_chars_per_word', 1e7), /max_input_chars_per_word/],
    [
      'another normalizer',
      base,
      set('normalizer', { type: 'NFKC' }),
      /normalizer: expected BertNormalizer.*came "NFKC"/,
    ],
    [
      'a regular expression in the normalizer',
      base,
      set('normalizer', { type: 'Replace', pattern: { Regex: '(a+)+' }, content: '' }),
      /normalizer/,
    ],
    ['no normalizer', base, set('normalizer', null), /normalizer/],
    ['another pre-tokenizer', base, set('pre_tokenizer', { type: 'ByteLevel' }), /pre_tokenizer: .*came "ByteLevel"/],
    [
      'a regular expression that explodes',
      base,
      set('pre_tokenizer', split('(a+)+$')),
      /tokenizer\.json: expected both/,
    ],
    ['the same in a grown file', grown, set('pre_tokenizer.pattern.Regex', '(a+)+$'), /pattern that adaptune writes/],
    [
      'a pattern of other phrases',
      grown,
      (json) =>
        set('pre_tokenizer.pattern.Regex', json['pre_tokenizer']['pattern']['Regex'].replace('named', 'nomed'))(json),
      /pattern that adaptune writes/,
    ],
    [
      'a phrase missing in the pattern',
      grown,
      set(
        'pre_tokenizer.pattern.Regex',
        (base.withPhrases(['named entity']).json as Json)['pre_tokenizer']['pattern']['Regex'],
      ),
      /pattern that adaptune writes/,
    ],
    ['the pattern without the normalizer', grown, set('normalizer', (base.json as Json)['normalizer']), /or neither/],
    ['another template', base, (json) => json['post_processor']['single'].pop(), /post_processor/],
    [
      'a template with other ids',
      base,
      set('post_processor.special_tokens.[SEP].ids', [9]),
      /post_processor: .*"\[SEP\]"/,
    ],
    ['a template of tokens that are not there', base, set('post_processor.special_tokens', {}), /post_processor/],
    ['no post-processor', base, set('post_processor', null), /post_processor/],
    ['an added token outside the vocabulary', base, set('added_tokens.0.id', 1000), /added_tokens/],
    ['an added token of another text', base, set('added_tokens.0.content', 'zzz'), /added_tokens/],
    ['an added token that is normalized', base, set('added_tokens.0.normalized', true), /added_tokens/],
  ];
  for (const [what, from, change, message] of refused)
    it(`refuses ${what}`, () => {
      expect(() => Tokenizer.fromJson(changed(from, change)))
        .to.throw(message)
        .with.property('code', 'E_TOKENIZER');
    });

  it('refuses what is no object', () => {
    for (const json of [null, [], 'x', 3, undefined])
      expect(() => Tokenizer.fromJson(json))
        .to.throw(/^tokenizer\.json/)
        .with.property('code', 'E_TOKENIZER');
    expect(() => Tokenizer.fromJson(base.json, null)).to.throw(/tokenizer_config\.json/);
  });

  it('takes the forms that BERT files come in', async () => {
    const [expected] = await base.encode(['The named entity'], { maxLength: 9 });
    const { cls, sep } = { cls: base.special.classifier, sep: base.special.separator };
    for (const change of [
      set('post_processor', { type: 'BertProcessing', sep: ['[SEP]', sep], cls: ['[CLS]', cls] }),
      set('decoder', null),
      set('padding', { strategy: { Fixed: 128 }, pad_id: 0 }),
      set('truncation', { max_length: 2, strategy: 'LongestFirst', stride: 0 }),
      (json: Json) => delete json['model']['type'],
    ]) {
      const tokenizer = Tokenizer.fromJson(changed(base, change));
      expect((await tokenizer.encode(['The named entity'], { maxLength: 9 }))[0]).to.deep.equal(expected);
      expect(tokenizer.json).to.deep.equal(base.json);
    }
  });

  it('keeps entries that are names of object properties', async () => {
    const words = ['__proto__', 'constructor', '10', 'toString'];
    const json = changed(base, (j) => {
      const vocabulary = Object.entries(j['model']['vocab'] as Record<string, number>);
      words.forEach((word) => vocabulary.push([word, vocabulary.length]));
      j['model']['vocab'] = Object.fromEntries(vocabulary);
    });
    const tokenizer = Tokenizer.fromJson(json);
    const [encoding] = await tokenizer.encode(['constructor 10'], { maxLength: 9 });
    expect([...encoding!.ids].slice(1, -1)).to.deep.equal([base.vocabularySize + 1, base.vocabularySize + 2]);
    expect(JSON.stringify(tokenizer.json)).to.include(`"__proto__":${base.vocabularySize}`);
  });

  it('damaged files are refused or give ids of the vocabulary', async () => {
    const leaves: string[][] = [];
    const walk = (value: unknown, path: string[]) => {
      leaves.push(path);
      if (typeof value === 'object' && value !== null && path.at(-1) !== 'vocab')
        for (const [key, child] of Object.entries(value)) walk(child, [...path, key]);
    };
    walk(grown.json, []);
    leaves.shift();
    for (const word of ['the', '[CLS]', '##a', 'named entity']) leaves.push(['model', 'vocab', word]);
    const numbers = [null, true, false, -1, 0, 1, 2 ** 31, 2 ** 53, 1e308, 0.5];
    const strings = ['', 'A', 'a', '##', '[SEP]', '[PAD]', '\ud800', ' ', '(a+)+$', 'Regex', 'Isolated', 'Sequence'];
    const values = fc.constantFrom<unknown>(...numbers, ...strings, [], {}, [[]], ['[SEP]', 3], undefined);
    // Another value, or the value that stands elsewhere.
    const edit = fc.tuple(fc.constantFrom(...leaves), fc.oneof(values, fc.constantFrom(...leaves)));
    const lookUp = (json: Json, path: readonly string[]): Json => path.reduce((at, key) => at[key], json);
    let [loaded, refusals] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 2 }), async (edits) => {
        const json = changed(grown, (j) => {
          for (const [path, value] of edits)
            try {
              const copied = leaves.includes(value as string[]) ? lookUp(j, value as string[]) : value;
              lookUp(j, path.slice(0, -1))[path.at(-1)!] = copied;
            } catch {
              // An earlier edit took the place away.
            }
        });
        let tokenizer: Tokenizer;
        try {
          tokenizer = Tokenizer.fromJson(json);
        } catch (error) {
          expect(error).to.have.property('code', 'E_TOKENIZER');
          refusals++;
          return;
        }
        loaded++;
        const texts = ['The named entity [SEP] 😀', 'aaaa', '', '\ud800 [PAD] the receptor'];
        for (const { ids } of await tokenizer.encode(texts, { maxLength: 12 }))
          for (const id of ids) expect(id).to.be.within(0, tokenizer.vocabularySize - 1);
      }),
      { numRuns: 600 },
    );
    expect(loaded).to.be.greaterThan(5);
    expect(refusals).to.be.greaterThan(20);
  });

  it('gives the parts of a grown file', () => {
    const parts = checkTokenizer(grown.json);
    expect(parts).to.include({ baseSize: base.vocabularySize, unknown: '[UNK]', maxWord: 100, continuation: '##' });
    expect(parts.entries.slice(parts.baseSize)).to.deep.equal(['named entity', 'the receptor']);
  });
});
