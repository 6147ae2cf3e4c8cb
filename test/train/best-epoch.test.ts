import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { evaluate } from '../../lib/train/evaluate.js';
import type { TrainResult } from '../../lib/train/result.js';
import { sampleTexts } from './sample-corpus.js';
import { tinyRun } from './tiny-run.js';

describe('train/best epoch', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'adaptune-best-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Labels that have nothing to do with the texts: scores wander from epoch to epoch. */
  const noise = (count: number) => {
    const { texts } = sampleTexts(count, 2);
    return { texts, labels: texts.map((_, i) => ['constructor', '10'][i % 2]!) };
  };

  /** A run whose best epoch is not its last. */
  async function wanderer(validation: number): Promise<{ out: string; result: TrainResult }> {
    for (let seed = 1; seed < 12; seed++) {
      const out = join(folder, `run-${validation}-${seed}`);
      const result = await tinyRun(out, { validation: noise(validation), seed, epochs: 4, batch: 8 });
      if (result.best_validation_macro_f1 > result.evaluations[3]!.macroF1) return { out, result };
    }
    throw new Error('expected an epoch before the last to be the best one for some seed');
  }

  it('saves the weights of the best epoch when there are validation texts enough', async () => {
    const { out, result } = await wanderer(500);
    expect(result.chosen).to.deep.equal({ epoch: result.best_epoch, by: 'validation macro-F1' });
    const best = result.evaluations[result.best_epoch - 1]!;
    expect(result.validation_macro_f1).to.equal(best.macroF1);
    expect(result.best_validation_macro_f1).to.equal(best.macroF1);
    expect(best.macroF1).to.equal(Math.max(...result.evaluations.map(({ macroF1 }) => macroF1)));
    expect(result.evaluations[3]!.macroF1).to.be.lessThan(best.macroF1);
    expect((await evaluate(out, noise(500))).macroF1).to.equal(best.macroF1);
    expect(readdirSync(join(out, 'checkpoints'))).to.include(`step-${String(best.step).padStart(6, '0')}`);
  });

  it('saves the last epoch otherwise, and reports both', async () => {
    const { result } = await wanderer(60);
    expect(result.chosen).to.deep.equal({ epoch: 4, by: 'last epoch' });
    expect(result.validation_macro_f1).to.equal(result.evaluations[3]!.macroF1);
    expect(result.best_validation_macro_f1).to.equal(result.evaluations[result.best_epoch - 1]!.macroF1);
  });
});
