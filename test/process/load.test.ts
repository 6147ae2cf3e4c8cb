/** What a user reads when the addon cannot be loaded. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { addonPath, binding } from '../../lib/native/binding.js';
import { run } from './run.js';

describe('loading the addon', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'adaptune-'))));
  after(() => rmSync(folder, { recursive: true }));

  const load = async (binary: string) => (await run('./child.js', ['load'], { ADAPTUNE_BINARY: binary })).stdout;

  it('takes the file that ADAPTUNE_BINARY names', async () => {
    binding();
    expect(await load(addonPath()!)).to.equal('loaded\n');
  });

  it('names a file that is not there, and remedies', async () => {
    const output = await load(join(folder, 'absent.node'));
    expect(output).to.match(/^E_ADDON\nCould not locate the bindings file\. Tried:\n {2}- .*absent\.node\nRemedies:\n/);
    expect(output).to.contain('unset the variable');
  });

  it('names the reason when a file is no addon, and remedies', async () => {
    const damaged = join(folder, 'damaged.node');
    writeFileSync(damaged, 'no machine code '.repeat(100));
    const output = await load(damaged);
    expect(output).to.match(/^E_ADDON\nThe native addon cannot be loaded from .*damaged\.node: /);
    expect(output).to.contain('unset the variable').and.to.contain('Build it here: npm run build');
    const stranger = join(folder, 'stranger.cjs');
    writeFileSync(stranger, 'module.exports = {};');
    expect(await load(stranger)).to.contain('is not an adaptune addon');
  });
});
