/** Locks between processes: one wins, the kernel releases with the process, children do not inherit (RELIABILITY 35). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { binding } from '../../lib/native/binding.js';
import { until } from './tiny.js';

describe('lockFile', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-lock-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('one holder at a time, also within a process', () => {
    const lock = binding().lockFile(path)!;
    expect(lock).to.be.a('number');
    expect(binding().lockFile(path)).to.equal(null);
    binding().unlockFile(lock);
    expect(() => binding().unlockFile(lock))
      .to.throw(AdaptuneError)
      .with.property('code', 'E_ARGUMENT');
    const again = binding().lockFile(path)!;
    binding().unlockFile(again);
  });

  it('a file that cannot be opened is E_FILE', () => {
    expect(() => binding().lockFile(join(folder, 'absent', 'lock')))
      .to.throw(AdaptuneError, /absent.*No such file/)
      .with.property('code', 'E_FILE');
  });

  it('a killed process leaves no lock, though a child of it lives on', async () => {
    const script = fileURLToPath(new URL('./child.js', import.meta.url));
    const holder: ChildProcess = spawn(process.execPath, [script, 'lock', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(holder.stdout!, 'data')) as [Buffer];
    const grandchild = Number(line.toString());
    expect(grandchild).to.be.greaterThan(0);
    expect(binding().lockFile(path)).to.equal(null);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    let lock: number | null = null;
    await until(() => (lock = binding().lockFile(path)) !== null);
    process.kill(grandchild, 0); // throws when it is gone
    process.kill(grandchild);
    binding().unlockFile(lock!);
  });
});
