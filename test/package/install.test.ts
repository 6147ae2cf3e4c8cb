/** The first minutes of a project that depends on adaptune: without its addon, building it, with it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { addonPath, binding } from '../../lib/native/binding.js';
import { oneObject, start, trainedModel } from '../cli/cli.js';
import { install, MANIFEST } from './package.js';

describe('package/install', function () {
  this.timeout(60_000);
  let project: string;
  let main: string;
  /** Stands for the npm that runs the command: its node-gyp is used, as there is none beside adaptune. */
  let npm: string;
  before(() => {
    ({ project, main } = install());
    npm = join(project, 'npm');
  });

  /** No variable of the clone's own npm run reaches the command. */
  const env = () => ({
    ADAPTUNE_BINARY: '',
    ADAPTUNE_ISA: '',
    npm_execpath: join(npm, 'bin/npm-cli.js'),
  });
  const run = (args: string[]) => start(process.execPath, [main, ...args], { env: env() }).ended;
  const script = (text: string) => {
    const path = join(project, 'script.mjs');
    writeFileSync(path, text);
    return start(process.execPath, [path], { env: env() }).ended;
  };
  const nodeGyp = (text: string) => {
    const folder = join(npm, 'node_modules/node-gyp/bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'node-gyp.js'), text);
  };
  const forget = () => rmSync(join(project, 'node_modules/adaptune/build'), { recursive: true, force: true });

  it('imports without the addon, and says how to build it where it is needed', async () => {
    const { code, stdout, stderr } = await script(`
      import { Classifier, ERRORS, train } from 'adaptune';
      import { mineClosedSequences } from 'adaptune/mining';
      const patterns = await mineClosedSequences([Int32Array.of(1, 2)], { minSupport: 1 });
      const codes = [];
      for (const call of [
        () => Classifier.load('model'),
        () => train({ model: 'scratch:tiny', train: { texts: ['a', 'b'], labels: ['x', 'y'] }, out: 'out' }),
      ]) await call().catch(({ code, message }) => codes.push(code, message));
      console.log(JSON.stringify({ patterns: patterns.length, listed: 'E_ADDON' in ERRORS, codes }));`);
    expect(code, stderr).to.equal(0);
    const { patterns, listed, codes } = oneObject(stdout) as { patterns: number; listed: boolean; codes: string[] };
    expect([patterns, listed]).to.deep.equal([1, true]);
    expect(codes[0]).to.equal('E_ADDON');
    expect(codes[1]).to.match(
      /^Could not locate the bindings file\. Tried:\n {2}- .*node_modules\/adaptune\/build\/Release/,
    );
    expect(codes[1]).to.contain('Build it: npx adaptune build').and.not.to.contain('npm run build');
  });

  it('mines in worker threads, also from a script on the command line', async () => {
    const text = `
      import { mineSequences } from 'adaptune/mining';
      const rows = Array.from({ length: 3000 }, (_, s) => Int32Array.from({ length: 30 }, (_, i) => (s * i * i + i) % 23));
      const mined = (threads) => mineSequences(rows, { minSupport: 800, maxGap: Infinity, threads }, 0);
      const [alone, beside] = [await mined(1), await mined(3)];
      console.log(JSON.stringify({ patterns: alone.patterns.length, same: JSON.stringify(alone) === JSON.stringify(beside) }));`;
    const args = ['--input-type=module', '--eval', text];
    const { code, stdout, stderr } = await start(process.execPath, args, { cwd: project }).ended;
    expect(code, stderr).to.equal(0);
    const { patterns, same } = oneObject(stdout) as { patterns: number; same: boolean };
    expect(patterns).to.be.greaterThan(50);
    expect(same).to.equal(true);
  });

  it('prints its version and help, and names the command in doctor', async () => {
    const [version, help, doctor] = await Promise.all([run(['--version']), run(['build', '--help']), run(['doctor'])]);
    expect(version.stdout).to.equal(`${MANIFEST.version}\n`);
    expect(help.code).to.equal(0);
    expect(doctor.code).to.equal(1);
    expect(doctor.stdout).to.match(/^BAD {2}addon +E_ADDON\n( .*\n)*.*Build it: npx adaptune build/m);
  });

  it('says what is needed when the build fails, and keeps stdout for the one object', async () => {
    nodeGyp(`console.log('no compiler'); process.exitCode = 3;`);
    const { code, stdout, stderr } = await run(['build', '--json']);
    expect(code).to.equal(1);
    expect(oneObject(stdout)).to.have.nested.property('error.code', 'E_ADDON');
    expect(stderr)
      .to.contain('no compiler')
      .and.to.contain('node-gyp exited with 3')
      .and.to.contain('apt-get install g++');
    expect(stderr).to.match(/\nadaptune: E_ADDON: the addon was not built: [^\n]+\n$/);
  });

  it('reports a file that was built and cannot be loaded', async () => {
    nodeGyp(`const { mkdirSync, writeFileSync } = require('node:fs');
      mkdirSync('build/Release', { recursive: true });
      writeFileSync('build/Release/adaptune.node', 'no machine code');`);
    const { code, stderr } = await run(['build']);
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /adaptune: E_ADDON: The native addon cannot be loaded from .*node_modules\/adaptune\/build/,
    );
    expect(stderr).to.contain('Build it here: npx adaptune build');
    forget();
  });

  it('builds with the node-gyp of npm, in its own folder, and works from then on', async () => {
    binding();
    nodeGyp(`const { mkdirSync, copyFileSync, existsSync } = require('node:fs');
      if (!process.argv.includes('build') || !existsSync('binding.gyp')) process.exit(1);
      mkdirSync('build/Release', { recursive: true });
      copyFileSync(${JSON.stringify(addonPath())}, 'build/Release/adaptune.node');`);
    const built = await run(['build', '--json']);
    expect(built.code, built.stderr).to.equal(0);
    const home = join(project, 'node_modules/adaptune');
    expect(oneObject(built.stdout)).to.include({ addon: join(home, 'build/Release/adaptune.node') });
    const { model, train } = await trainedModel();
    const predicted = await run(['predict', model, train, '--json']);
    expect(predicted.code, predicted.stderr).to.equal(0);
    expect(oneObject(predicted.stdout)).to.include({ texts: 56 });
    const doctor = await run(['doctor']);
    expect(doctor.code, doctor.stdout).to.equal(0);
    forget();
  });
});
