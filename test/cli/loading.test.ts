/** What is loaded, and when: help must not cost a schema library, the miner must stand alone, a missing addon must be explained. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cli, MAIN, oneObject, start, trainedModel } from './cli.js';

/** Node writes here, as a process ends, every script that it loaded. */
async function loaded(args: string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'adaptune-loaded-'));
  try {
    const { code, stderr } = await start(process.execPath, args, { env: { NODE_V8_COVERAGE: folder } }).ended;
    expect(code, stderr).to.equal(0);
    const [file] = readdirSync(folder);
    const { result } = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Names of the packages among the scripts. */
const packages = (urls: string[]) =>
  new Set(urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []));

/** `bindings` is loaded with lib/native/binding.ts, though the addon itself only with the first call. */
const HEAVY = ['zod', 'tokenizers', 'bindings', 'yaml'];

describe('cli/loading', function () {
  this.timeout(60_000);

  it('help and version load neither addon nor schema library nor tokenizers', async () => {
    for (const args of [
      ['--version'],
      ['--help'],
      ['train', '--help'],
      ['mine', '--help'],
      ['predict', '--help'],
      ['evaluate', '--help'],
    ]) {
      const urls = await loaded([MAIN, ...args]);
      expect(urls.filter((url) => url.endsWith('/cli/main.js'))).to.have.length(1);
      const names = packages(urls);
      expect(
        HEAVY.filter((name) => names.has(name)),
        args.join(' '),
      ).to.be.empty;
    }
    // The list would show them: a command at work loads all but yaml.
    const { model, train } = await trainedModel();
    const names = packages(await loaded([MAIN, 'predict', model, train]));
    expect(HEAVY.filter((name) => names.has(name))).to.deep.equal(['zod', 'tokenizers', 'bindings']);
  });

  it('adaptune/mining loads no package at all', async () => {
    const script = `
      import { mineClosedSequences } from 'adaptune/mining';
      const [pattern] = await mineClosedSequences([Int32Array.of(1, 2)], { minSupport: 1 });
      if (pattern.items.length !== 2) throw new Error('not mined');`;
    const urls = await loaded(['--input-type=module', '--eval', script]);
    expect(urls.filter((url) => url.includes('/lib/mining/')).length).to.be.greaterThan(5);
    expect([...packages(urls)]).to.deep.equal([]);
    expect(urls.filter((url) => /\/lib\/(native|model|train|cli)\//.test(url))).to.deep.equal([]);
  });

  it('adaptune/kernels loads the addon and nothing of the trainer', async () => {
    const script = `
      import { columnSum, Device } from 'adaptune/kernels';
      const device = Device.open({ threads: 1 });
      const [sum] = await columnSum(device, { data: Float32Array.of(1, 2), rows: 2, cols: 1 });
      if (sum !== 3) throw new Error('not added');
      device.close();`;
    const urls = await loaded(['--input-type=module', '--eval', script]);
    expect(urls.filter((url) => url.includes('/lib/kernels/')).length).to.be.greaterThan(5);
    expect([...packages(urls)]).to.deep.equal(['bindings', 'file-uri-to-path']);
    expect(urls.filter((url) => /\/lib\/(model|train|select|cli)\//.test(url))).to.deep.equal([]);
  });

  it('a missing addon is one error with remedies, and help still works', async () => {
    const env = { ADAPTUNE_BINARY: '/nonexistent/adaptune.node' };
    const { model, train } = await trainedModel();
    const [predict, help, doctor, json] = await Promise.all([
      cli(['predict', model, train, '--json'], { env }),
      cli(['train', '--help'], { env }),
      cli(['doctor'], { env }),
      cli(['doctor', '--json'], { env }),
    ]);
    expect(predict.code).to.equal(1);
    expect((oneObject(predict.stdout) as { error: { code: string } }).error.code).to.equal('E_ADDON');
    expect(predict.stderr).to.match(/^adaptune: E_ADDON: .*\n {2}- \/nonexistent\/adaptune\.node\nRemedies:\n {2}- /);
    expect(predict.stderr).not.to.match(/^ +at /m);
    expect(help.code).to.equal(0);
    expect(doctor.code).to.equal(1);
    expect(doctor.stdout).to.match(/^BAD {2}addon .*\n(.*\n)*.*ADAPTUNE_BINARY names this file/m);
    expect(json.code).to.equal(1);
    const { ok, checks } = oneObject(json.stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] };
    expect(ok).to.equal(false);
    expect(checks.filter((check) => !check.ok).map(({ name }) => name)).to.deep.equal(['addon']);
  });

  it('doctor finds everything here, and names a wrong ADAPTUNE_ISA', async () => {
    const [here, wrong] = await Promise.all([
      cli(['doctor', '--json']),
      cli(['doctor'], { env: { ADAPTUNE_ISA: 'mmx' } }),
    ]);
    expect(here.code, here.stdout).to.equal(0);
    expect(oneObject(here.stdout)).to.include({ ok: true });
    expect(wrong.code).to.equal(1);
    expect(wrong.stdout).to.match(/^BAD {2}instruction set +mmx\n +ADAPTUNE_ISA: expected one of /m);
  });
});
