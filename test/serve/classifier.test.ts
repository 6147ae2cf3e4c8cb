import { appendFileSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Classifier } from '../../lib/serve/classifier.js';
import { evaluate } from '../../lib/train/evaluate.js';
import type { TrainResult } from '../../lib/train/result.js';
import { sampleTexts } from '../train/sample-corpus.js';
import { tinyRun } from '../train/tiny-run.js';
import { failure } from '../helpers/failure.js';

describe('serve/classifier', function () {
  this.timeout(60_000);
  const validation = sampleTexts(30, 2);
  const test = sampleTexts(60, 9);
  let folder: string;
  let model: string;
  let result: TrainResult;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-classifier-'));
    model = join(folder, 'model');
    result = await tinyRun(model, { test });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A copy of the model, to be spoilt. */
  let copies = 0;
  const copy = () => {
    const to = join(folder, `copy-${copies++}`);
    cpSync(model, to, { recursive: true });
    return to;
  };

  it('gives one list of labels with scores per text, best first', async () => {
    await using classifier = await Classifier.load(model);
    expect(classifier.labels).to.deep.equal(['10', 'constructor']);
    const top = await classifier.predict(test.texts);
    expect(top.map((list) => list.length)).to.deep.equal(test.texts.map(() => 1));
    const all = await classifier.predict(test.texts, { topK: 9 });
    for (const [i, list] of all.entries()) {
      expect(list[0]).to.deep.equal(top[i]![0]);
      expect(list.map(({ label }) => label)).to.have.members(classifier.labels);
      expect(list[0]!.score).to.be.at.least(list[1]!.score);
      expect(list[0]!.score + list[1]!.score).to.be.closeTo(1, 1e-12);
    }
    expect(await classifier.predict([])).to.deep.equal([]);
  });

  it('scores a text the same alone, in any batch and on any number of threads', async () => {
    await using classifier = await Classifier.load(model, { threads: 2 });
    await using other = await Classifier.load(model, { threads: 3 });
    const texts = [
      ...test.texts,
      '',
      ' ',
      'x'.repeat(5000),
      'pump '.repeat(2000),
      '\u0000\u{1f600} \ud800',
      '[CLS] [SEP]',
    ];
    const together = await classifier.predict(texts, { topK: 2 });
    expect(await classifier.predict(texts, { topK: 2, batchTokens: 1 })).to.deep.equal(together);
    expect(await other.predict(texts, { topK: 2, batchTokens: 100_000 })).to.deep.equal(together);
    for (const i of [0, 17, 60, 62, 63, 65]) {
      expect(await classifier.predict([texts[i]!], { topK: 2 })).to.deep.equal([together[i]]);
    }
  });

  it('agrees with what training and evaluation said', async () => {
    const scored = await evaluate(model, test);
    expect(scored.confusion).to.deep.equal(result.test!.confusion);
    expect(scored.macroF1).to.equal(result.test_macro_f1);
    expect((await evaluate(model, validation)).confusion).to.deep.equal(result.validation.confusion);
    await using classifier = await Classifier.load(model);
    const said = (await classifier.predict(test.texts)).map((list) => list[0]!.label);
    const right = said.filter((label, i) => label === test.labels[i]).length;
    expect(right / said.length).to.equal(result.test_accuracy);
  });

  it('scores a file, and names labels that the model does not have', async () => {
    const file = join(folder, 'data.jsonl');
    writeFileSync(file, test.texts.map((line, i) => `${JSON.stringify({ s: line, y: test.labels[i] })}\n`).join(''));
    expect((await evaluate(model, file, { text: 's', label: 'y' })).confusion).to.deep.equal(result.test!.confusion);
    const error = await failure(evaluate(model, { texts: ['a', 'b'], labels: ['10', '__proto__'] }));
    expect(error.code).to.equal('E_LABELS');
    expect(error.message).to.match(
      /^the evaluation texts: expected only the 2 labels .* came "__proto__" \(index 1\)$/,
    );
    const memory = (data: unknown) => failure(evaluate(model, data as { texts: string[]; labels: string[] }));
    expect((await memory({ texts: [], labels: [] })).code).to.equal('E_DATA');
    expect((await memory({ texts: ['a', ' '], labels: ['10', '10'] })).message).to.match(
      /^the evaluation texts: index 1: expected a text, came an empty one$/,
    );
    for (const data of [{ texts: ['a'] }, { texts: ['a'], labels: [1] }, { texts: ['a'], labels: [] }, null, 3])
      expect((await memory(data)).code, JSON.stringify(data)).to.equal('E_ARGUMENT');
  });

  it('refuses a folder whose files do not belong together', async () => {
    const truncated = copy();
    writeFileSync(join(truncated, 'model.safetensors'), readFileSync(join(model, 'model.safetensors')).subarray(0, -4));
    expect((await failure(Classifier.load(truncated))).code).to.equal('E_MODEL_MISMATCH');
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      const swapped = copy();
      appendFileSync(join(swapped, name), ' ');
      const error = await failure(Classifier.load(swapped));
      expect(error.code, name).to.equal('E_MODEL_MISMATCH');
      expect(error.message).to.include(name);
    }
    const missing = copy();
    renameSync(join(missing, 'tokenizer.json'), join(missing, 'other.json'));
    expect((await failure(Classifier.load(missing))).code).to.equal('E_MODEL_INCOMPLETE');
    const unfinished = copy();
    rmSync(join(unfinished, 'adaptune.json'));
    const error = await failure(Classifier.load(unfinished));
    expect(error.code).to.equal('E_MODEL_INCOMPLETE');
    expect(error.message).to.include('--resume');
  });

  it('says what was wrong with an argument', async () => {
    await using classifier = await Classifier.load(model);
    const wrong = 'text' as unknown as string[];
    expect((await failure(classifier.predict(wrong))).message).to.include(
      'list of strings for texts but received string',
    );
    expect((await failure(classifier.predict(['a', 3 as unknown as string]))).message).to.include('number at index 1');
    expect((await failure(classifier.predict(['a'], { topK: 0 }))).code).to.equal('E_ARGUMENT');
    expect((await failure(classifier.predict(['a'], { batchTokens: 1.5 }))).code).to.equal('E_ARGUMENT');
  });

  it('can be aborted, and closes once', async () => {
    const classifier = await Classifier.load(model);
    const reason = new Error('enough');
    const aborted = await failure(classifier.predict(test.texts, { signal: AbortSignal.abort(reason) }));
    expect(aborted.code).to.equal('E_ABORTED');
    expect(aborted.cause).to.equal(reason);
    expect(await classifier.predict(['pump'])).to.have.length(1);
    classifier.close();
    classifier.close();
    await classifier[Symbol.asyncDispose]();
    expect((await failure(classifier.predict(['pump']))).code).to.equal('E_CLOSED');
  });
});
