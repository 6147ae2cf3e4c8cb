import { appendFileSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { Classifier } from '../../lib/serve/classifier.js';
import { evaluate } from '../../lib/train/evaluate.js';
import type { TrainOptions } from '../../lib/train/options.js';
import type { TrainEvent } from '../../lib/train/run.js';
import { failure } from '../helpers/failure.js';
import { sampleTexts } from './sample-corpus.js';
import { outcome, tinyRun } from './tiny-run.js';

/** The sample corpus with a word between those of its terms: "return old manifold". */
function texts(count: number, seed: number) {
  const { texts: plain, labels } = sampleTexts(count, seed);
  const apart = plain.map((text, i) =>
    text.replace(/\b(return|feed|leak|alarm) (manifold|pump|alarm|leak)\b/, `$1 ${'abcdefghijklm'[i % 13]} $2`),
  );
  return { texts: apart, labels };
}
const RUN: Partial<TrainOptions> = {
  train: texts(110, 1),
  validation: texts(30, 2),
  gapped: 'first',
  maxGap: 2,
  pplMax: 1,
  minUses: 8,
  newTokens: 40,
};
const manifest = (out: string) =>
  JSON.parse(readFileSync(join(out, 'adaptune.json'), 'utf8')) as Record<string, unknown>;
const results = (out: string) => ({ ...outcome(out), gapped: readFileSync(join(out, 'gapped.json'), 'utf8') });

describe('train with gapped patterns', function () {
  this.timeout(120_000);
  let folder: string;
  let out: string;
  let result: Awaited<ReturnType<typeof tinyRun>>;
  const test = texts(60, 9);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-gapped-'));
    out = join(folder, 'run');
    result = await tinyRun(out, { ...RUN, test });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('adds them, says that they need adaptune, and saves them with the hash of their file', () => {
    const members = result.mined.flatMap((token) => (token.members ? [token.members.join(' ')] : []));
    expect(members).to.include.members(['return manifold', 'feed pump']);
    expect(result.notes.join('\n')).to.match(/gapped patterns need adaptune/);
    const saved = JSON.parse(readFileSync(join(out, 'gapped.json'), 'utf8')) as Record<string, unknown>;
    expect(saved['note']).to.match(/other libraries give other ids/);
    expect(saved['patterns']).to.deep.equal(result.mined.flatMap((token) => (token.members ? [token.members] : [])));
    expect(manifest(out)['files']).to.have.length(5);
    expect(result.sizes).to.have.property('gapped.json');
    expect(result.length_ratio).to.be.lessThan(0.95);
  });

  it('gives the same ids in training, in the saved folder and in prediction', async () => {
    const saved = await Tokenizer.load(out);
    const checkpoint = await Tokenizer.load(join(out, 'checkpoints', 'step-000008'));
    const encoded = await saved.encode(test.texts, { maxLength: 128 });
    expect(await checkpoint.encode(test.texts, { maxLength: 128 })).to.deep.equal(encoded);
    const first = saved.baseVocabularySize + saved.phrases.length;
    expect(encoded.flatMap(({ ids }) => [...ids]).filter((id) => id >= first).length).to.be.at.least(40);
    // Scores come from these ids: training's own, evaluation's and the classifier's agree.
    expect((await evaluate(out, test)).confusion).to.deep.equal(result.test!.confusion);
    await using classifier = await Classifier.load(out);
    const said = (await classifier.predict(test.texts)).map((list) => list[0]!.label);
    expect(said.filter((label, i) => label === test.labels[i]).length / said.length).to.equal(result.test_accuracy);
    // Without the patterns a text is another one.
    const [bare] = await Tokenizer.fromJson(saved.json).encode([test.texts[0]!], { maxLength: 128 });
    expect([...bare!.ids]).to.not.deep.equal([...encoded[0]!.ids]);
  });

  it('ends with the same bytes when it was interrupted', async () => {
    const whole = results(out);
    for (const stop of ['calibrate', 'units'] as const) {
      const again = join(folder, stop);
      const controller = new AbortController();
      const onProgress = ({ stage }: TrainEvent) => {
        if (stage === stop) controller.abort();
      };
      const error = await failure(tinyRun(again, { ...RUN, test, signal: controller.signal, onProgress }));
      expect(error.code).to.equal('E_INTERRUPTED');
      const other = await failure(tinyRun(again, { ...RUN, test, resume: true, gapped: 'insert' }));
      expect(other.code).to.equal('E_RESUME');
      await tinyRun(again, { ...RUN, test, resume: true });
      expect(results(again)).to.deep.equal(whole);
    }
  });

  it('refuses a folder whose gapped.json is another, gone, or too many', async () => {
    const path = join(out, 'gapped.json');
    const whole = readFileSync(path);
    appendFileSync(path, ' ');
    expect((await failure(Classifier.load(out))).code).to.equal('E_MODEL_MISMATCH');
    rmSync(path);
    expect((await failure(Classifier.load(out))).code).to.equal('E_MODEL_INCOMPLETE');
    writeFileSync(path, whole);
    const plain = join(folder, 'plain');
    await tinyRun(plain, { ...RUN, gapped: 'off' });
    expect(existsSync(join(plain, 'gapped.json'))).to.equal(false);
    expect(manifest(plain)['files']).to.have.length(4);
    copyFileSync(path, join(plain, 'gapped.json'));
    expect((await failure(Classifier.load(plain))).code).to.equal('E_MODEL_MISMATCH');
  });

  it('trains a model further that has them, with its tokens as they are', async () => {
    const error = await failure(tinyRun(join(folder, 'more'), { ...RUN, model: out }));
    expect(error.code).to.equal('E_ARGUMENT');
    expect(error.message).to.match(/--new-tokens.*takes no more tokens/);
    const more = join(folder, 'further');
    await tinyRun(more, { ...RUN, model: out, method: 'full', gapped: 'off', newTokens: 0 });
    for (const name of ['tokenizer.json', 'gapped.json'])
      expect(readFileSync(join(more, name), 'utf8'), name).to.equal(readFileSync(join(out, name), 'utf8'));
    await using classifier = await Classifier.load(more);
    expect(await classifier.predict(test.texts)).to.have.length(60);
  });
});
