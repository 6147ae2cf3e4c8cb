import { expect } from 'chai';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { trainWordPiece } from '../../lib/model/wordpiece-trainer.js';
import { mineTokens, type MinedToken, type TokenOptions } from '../../lib/train/mine.js';
import { failure } from '../helpers/failure.js';
import { sharedPath, sharedTexts } from '../helpers/shared.js';

/** "inhibits … strongly" and "neither … nor" stand for their labels, with one or two words between. */
const BETWEEN = 'alpha beta gamma delta omega kappa'.split(' ');
const TEXTS: string[] = [];
const LABELS: string[] = [];
for (let i = 0; i < 120; i++) {
  const k = Math.floor(i / 3);
  const gap = [BETWEEN[k % 6], BETWEEN[(k * 5 + 1) % 6]].slice(0, 1 + (k % 2)).join(' ');
  TEXTS.push(
    i % 3 === 0
      ? `Case ${i}: inhibits ${gap} strongly, and more`
      : i % 3 === 1
        ? `Case ${i}: neither ${gap} nor others`
        : `Case ${i}: says <<inhibits>> ${i} strongly; neither, nor`,
  );
  LABELS.push(['a', 'b', 'c'][i % 3]!);
}
const tokenizer = Tokenizer.fromJson(trainWordPiece(TEXTS, { vocabularySize: 300 }));
const mine = (options: TokenOptions = {}, texts: readonly string[] = TEXTS) =>
  mineTokens({
    texts,
    labels: texts === TEXTS ? LABELS : null,
    tokenizer,
    options: { gapped: 'first', maxGap: 3, pplMax: 1, ...options },
  });
const gappedOf = (chosen: readonly MinedToken[]) => chosen.filter(({ members }) => members !== undefined);

/** The tokenizer that training makes of these. */
function grown(
  base: Tokenizer,
  chosen: readonly MinedToken[],
  mode: 'first' | 'insert' = 'first',
  maxGap = 3,
): Tokenizer {
  const phrases = chosen.flatMap(({ phrase, members }) => (members ? [] : [phrase]));
  const patterns = chosen.flatMap(({ members }) => (members ? [members] : []));
  return base.withPhrases(phrases).withGapped({ mode, maxGap, protect: ['<<', '>>', '[[', ']]'], patterns });
}

/** Uses of each token of `chosen`, as texts are encoded. */
async function realUses(tokens: Tokenizer, texts: readonly string[]): Promise<number[]> {
  const uses = new Array<number>(tokens.pieces.length).fill(0);
  for (const { ids } of await tokens.encode(texts, { maxLength: 4096 }))
    for (const id of ids) if (id >= tokens.baseVocabularySize) uses[id - tokens.baseVocabularySize]! += 1;
  return uses;
}

describe('mineTokens with gaps', () => {
  it('finds the patterns that the texts are made of', async () => {
    const { chosen, mined } = await mine();
    const found = gappedOf(chosen);
    // Stop words alone name nothing: no "neither … nor".
    expect(found.map(({ phrase }) => phrase)).to.deep.equal(['inhibits … strongly']);
    const pattern = found[0]!;
    expect(pattern.members).to.deep.equal(['inhibits', 'strongly']);
    // Protected strings part the words of every third text.
    expect(pattern.support).to.equal(40);
    expect(pattern.uses).to.equal(40);
    expect(pattern.labels).to.deep.equal([{ label: 'a', texts: 40 }]);
    expect(pattern.saved).to.equal(40 * (pattern.pieces - 1));
    const { row, begin, end } = pattern.example!;
    expect(TEXTS[row]!.slice(begin, end)).to.match(/^inhibits \w+( \w+)? strongly$/);
    expect(mined!.gapped!.closed).to.be.at.least(mined!.gapped!.terms);
    expect(mined!.gapped!.terms).to.be.at.least(mined!.gapped!.cohesive);
    expect(mined!.gapped!.cohesive).to.be.at.least(found.length);
    expect((await mine({ gapped: 'off' })).chosen).to.deep.equal(chosen.slice(0, chosen.length - found.length));
    expect((await mine({ gapped: 'off' })).mined!.gapped).to.equal(null);
  });

  it('counts the uses that training makes of each token', async () => {
    for (const options of [
      {},
      { minUses: 1, pplMax: 1000 },
      { minUses: 2, pplMax: 5, maxGap: 1, gapped: 'insert' as const },
    ]) {
      const { chosen, lengthRatio, corpus } = await mine(options);
      const tokens = grown(tokenizer, chosen, options.gapped, options.maxGap);
      expect(await realUses(tokens, TEXTS)).to.deep.equal(chosen.map(({ uses }) => uses));
      const encoded = await tokens.encode(TEXTS, { maxLength: 4096 });
      const length = encoded.reduce((sum, { ids }) => sum + ids.length - 2, 0);
      expect(length / corpus.pieces).to.be.closeTo(lengthRatio, 1e-12);
      expect(encoded.reduce((sum, { baseTokens }) => sum + baseTokens - 2, 0)).to.equal(corpus.pieces);
      for (const { uses } of gappedOf(chosen)) expect(uses).to.be.at.least(options.minUses ?? 10);
    }
  });

  it('leaves out what is used without gaps: that were phrases', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => `Case ${i}: inhibits ${i % 8 === 0 ? `${i} ` : ''}strongly`);
    // The phrase has the uses without a gap, the pattern five with one.
    const all = async (options: TokenOptions) =>
      (await mine({ pplMax: 2, ...options }, texts)).chosen.map(({ phrase }) => phrase);
    expect(await all({ minUses: 6, minSupport: 2 })).to.deep.equal(['inhibits strongly']);
    expect(await all({ minUses: 5, minSupport: 2 })).to.deep.equal(['inhibits strongly', 'inhibits … strongly']);
    expect(await all({ minUses: 5, minSupport: 2, newTokens: 1 })).to.deep.equal(['inhibits strongly']);
  });

  it('takes its own list back, and says what cannot be a pattern', async () => {
    const { chosen } = await mine();
    const list = chosen.map(({ phrase }) => phrase);
    const again = await mine({ tokens: list });
    // Tests are corrected for their number, which is another.
    const bare = (tokens: readonly MinedToken[]) => tokens.map((token) => ({ ...token, association: null }));
    expect(bare(again.chosen)).to.have.deep.members(bare(chosen));
    expect(again.rejected).to.deep.equal([]);
    const { chosen: edited, rejected } = await mine({
      tokens: [
        'Inhibits …  Strongly',
        'inhibits … strongly',
        'inhibits … alpha beta',
        'inhibits … .',
        'kappa … 鑫',
        'omega delta',
      ],
    });
    expect(edited.map(({ phrase }) => phrase)).to.deep.equal(['omega delta', 'inhibits … strongly']);
    expect(rejected.map(({ line, code }) => [line, code])).to.deep.equal([
      [2, 'repeated'],
      [3, 'gapped'],
      [4, 'gapped'],
      [5, 'gapped'],
    ]);
    const off = await mine({ tokens: ['inhibits … strongly', 'omega delta'], gapped: 'off' });
    expect(off.rejected.map(({ code }) => code)).to.deep.equal(['gapped']);
    const error = await failure(mine({ tokens: ['inhibits … strongly'], gapped: 'off' }));
    expect(error.code).to.equal('E_DATA');
    expect(error.message).to.include('--gapped first or insert');
  });

  it('gives way to an abort', async () => {
    const controller = new AbortController();
    const stages: string[] = [];
    const run = mineTokens({
      texts: TEXTS,
      tokenizer,
      options: { gapped: 'first' },
      signal: controller.signal,
      onProgress: ({ stage, done }) => {
        if (done === 0) stages.push(stage);
        if (stages.length === 5) controller.abort();
      },
    });
    expect((await failure(run)).code).to.equal('E_ABORTED');
    expect(stages.slice(0, 4)).to.deep.equal(['encode', 'mine', 'choose', 'encode']);
  });

  it('counts on real texts what training makes of them', async function () {
    this.timeout(60_000);
    const base = await Tokenizer.load(sharedPath(this, 'models/minilm-l6'));
    const texts = sharedTexts(this, 'banking77', 'train').slice(0, 1500);
    const { chosen } = await mineTokens({
      texts,
      tokenizer: base,
      options: { gapped: 'first', minUses: 4, pplMax: 1, newTokens: 2000 },
    });
    expect(gappedOf(chosen).length).to.be.greaterThan(10);
    const unique = [...new Map(texts.map((text) => [text.replaceAll(/\s+/g, ''), text])).values()];
    expect(await realUses(grown(base, chosen), unique)).to.deep.equal(chosen.map(({ uses }) => uses));
  });
});
