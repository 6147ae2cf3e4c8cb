/** A sample of the loops of test/long/saving.test.ts. */
import { expect } from 'chai';
import { FAULTS, spread } from '../train/saving.js';
import { killAll, WrittenFile } from './written-files.js';

describe('cli/written files', function () {
  this.timeout(120_000);
  let files: WrittenFile[];
  before(async () => void (files = await WrittenFile.all()));

  it('are the old ones or the new ones when an operation fails', async () => {
    let stopped = 0;
    for (const file of files) {
      for (const [i, k] of spread(2, 1, file.operations).entries()) {
        for (const fault of FAULTS) if (await file.failAt({ ...fault, k }, i % 2 === 0)) stopped++;
      }
    }
    expect(stopped).to.be.greaterThan(20);
  });

  it('are the old ones or the new ones when the command is killed', async () => {
    expect(await killAll(files.slice(1, 4), 3)).to.be.greaterThan(5);
  });
});
