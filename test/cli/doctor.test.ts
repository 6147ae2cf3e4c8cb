/** Every branch of `doctor`'s advice, with an addon made up for it or a spoilt environment. */
import { expect } from 'chai';
import type { SystemInfo } from '../../lib/native/binding.js';
import { packageVersion } from '../../lib/util/version.js';
import { cli, oneObject, workspace } from './cli.js';

interface Check {
  name: string;
  ok: boolean;
  value: string;
  advice?: string;
}

const GOOD: SystemInfo = {
  version: packageVersion(),
  isas: ['ref', 'scalar', 'avx2', 'avx512'],
  cpuModel: 'A Processor',
  logicalCpus: 8,
  affinityCpus: 8,
  quotaCpus: null,
  defaultThreads: 8,
  memoryLimit: null,
  memoryTotal: 16 * 2 ** 30,
};

/** Loaded before the program, which then sees what it made of the process. */
const preload = (script: string) => ({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` });
const nodeVersion = (version: string) =>
  preload(`Object.defineProperty(process, 'version', { value: 'v${version}' });
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`);
const withoutTokenizers = preload(`import { register } from 'node:module';
  const hooks = "export const resolve = (name, context, next) => { if (name === 'tokenizers') throw new Error('Cannot find native binding'); return next(name, context); };";
  register('data:text/javascript,' + encodeURIComponent(hooks));`);

describe('cli/doctor', function () {
  this.timeout(60_000);
  const space = workspace();
  let made = 0;
  /** A script that stands in for the addon. */
  const addon = (info: Partial<SystemInfo>) =>
    space.write(`addon-${made++}.cjs`, `exports.systemInfo = () => (${JSON.stringify({ ...GOOD, ...info })});`);

  /** The one check of that name, after asserting that no other one is bad or gives advice. */
  async function only(name: string, env: Record<string, string>, info: Partial<SystemInfo> = {}): Promise<Check> {
    const { code, stdout } = await cli(['doctor', '--json'], {
      env: { ADAPTUNE_BINARY: addon(info), ADAPTUNE_ISA: '', ...env },
    });
    const { ok, checks } = oneObject(stdout) as { ok: boolean; checks: Check[] };
    const found = checks.find((check) => check.name === name)!;
    expect(
      checks.filter((check) => check !== found && (!check.ok || check.advice !== undefined)),
      stdout,
    ).to.deep.equal([]);
    expect([code, ok], stdout).to.deep.equal(found.ok ? [0, true] : [1, false]);
    return found;
  }

  it('has no advice for a machine and an installation in order', async () => {
    const check = await only('threads', {});
    expect(check).to.deep.equal({
      name: 'threads',
      ok: true,
      value: '8 by default (8 processors, 8 allowed, no quota)',
    });
  });

  it('marks what is in order, what is worth knowing, and what is bad', async () => {
    const env = { ADAPTUNE_BINARY: addon({ quotaCpus: 0.5, defaultThreads: 1 }), ADAPTUNE_ISA: 'mmx' };
    const { code, stdout, stderr } = await cli(['doctor'], { env });
    expect([code, stderr]).to.deep.equal([1, '']);
    expect(stdout).to.match(/^ok {3}adaptune +\d+\.\d+\.\d+$/m);
    expect(stdout).to.match(/^note threads +1 by default .*quota 0\.50\)\n {5}less than one processor: /m);
    expect(stdout).to.match(
      /^BAD {2}instruction set +mmx\n {5}ADAPTUNE_ISA: expected one of ref, scalar, avx2, avx512;/m,
    );
    expect(stdout).to.match(/\nsee the lines marked BAD\n$/);
  });

  const NODES: [version: string, ok: boolean][] = [
    ['18.20.8', false],
    ['20.18.3', false],
    ['20.19.0', true],
    ['21.7.3', false],
    ['22.11.0', false],
    ['22.12.0', true],
    ['23.0.0', true],
    ['24.1.0', true],
  ];
  for (const [version, good] of NODES)
    it(`${good ? 'accepts' : 'refuses'} Node.js ${version}`, async () => {
      const { ok, value, advice } = await only('Node.js', nodeVersion(version));
      expect([ok, value]).to.deep.equal([good, `v${version}`]);
      if (good) expect(advice).to.equal(undefined);
      else expect(advice).to.contain('20.19').and.to.contain('22.12');
    });

  it('says how to get the tokenizer library back', async () => {
    const { ok, value, advice } = await only('tokenizers', withoutTokenizers);
    expect([ok, value]).to.deep.equal([false, 'Cannot find native binding']);
    expect(advice).to.contain('remove node_modules and install again');
  });

  it('says which file is of another version', async () => {
    const { ok, value, advice } = await only('addon', {}, { version: '0.0.9' });
    expect(ok).to.equal(false);
    expect(value).to.match(/addon-\d+\.cjs \(0\.0\.9\)$/);
    expect(advice).to.equal(
      `ADAPTUNE_BINARY names a file of another version than ${packageVersion()}: correct the path, or unset the variable`,
    );
  });

  it('gives the remedies of an addon that cannot be loaded', async () => {
    const { ok, value, advice } = await only('addon', { ADAPTUNE_BINARY: space.at('absent.node') });
    expect([ok, value]).to.deep.equal([false, 'E_ADDON']);
    expect(advice).to.contain('absent.node').and.to.contain('unset the variable');
  });

  const ISAS: [what: string, isa: string, isas: SystemInfo['isas'], ok: boolean, advice: RegExp | null][] = [
    ['takes the widest instruction set', '', GOOD.isas, true, null],
    ['takes it by name', 'avx512', GOOD.isas, true, null],
    ['says that a wider one is there', 'avx2', GOOD.isas, true, /^avx512 would be faster: unset ADAPTUNE_ISA$/],
    ['says that there are no vector kernels', '', ['ref', 'scalar'], true, /^no vector kernels/],
    [
      'refuses one that this processor lacks',
      'avx512',
      ['ref', 'scalar', 'avx2'],
      false,
      /expected one of ref, scalar, avx2;/,
    ],
  ];
  for (const [what, ADAPTUNE_ISA, isas, good, wanted] of ISAS)
    it(what, async () => {
      const { ok, advice } = await only('instruction set', { ADAPTUNE_ISA }, { isas });
      expect(ok).to.equal(good);
      if (wanted === null) expect(advice).to.equal(undefined);
      else expect(advice).to.match(wanted);
    });

  it('says that less than a processor is throttled, and that one and a half are not', async () => {
    expect((await only('threads', {}, { quotaCpus: 0.5, defaultThreads: 1 })).advice).to.contain('raise the quota');
    const { value, advice } = await only('threads', {}, { quotaCpus: 1.5, defaultThreads: 1 });
    expect([value, advice]).to.deep.equal(['1 by default (8 processors, 8 allowed, quota 1.50)', undefined]);
  });

  it('says what little memory is enough for', async () => {
    const tight = await only('memory', {}, { memoryLimit: 300 * 2 ** 20 });
    expect([tight.ok, tight.value]).to.deep.equal([true, '300 MiB (container limit)']);
    expect(tight.advice).to.contain('enough to predict').and.to.contain('--batch');
    expect((await only('memory', {}, { memoryTotal: 2 ** 29 })).advice).to.contain('--max-length');
    expect((await only('memory', {}, { memoryLimit: 2 ** 30 })).advice).to.equal(undefined);
  });
});
