import { expect } from 'chai';
import fc from 'fast-check';
import type { GappedRules } from '../../lib/model/gapped.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { hostileText } from '../helpers/hostile-text.js';
import { smallTokenizer } from '../helpers/small-tokenizer.js';

const base = smallTokenizer();
const rules = (patterns: string[][], more: Partial<GappedRules> = {}): GappedRules => ({
  mode: 'first',
  maxGap: 2,
  protect: ['<<', '>>'],
  patterns,
  ...more,
});

/** What each token of a text is, and the text that it reaches over. */
async function tokens(tokenizer: Tokenizer, text: string): Promise<[string, string][]> {
  const { ids, offsets } = (await tokenizer.encode([text], { maxLength: 256 }))[0]!;
  const size = tokenizer.baseVocabularySize;
  const names = [...tokenizer.phrases, ...(tokenizer.gapped?.names ?? [])];
  const entries = Object.keys((base.json as { model: { vocab: Record<string, number> } }).model.vocab);
  return Array.from(ids, (id, i): [string, string] => [
    id < size ? entries[id]! : names[id - size]!,
    text.slice(offsets[2 * i], offsets[2 * i + 1]),
  ]).slice(1, -1);
}
const names = async (tokenizer: Tokenizer, text: string) => (await tokens(tokenizer, text)).map(([name]) => name);

describe('gapped patterns', () => {
  const grown = base.withGapped(
    rules([
      ['named', 'entity'],
      ['payment', 'charged', 'twice'],
      ['why', 'payment'],
    ]),
  );
  const plain = async (text: string) => names(base, text);

  it('stand for their words at the first of them, the words of gaps stay', async () => {
    expect(await names(grown, 'the named a entity')).to.deep.equal(['the', 'named … entity', 'a']);
    expect(await names(grown, 'the named entity')).to.deep.equal(['the', 'named … entity']);
    expect(await names(grown, 'the named a a a entity')).to.deep.equal(await plain('the named a a a entity'));
    expect(await names(grown, 'named << entity')).to.deep.equal(await plain('named << entity'));
    expect(await names(grown, 'named, entity')).to.deep.equal(await plain('named, entity'));
    expect(await names(grown, 'Named a [SEP] ENTITY')).to.deep.equal(await plain('Named a [SEP] ENTITY'));
    expect(await names(grown, 'why the payment charged twice')).to.deep.equal([
      'why … payment',
      'the',
      ...(await plain('charged twice')),
    ]);
    expect(await names(grown, 'a payment was charged twice')).to.deep.equal([
      'a',
      'payment … charged … twice',
      ...(await plain('was')),
    ]);
  });

  it('are put before their words, which stay, with insert', async () => {
    const inserted = base.withGapped(rules([['named', 'entity']], { mode: 'insert' }));
    const text = 'the named a entity, named';
    const [the, ...rest] = await plain(text);
    expect(await names(inserted, text)).to.deep.equal([the, 'named … entity', ...rest]);
    const [encoding] = await inserted.encode([text], { maxLength: 64 });
    const [before] = await base.encode([text], { maxLength: 64 });
    expect(encoding!.ids).to.have.length(before!.ids.length + 1);
    expect(encoding!.baseTokens).to.equal(before!.ids.length);
  });

  it('reach from the first word to the last, in UTF-16 units of the text', async () => {
    const text = '😀 The  NAMED\u00a0big entity — 😀';
    const all = await tokens(grown, text);
    expect(all.find(([name]) => name === 'named … entity')![1]).to.equal('NAMED\u00a0big entity');
    expect(all.map(([, surface]) => surface)).to.include.members(['The', '—']);
  });

  it('come after phrases: words of a phrase are members of none, and count one by one', async () => {
    const both = base.withPhrases(['knowledge base', 'finds the names']).withGapped(
      rules(
        [
          ['named', 'knowledge'],
          ['named', 'text'],
        ],
        { maxGap: 3 },
      ),
    );
    expect(both.pieces).to.have.length(4);
    expect(both.vocabularySize).to.equal(base.vocabularySize + 4);
    expect(await names(both, 'named knowledge base')).to.deep.equal([...(await plain('named')), 'knowledge base']);
    expect((await names(both, 'named finds the names text')).slice(0, 2)).to.deep.equal([
      'named … text',
      'finds the names',
    ]);
    expect(await names(both, 'named finds the names a text')).to.not.include('named … text');
  });

  it('give the pieces of their words, and count for them', async () => {
    const [a, b] = await base.encodeForMining(['named entity', 'payment charged twice']);
    expect(grown.pieces.slice(0, 2)).to.deep.equal([a!.ids, b!.ids]);
    const texts = ['named a entity', 'the payment was charged twice, twice', 'payment, why'];
    const encoded = await grown.encode(texts, { maxLength: 64 });
    const before = await base.encode(texts, { maxLength: 64 });
    expect(encoded.map(({ baseTokens }) => baseTokens)).to.deep.equal(before.map(({ ids }) => ids.length));
    // Words behind the cut count where a token before it stands for them.
    const [cut] = await grown.encode(['named a entity'], { maxLength: 3 });
    expect([...cut!.ids].slice(1, -1)).to.deep.equal([base.vocabularySize]);
    expect(cut!.baseTokens).to.equal(2 + a!.ids.length);
    expect(cut!.truncated).to.equal(true);
  });

  it('keep to their own text of a pair', async () => {
    const [encoding] = await grown.encode(['a named'], { maxLength: 64, pairs: ['entity a named a entity'] });
    const ids = [...encoding!.ids];
    expect(ids.filter((id) => id === base.vocabularySize)).to.have.length(1);
    expect(encoding!.typeIds[ids.indexOf(base.vocabularySize)]).to.equal(1);
  });

  it('go with single words as phrases', async () => {
    const single = base.withPhrases(['phosphorylat']).withGapped(
      rules([
        ['phosphorylat', 'receptor'],
        ['phosphorylation', 'binding'],
      ]),
    );
    const texts = ['phosphorylat the receptor', 'Phosphorylation of the binding', 'phosphorylations the receptor'];
    expect((await names(single, texts[0]!))[0]).to.equal('phosphorylat … receptor');
    expect((await names(single, texts[1]!))[0]).to.equal('phosphorylation … binding');
    expect((await names(single, texts[2]!))[0]).to.equal('phosphorylat');
    const before = await base.encode(texts, { maxLength: 64 });
    const after = await single.encode(texts, { maxLength: 64 });
    expect(after.map(({ baseTokens }) => baseTokens)).to.deep.equal(before.map(({ ids }) => ids.length));
  });

  it('are written to a file of their own, and come back from it', async () => {
    const files = grown.files(32);
    expect(Object.keys(files)).to.deep.equal(['tokenizer.json', 'tokenizer_config.json', 'gapped.json']);
    expect(files['tokenizer.json']).to.equal(base.files(32)['tokenizer.json']);
    expect(base.files(32)).to.not.have.property('gapped.json');
    const [json, config, gapped] = Object.values(files).map((text) => JSON.parse(text as string) as object);
    const again = Tokenizer.fromJson(json, config, gapped);
    expect(again.gapped!.rules).to.deep.equal(grown.gapped!.rules);
    expect(again.files(32)).to.deep.equal(files);
    const texts = ['why the named payment entity was charged twice'];
    expect(await again.encode(texts, { maxLength: 32 })).to.deep.equal(await grown.encode(texts, { maxLength: 32 }));
  });

  it('are refused in a file that is not as it is written', () => {
    const whole = JSON.parse(grown.files(32)['gapped.json']!) as Record<string, unknown>;
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ firstId: 3 }, /firstId: expected \d+, the entries of tokenizer.json, came 3/],
      [{ mode: 'last' }, /mode/],
      [{ maxGap: 0 }, /maxGap/],
      [{ maxGap: 33 }, /maxGap/],
      [{ protect: [''] }, /protect/],
      [{ patterns: [] }, /patterns/],
      [{ patterns: [['named']] }, /patterns/],
      [{ patterns: [['named', 'Entity']] }, /"named … Entity": expected words that the tokenizer knows/],
      [
        {
          patterns: [
            ['named', 'entity'],
            ['named', 'entity'],
          ],
        },
        /twice/,
      ],
      [{ patterns: [['named', '.']] }, /named … \./],
      [{ patterns: [['named', 'a b']] }, /came "a b"/],
      [{ patterns: [['named', '']] }, /came ""/],
      [{ patterns: [['named', '[SEP]']] }, /SEP/],
      [{ patterns: [['named', '鑫']] }, /鑫/],
      [{ more: 1 }, /more/],
      [{ version: 2 }, /version/],
    ];
    for (const [change, message] of wrong) {
      const read = () => Tokenizer.fromJson(base.json, {}, { ...whole, ...change });
      expect(read, JSON.stringify(change)).to.throw(message).with.property('code', 'E_TOKENIZER');
    }
    for (const value of [[], 3, 'x', {}])
      expect(() => Tokenizer.fromJson(base.json, {}, value))
        .to.throw(/^gapped.json: /)
        .with.property('code', 'E_TOKENIZER');
  });

  it('are the last tokens that a tokenizer takes', () => {
    expect(() => grown.withPhrases(['linked to']))
      .to.throw(/no more tokens/)
      .with.property('code', 'E_ARGUMENT');
    expect(() => grown.withGapped(rules([['a', 'the']]))).to.throw(/no more tokens/);
    expect(() => base.withGapped(rules([['named', 'x y']])))
      .to.throw(/x y/)
      .with.property('code', 'E_ARGUMENT');
    expect(grown.withPhrases([])).to.equal(grown);
    expect(base.withGapped(rules([]))).to.equal(base);
  });

  it('change nothing when applied again, keep the order of texts, and cover every word', async () => {
    const vocabulary = ['named', 'entity', 'a', 'b', 'aa', '中', 'ß', '12', 'finds', 'receptor', 'payment'].map(
      (word) => base.normalize(word),
    );
    const word = fc.constantFrom(...vocabulary.filter((one) => base.cutWord(one) !== null));
    let found = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.array(word, { minLength: 2, maxLength: 3 }), {
          minLength: 1,
          maxLength: 8,
          selector: String,
        }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('first' as const, 'insert' as const),
        fc.array(
          fc.oneof(
            fc.array(word, { maxLength: 16 }).map((words) => words.join(' ')),
            hostileText(16),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        async (patterns, maxGap, mode, texts) => {
          const phrased = base.withPhrases(['a b', 'named finds']);
          const tokenizer = phrased.withGapped(rules(patterns, { maxGap, mode }));
          const first = phrased.vocabularySize;
          const encoded = await tokenizer.encode(texts, { maxLength: 512 });
          const before = await phrased.encode(texts, { maxLength: 512 });
          encoded.forEach(({ ids, offsets, baseTokens }, i) => {
            const old = before[i]!;
            expect(baseTokens).to.equal(old.baseTokens);
            const gapped = [...ids].filter((id) => id >= first);
            found += gapped.length;
            // Nothing but members goes, and what stays is in its order, with its offsets.
            const spans = (list: Int32Array, of: Int32Array, keep: (id: number) => boolean) =>
              [...list].flatMap((id, t) => (keep(id) ? [`${id} ${of[2 * t]} ${of[2 * t + 1]}`] : []));
            const kept = spans(ids, offsets, (id) => id < first);
            const all = spans(old.ids, old.offsets, () => true);
            if (mode === 'insert') expect(kept).to.deep.equal(all);
            let at = 0;
            for (const one of all) if (one === kept[at]) at++;
            expect(at).to.equal(kept.length);
            // Starts ascend, and every token of before lies within one of now.
            for (let t = 2; t < ids.length - 1; t++) expect(offsets[2 * t]).to.be.at.least(offsets[2 * t - 2]!);
            for (let t = 1; t < old.ids.length - 1; t++) {
              const inside = ids.findIndex(
                (_, k) => offsets[2 * k]! <= old.offsets[2 * t]! && offsets[2 * k + 1]! >= old.offsets[2 * t + 1]!,
              );
              expect(inside).to.be.at.least(1);
            }
          });
          const units = await phrased.encodeUnits(texts, []);
          units.forEach(({ ids, offsets, begin, place }, i) => {
            const places = new Int32Array(ids.length);
            place.forEach((of, unit) => places.fill(of, begin[unit], begin[unit + 1]));
            const once = tokenizer.gapped!.apply({ text: texts[i]!, ids, offsets, places });
            expect([...once.ids]).to.deep.equal([...encoded[i]!.ids].slice(1, -1));
            if (mode === 'first') expect(tokenizer.gapped!.apply(once)).to.deep.equal(once);
          });
        },
      ),
      { numRuns: 300 },
    );
    expect(found).to.be.greaterThan(50);
  });
});
