/** A sample of the loops of test/long/saving.test.ts. */
import { expect } from 'chai';
import { checkpointFiles, FAULTS, Saving, spread } from './saving.js';

describe('train/saving', function () {
  this.timeout(120_000);
  let saving: Saving;
  before(async () => void (saving = await Saving.prepare()));
  after(() => saving.remove());

  it('killed at a file operation, resumes to the same bits', async () => {
    await saving.killAt(spread(20, saving.firstChange, saving.operations));
  });

  it('stands or stops when an operation fails, and ends with the same bits', async () => {
    const plans = FAULTS.flatMap((fault) => spread(5, 1, saving.operations).map((k) => ({ ...fault, k })));
    expect(await saving.failAt(plans)).to.be.greaterThan(10);
  });

  it('does not notice short and interrupted calls', async () => {
    const plans = spread(20, 1, saving.operations).map((k, i) => ({ k, error: (['short', 'EINTR'] as const)[i % 2]! }));
    expect(await saving.failAt(plans)).to.equal(0);
  });

  it('takes the checkpoint before when one is damaged', async () => {
    const unfinished = await saving.interrupted(4);
    const files = checkpointFiles(unfinished);
    expect(files).to.have.length(10);
    for (const [i, file] of files.entries()) {
      await saving.damage(unfinished, file, { at: i / 10, how: i % 2 === 0 ? 'flipped' : 'cut' });
    }
  });
});
