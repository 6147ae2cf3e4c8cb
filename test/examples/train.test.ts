import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { trainedExample } from './example.js';

/** One class alone has 0.1; the script's own run scores 0.91. */
const LEARNT = 0.7;

describe('examples/train', function () {
  this.timeout(60_000);

  it('shows progress, is aborted, resumes and saves a model that learnt', async () => {
    const { folder, stdout } = await trainedExample();
    const steps = [...stdout.matchAll(/^(tokens|units): step (\d+) of 184, loss \d\.\d{3}$/gm)];
    expect(steps.map(([, , step]) => Number(step))).to.deep.equal([20, 40, 60, 80, 100]);
    const [interrupted, result, saved] = stdout.trimEnd().split('\n').slice(-3);
    expect(interrupted).to.equal('E_INTERRUPTED: stopped on request in the stage "units"; --resume continues');
    expect(Number(/^184 steps, test macro-F1 (\d\.\d{3})$/.exec(result!)?.[1])).to.be.greaterThan(LEARNT);
    expect(saved).to.equal(`saved in ${folder}: config.json, model.safetensors, tokenizer.json, tokenizer_config.json`);
    expect(existsSync(join(folder, 'adaptune.json'))).to.equal(true);
  });
});
