import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  isTemporary,
  makeDirectory,
  setRecorder,
  syncDirectory,
  writeAtomic,
  writeDurable,
} from '../../lib/util/files.js';
import type { Recorded } from '../../lib/util/files.js';
import { Words } from '../../lib/util/philox.js';
import { Disk } from '../helpers/power-loss.js';

describe('power loss', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-power-'));
  });
  afterEach(() => {
    setRecorder(null);
    rmSync(dir, { recursive: true });
  });

  async function record(work: (root: string) => Promise<void>): Promise<Recorded[]> {
    const root = join(dir, 'root');
    mkdirSync(root);
    const log: Recorded[] = [];
    setRecorder((done) => log.push(done));
    await work(root);
    setRecorder(null);
    return log;
  }

  /** Calls `check` with the folder after a power failure in each of `states` random ways, and how much was done before. */
  function replay(log: Recorded[], states: number, check: (root: string, done: number) => void): void {
    const words = new Words({ seed: 1, stream: 'sample' });
    for (let state = 0; state < states; state++) {
      const done = words.below(log.length + 1);
      const disk = new Disk(join(dir, 'root'));
      for (const operation of log.slice(0, done)) disk.apply(operation);
      const target = join(dir, `state-${state}`);
      disk.lose(target, (n) => words.below(n));
      check(target, done);
      rmSync(target, { recursive: true });
    }
  }

  it('leaves the old or the new file of an atomic write', async () => {
    const versions = ['one', 'second version', '3'].map((text) => text.repeat(1000));
    /** Operations done when each version's write returned. */
    const returned: number[] = [];
    const log: Recorded[] = [];
    const root = join(dir, 'root');
    mkdirSync(root);
    setRecorder((done) => log.push(done));
    for (const version of versions) {
      await writeAtomic(join(root, 'state'), version);
      returned.push(log.length);
    }
    setRecorder(null);
    const seen = new Set<string>();
    replay(log, 300, (folder, done) => {
      const path = join(folder, 'state');
      const content = existsSync(path) ? readFileSync(path, 'utf8') : '';
      const oldest = returned.findLastIndex((count) => count <= done);
      expect(['', ...versions].slice(oldest + 1, oldest + 3)).to.include(content);
      seen.add(content);
      expect(readdirSync(folder).every((name) => name === 'state' || isTemporary(name))).to.equal(true);
    });
    // The replay reached every version, and the time before the first.
    expect(seen.size).to.equal(4);
  });

  it('leaves a whole folder once its last file is there', async () => {
    const log = await record(async (root) => {
      await makeDirectory(join(root, 'a/b'));
      for (const name of ['x', 'y']) await writeDurable(join(root, 'a/b', name), name.repeat(500));
      await syncDirectory(join(root, 'a/b'));
      await writeAtomic(join(root, 'current'), 'a/b');
    });
    let whole = 0;
    replay(log, 300, (folder) => {
      if (!existsSync(join(folder, 'current'))) return;
      whole++;
      expect(readFileSync(join(folder, 'current'), 'utf8')).to.equal('a/b');
      for (const name of ['x', 'y']) expect(readFileSync(join(folder, 'a/b', name), 'utf8')).to.equal(name.repeat(500));
    });
    expect(whole).to.be.above(10);
  });

  it('is noticed by this test when a sync is left out', async () => {
    const log = await record((root) => writeAtomic(join(root, 'state'), 'new'.repeat(1000)));
    const careless = log.filter(({ operation, path }) => operation !== 'sync' || path === join(dir, 'root'));
    let broken = 0;
    replay(careless, 200, (folder) => {
      const path = join(folder, 'state');
      if (existsSync(path) && readFileSync(path, 'utf8') !== 'new'.repeat(1000)) broken++;
    });
    expect(broken).to.be.above(10);
  });
});
