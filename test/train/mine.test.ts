import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { trainWordPiece } from '../../lib/model/wordpiece-trainer.js';
import { type MinedToken, mineTokens, type MineTokensInput, type TokenOptions } from '../../lib/train/mine.js';
import { sharedPath, sharedTexts } from '../helpers/shared.js';

/** Labels depend on the phrases; their words occur in every class. */
const SUBJECTS = ['named entity recognition', 'growth factor receptor', 'machine translation', 'entity linking'];
const TEXTS: string[] = [];
const LABELS: string[] = [];
for (let i = 0; i < 160; i++) {
  const subject = SUBJECTS[i % SUBJECTS.length]!;
  const other = SUBJECTS[(i * 7 + 1) % SUBJECTS.length]!.split(' ')[0]!;
  TEXTS.push(
    `In study ${i}, the Café reports << ${subject} >> and, e.g., non-${other} words [[ don't ]] no. ${i * 3}: ${subject}`,
  );
  LABELS.push(['__proto__', 'b', 'constructor', '10'][i % 4]!);
}
const tokenizer = Tokenizer.fromJson(trainWordPiece(TEXTS, { vocabularySize: 400 }));
const mine = (options: TokenOptions = {}, input: Partial<MineTokensInput> = {}) =>
  mineTokens({ texts: TEXTS, labels: LABELS, tokenizer, options, ...input });

/** How often a grown tokenizer really uses each phrase. */
async function realUses(base: Tokenizer, phrases: string[], texts: readonly string[]): Promise<Map<string, number>> {
  const grown = base.withPhrases(phrases);
  const uses = new Map(phrases.map((phrase) => [phrase, 0]));
  for (const { ids } of await grown.encode(texts, { maxLength: 4096 })) {
    for (const id of ids) {
      const phrase = grown.phrases[id - grown.baseVocabularySize];
      if (phrase !== undefined) uses.set(phrase, uses.get(phrase)! + 1);
    }
  }
  return uses;
}

/** A WordPiece tokenizer of special tokens and these entries. */
function withEntries(entries: string[]): Tokenizer {
  const json = trainWordPiece([], { vocabularySize: 10 }) as { model: { vocab: Record<string, number> } };
  for (const entry of entries) json.model.vocab[entry] = Object.keys(json.model.vocab).length;
  return Tokenizer.fromJson(json);
}

describe('mineTokens', () => {
  it('finds the phrases that the labels depend on', async () => {
    const { chosen, mined, corpus, lengthRatio, seconds, rejected } = await mine();
    const phrases = chosen.map(({ phrase }) => phrase);
    expect(phrases).to.include.members(SUBJECTS);
    expect(phrases.filter((phrase) => /[^\p{L}\d ]/u.test(phrase))).to.deep.equal([]);
    const telling = chosen.find(({ phrase }) => phrase === 'machine translation')!;
    expect(telling.association).to.deep.include({ label: 'constructor', share: 1 });
    expect(telling.labels).to.deep.equal([{ label: 'constructor', texts: 40 }]);
    expect(corpus.unique).to.equal(160);
    expect(mined!.frequent).to.be.at.least(mined!.closed);
    expect(mined!.closed).to.be.at.least(mined!.terms);
    expect(mined!.terms).to.be.at.least(mined!.cohesive);
    expect(mined!.cohesive).to.be.at.least(chosen.length);
    expect(lengthRatio).to.be.within(0.3, 0.95);
    expect(Object.keys(seconds)).to.deep.equal(['encode', 'mine', 'choose']);
    expect(rejected).to.deep.equal([]);
  });

  it('counts the uses that the grown tokenizer makes', async () => {
    for (const options of [{}, { minUses: 1, pplMax: 1000, newTokens: 1000 }]) {
      const { chosen, lengthRatio } = await mine(options);
      const uses = new Map(chosen.map((token) => [token.phrase, token.uses]));
      const phrases = [...uses.keys()];
      expect(uses).to.deep.equal(await realUses(tokenizer, phrases, TEXTS));
      const tokens = async (t: Tokenizer): Promise<number> =>
        (await t.encode(TEXTS, { maxLength: 4096 })).reduce((sum, { ids }) => sum + ids.length - 2, 0);
      const ratio = (await tokens(tokenizer.withPhrases(phrases))) / (await tokens(tokenizer));
      expect(lengthRatio).to.be.closeTo(ratio, 1e-12);
    }
  });

  it('counts single words where longer words begin with them', async () => {
    const stems = ['phosphoryl', 'kinas', 'inhibit', 'carbox'];
    const endings = ['ation', 'ations', 'ase', 'or', 'ors', ''];
    const texts = Array.from(
      { length: 60 },
      (_, i) =>
        [0, 1, 2].map((k) => stems[(i + k) % 4]! + endings[(i * (k + 1)) % 6]! + (k === 1 ? ',' : '')).join(' ') +
        ` ${i}`,
    );
    // Letters and their continuations alone: every word has several pieces.
    const letters = Tokenizer.fromJson(trainWordPiece(texts, { vocabularySize: 60 }));
    for (const newTokens of [2, 5, 1000]) {
      const options = { singleWords: true, minUses: 3, minSupport: 2, pplMax: 1000, newTokens };
      const { chosen, lengthRatio, mined } = await mineTokens({ texts, tokenizer: letters, options });
      const uses = new Map(chosen.map((token) => [token.phrase, token.uses]));
      const phrases = [...uses.keys()];
      expect(phrases.some((phrase) => !phrase.includes(' '))).to.equal(true);
      expect(uses).to.deep.equal(await realUses(letters, phrases, texts));
      const grown = await letters.withPhrases(phrases).encode(texts, { maxLength: 4096 });
      const sum = (of: (encoding: (typeof grown)[number]) => number): number =>
        grown.reduce((total, encoding) => total + of(encoding), 0);
      expect(lengthRatio).to.be.closeTo(sum(({ ids }) => ids.length - 2) / sum((e) => e.baseTokens - 2), 1e-12);
      expect(mined!.cohesive).to.be.above(mined!.terms);
      const given = await mineTokens({ texts, tokenizer: letters, options: { ...options, tokens: phrases } });
      expect(new Map(given.chosen.map((token) => [token.phrase, token.uses]))).to.deep.equal(uses);
      expect(given.lengthRatio).to.equal(lengthRatio);
      expect(chosen.find((token) => !token.phrase.includes(' '))!.pplU).to.equal(1);
    }
  });

  it('takes no single word whose rest in a longer word is unknown', async () => {
    const base = withEntries(['abc', '##de', '##d', '##f', 'x', 'y', 'z', '##z']);
    const texts = Array.from({ length: 12 }, (_, i) => `abcd x abcde y abcdf ${'z'.repeat(i + 1)}`);
    const options = { singleWords: true, minUses: 1, newTokens: 10, protect: ['x', 'y'] };
    // "abcde" is cut abc ##de; after an entry "abcd" nothing could cut its "e".
    const { chosen } = await mineTokens({ texts, tokenizer: base, options });
    expect(chosen.map(({ phrase }) => phrase)).to.have.members(['abcde', 'abcdf']);
    const given = await mineTokens({ texts, tokenizer: base, options: { ...options, tokens: ['abcd', 'abcdf'] } });
    expect(given.rejected).to.have.length(1);
    expect(given.rejected[0]).to.include({ line: 1, phrase: 'abcd', code: 'spoils' });
    expect(given.chosen.map(({ phrase, uses }) => [phrase, uses])).to.deep.equal([['abcdf', 12]]);
  });

  it('obeys minUses, newTokens and minSupport', async () => {
    expect((await mine({ newTokens: 2 })).chosen).to.have.length(2);
    expect((await mine({ newTokens: 0 })).chosen).to.deep.equal([]);
    expect((await mine({ minSupport: '1.0' })).chosen.every(({ support }) => support === 160)).to.equal(true);
    for (const { uses } of (await mine({ minUses: 70 })).chosen) expect(uses).to.be.at.least(70);
    expect(
      (await mine({ stopWords: ['named', 'entity', 'recognition'] })).chosen.map(({ phrase }) => phrase),
    ).not.to.include('named entity recognition');
    expect((await mine({ protect: ['factor'] })).chosen.map(({ phrase }) => phrase)).not.to.include(
      'growth factor receptor',
    );
  });

  it('takes support, but no uses, from unlabelled texts', async () => {
    const more = Array.from({ length: 30 }, (_, i) => `${i}: deep entity study`);
    const { chosen } = await mine({ tokens: ['deep entity', 'entity study', 'entity linking'] }, { unlabelled: more });
    const of = (name: string) => chosen.find(({ phrase }) => phrase === name)!;
    expect([of('deep entity').support, of('deep entity').uses]).to.deep.equal([30, 0]);
    expect(of('deep entity').example).to.deep.equal({ row: 160, begin: 3, end: 14 });
    expect([of('entity linking').support, of('entity linking').uses]).to.deep.equal([40, 80]);
    expect((await mine({}, { unlabelled: more })).chosen.map(({ phrase }) => phrase)).not.to.include('deep entity');
  });

  it('works without labels, and on nothing', async () => {
    const { chosen } = await mine({}, { labels: null });
    expect(chosen.length).to.be.above(3);
    expect(chosen.every(({ association }) => association === null)).to.equal(true);
    const nothing = await mine({}, { texts: [], labels: [] });
    expect([nothing.chosen, nothing.lengthRatio]).to.deep.equal([[], 1]);
  });

  it('passes on cancelling and limits', async () => {
    const code = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'none',
        (error: unknown) => (error as AdaptuneError).code,
      );
    expect(await code(mine({}, { signal: AbortSignal.abort() }))).to.equal('E_ABORTED');
    expect(await code(mine({ maxPatterns: 3 }))).to.equal('E_MINING');
    expect(await code(mine({}, { labels: ['one'] }))).to.equal('E_ARGUMENT');
  });
});

describe('token lists', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'adaptune-tokens-'))));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  /** q depends on how many phrases were tested together. */
  const withoutQ = ({ association, ...token }: MinedToken) => ({ ...token, p: association!.p });

  it('are read as lines, CSV, TSV and the JSON of a report', async () => {
    const { chosen } = await mine({ newTokens: 3 });
    const phrases = chosen.map(({ phrase }) => phrase);
    const paths = [
      file('list.txt', `\ufeff${phrases.join('\r\n')}\r\n\r\n`),
      file('list.csv', `uses,phrase\n${phrases.map((phrase) => `1,"${phrase}"\n`).join('')}`),
      file('list.tsv', `phrase\tuses\n${phrases.map((phrase) => `${phrase}\t1\n`).join('')}`),
      file('report.json', JSON.stringify({ chosen, lengthRatio: 1 })),
      file('tokens.json', JSON.stringify(chosen)),
      file('phrases.json', JSON.stringify(phrases)),
    ];
    for (const path of paths) {
      const given = await mine({ tokens: path });
      expect(given.chosen.map(withoutQ), path).to.deep.equal(chosen.map(withoutQ));
      expect(given.mined).to.equal(null);
      expect(given.rejected).to.deep.equal([]);
    }
  });

  it('are normalized, and may hold hyphens and apostrophes', async () => {
    const phrases = ['Non-Named  words', 'THE  CAFÉ', "words [[ don't"];
    const { chosen, rejected } = await mine({ tokens: phrases });
    expect(rejected).to.deep.equal([]);
    const uses = new Map(chosen.map((token) => [token.phrase, token.uses]));
    expect([...uses.keys()].sort()).to.deep.equal(['non-named words', 'the cafe', "words [[ don't"].sort());
    expect(uses).to.deep.equal(await realUses(tokenizer, [...uses.keys()], TEXTS));
    expect(uses.get('the cafe')).to.equal(160);
    expect(Math.min(...uses.values())).to.be.above(0);
  });

  it('report what cannot be a token, by line', async () => {
    const long = Array.from({ length: 30 }, () => 'entity').join(' ');
    const path = file(
      'edited.txt',
      `named entity\n- entity\n\nentity\nnamed  Entity\n${long}\nentity ☃☃☃\nstudy the\n`,
    );
    const { chosen, rejected } = await mine({ tokens: path });
    expect(chosen.map(({ phrase }) => phrase).sort()).to.deep.equal(['named entity', 'study the']);
    expect(rejected.map(({ line }) => line)).to.deep.equal([2, 4, 5, 6, 7]);
    expect(rejected.map(({ reason }) => reason).join('\n')).to.match(
      /begins and ends.*\n.*(one token|single word).*\n.*twice.*\n.*100 characters.*\n.*unknown/,
    );
  });

  it('that cannot be read name the place', async () => {
    const failures: [string, string, RegExp][] = [
      ['bad.csv', 'text,uses\nx,1\n', /line 1: expected a column "phrase"/],
      ['bad.json', '{"tokens": []}', /expected a list of tokens/],
      ['bad2.json', '["named entity", 3]', /entry 2: expected a phrase, came 3/],
      ['bad3.json', '[', /expected valid JSON/],
      ['bad4.csv', 'phrase\n"x\n', /bad4\.csv/],
    ];
    for (const [name, content, message] of failures) {
      const error = await mine({ tokens: file(name, content) }).then(
        () => null,
        (reason: unknown) => reason as AdaptuneError,
      );
      expect(error, name).to.be.instanceOf(AdaptuneError).with.property('code', 'E_DATA');
      expect(error!.message).to.match(message);
    }
  });
});

describe('mineTokens on real texts', function () {
  this.timeout(120_000);

  it('counts the uses that the grown MiniLM tokenizer makes, on scierc', async function () {
    const base = await Tokenizer.load(sharedPath(this, 'models/minilm-l6'));
    const texts = sharedTexts(this, 'scierc', 'train');
    const { chosen, mined, corpus } = await mineTokens({ texts, tokenizer: base });
    expect(corpus).to.deep.include({ texts: 3219, unique: 1366 });
    expect(mined!.cap).to.equal(341);
    expect(chosen.map(({ phrase }) => phrase)).to.include.members([
      'natural language',
      'statistical machine translation',
    ]);
    const rows = new Map<string, string>();
    for (const text of texts) {
      const key = text.replace(/<<|>>|\[\[|\]\]|\s/g, '');
      if (!rows.has(key)) rows.set(key, text);
    }
    const uses = new Map(chosen.map((token) => [token.phrase, token.uses]));
    expect(uses).to.deep.equal(await realUses(base, [...uses.keys()], [...rows.values()]));
  });
});
