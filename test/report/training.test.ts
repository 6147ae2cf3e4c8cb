/** The page of a real run: written with it, made again from its files, and nothing in it but what they hold. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cli, ok } from '../cli/cli.js';
import { failure } from '../helpers/failure.js';
import { parseDetails } from '../../lib/report/data.js';
import { writeTrainingReport } from '../../lib/report/write.js';
import type { TrainResult } from '../../lib/train/result.js';
import { sampleTexts } from '../train/sample-corpus.js';
import { tinyRun } from '../train/tiny-run.js';

describe('report/training', function () {
  this.timeout(120_000);
  let folder: string;
  let out: string;
  let result: TrainResult;
  let others = 0;
  const read = (name: string) => readFileSync(join(out, name), 'utf8');

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-report-'));
    out = join(folder, 'run');
    result = await tinyRun(out, { test: sampleTexts(40, 7) });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is written with the run, and made again to the byte', async () => {
    const page = read('report.html');
    expect(page)
      .to.match(/^<!doctype html>\n/)
      .and.to.contain('Content-Security-Policy');
    const again = join(folder, 'again.html');
    expect(await writeTrainingReport(out, again)).to.equal(again);
    expect(readFileSync(again, 'utf8')).to.equal(page);
    writeFileSync(join(out, 'report.html'), 'spoilt');
    expect(JSON.parse(await ok(['report', out, '--json']))).to.deep.equal({ out: join(out, 'report.html') });
    expect(read('report.html')).to.equal(page);
  });

  it('keeps what it needs beside the model', () => {
    const details = parseDetails(read('report.json'), 'report.json');
    expect(details.losses.means).to.have.length(result.steps);
    const perEpoch = result.steps / result.epochs;
    for (const { epoch, loss } of result.evaluations) {
      const steps = details.losses.means.slice((epoch - 1) * perEpoch, epoch * perEpoch);
      expect(steps.reduce<number>((sum, mean) => sum + mean!, 0) / perEpoch).to.be.closeTo(loss, 1e-4);
    }
    const { headFit, calibration, tokens, units } = details.predictedCost;
    expect(headFit + calibration + tokens + units).to.be.closeTo(result.predicted_cost, 1e-12);
    for (const part of [headFit, calibration, tokens, units]) expect(part).to.be.greaterThan(0);
    const { base, merged, means } = details.lengths;
    for (const counts of [base, merged]) expect(counts.reduce((a, b) => a + b)).to.equal(result.rows.train);
    expect(means.merged / means.base).to.be.closeTo(result.length_ratio, 1e-12);
    expect(details.examples.filter((example) => example !== null).length).to.equal(result.mined.length);
    for (const [i, example] of details.examples.entries())
      expect(example!.phrase.toLowerCase()).to.equal(result.mined[i]!.phrase);
  });

  it('shows the scores that the run printed', () => {
    const page = read('report.html');
    for (const score of [result.test_macro_f1!, result.test_accuracy!, result.validation_macro_f1])
      expect(page).to.contain(`<dd>${score.toFixed(3)}</dd>`);
    for (const { label, f1, support } of result.test!.perClass) {
      const row = new RegExp(`<tr><td class="words">${label}</td><td><svg[^]*?</svg></td>([^]*?)</tr>`).exec(page)![1]!;
      expect(row)
        .to.contain(`<td>${f1.toFixed(3)}</td>`)
        .and.to.contain(`<td>${support}</td>`);
    }
  });

  it('shows what trained, the tokens and the mistakes', () => {
    const page = read('report.html');
    const { mistakes, units, lengths } = parseDetails(read('report.json'), 'report.json');
    const trained = result.selected.reduce((sum, { groups }) => sum + groups, 0);
    expect(page.match(/class="edge"/g) ?? []).to.have.length(trained);
    for (const { neurons } of result.selected) expect(page).to.contain(`>${neurons} of 512</text>`);
    expect(page).to.contain('dispersion and gradient norm of neurons');
    expect(page.match(/<mark>/g)).to.have.length(result.mined.length);
    expect(lengths.merged.reduce((a, b) => a + b)).to.equal(result.rows.train);
    expect(page).to.contain(`${result.mined.length} new tokens`).and.to.contain('before merging');
    // Neurons in the picture, and those that it has no place for, are all neurons.
    const { cells, zero } = units!.neurons.density;
    expect(cells.reduce((sum, { neurons }) => sum + neurons, zero)).to.equal(result.selected.length * 512);
    expect(cells.reduce((sum, { selected }) => sum + selected, 0)).to.be.at.most(
      result.selected.reduce((sum, { neurons }) => sum + neurons, 0),
    );
    const wrong = Math.round(result.rows.test * (1 - result.test_accuracy!));
    expect(mistakes).to.have.length(Math.min(20, wrong));
  });

  it('leaves out what a method does not have', async () => {
    const page = async (options: Parameters<typeof tinyRun>[1]) => {
      const other = join(folder, `other-${others++}`);
      await tinyRun(other, { ...options, epochs: 1 });
      return readFileSync(join(other, 'report.html'), 'utf8');
    };
    const full = await page({ method: 'full' });
    expect(full).to.contain('every weight of the encoder and the embeddings').and.to.contain('<h2>Lengths</h2>');
    for (const absent of ['map of the trained units', 'Dispersion against', 'new token', 'overlap', 'token phase'])
      expect(full).not.to.contain(absent);
    const lora = await page({ method: 'lora' });
    expect(lora).to.contain('low-rank adapters (rank 8').and.not.to.contain('map of the trained units');
    expect(await page({ method: 'frozen' })).to.contain('nothing of the encoder');
    const layers = await page({ method: 'layers', layers: 1 });
    expect(layers).to.contain('map of the trained units').and.to.contain('Dark: trained.');
    expect(layers).not.to.contain('Dispersion against');
    const random = await page({ method: 'random' });
    expect(random).to.contain('Dispersion against').and.not.to.contain('overlap of halves');
    const fisher = await page({ method: 'adapt', importance: 'fisher' });
    expect(fisher).to.contain('with root of the Fisher information').and.not.to.contain('gradient norm');
  });

  it('says what is missing or broken', async () => {
    const error = async (change: () => void) => {
      const details = read('report.json');
      change();
      const failed = await failure(writeTrainingReport(out, join(folder, 'none.html')));
      writeFileSync(join(out, 'report.json'), details);
      expect(failed.code).to.equal('E_FILE');
      return failed.message;
    };
    expect(await error(() => rmSync(join(out, 'report.json')))).to.contain('came one without report.json');
    expect(await error(() => writeFileSync(join(out, 'report.json'), '{"version": 2}'))).to.contain('version');
    expect(await error(() => writeFileSync(join(out, 'report.json'), '{'))).to.contain('valid JSON');
    expect(() => statSync(join(folder, 'none.html'))).to.throw();
    const elsewhere = await failure(writeTrainingReport(folder));
    expect(elsewhere.message).to.contain('came one without adaptune.json');
    const { code, stderr } = await cli(['report', out, '--out', join(out, 'report.json')]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('E_OUTPUT_EXISTS');
  });
});
