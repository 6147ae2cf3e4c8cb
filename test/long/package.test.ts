/** What a user does: installs the packed file with npm from the registry, compiles the addon there, labels a text. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pack } from '../package/package.js';

describe('long/package', function () {
  it('installs without scripts, builds with npx adaptune build, trains and predicts', function () {
    if (spawnSync('npm', ['ping'], { stdio: 'ignore' }).status !== 0) {
      this.test!.title += ' (skipped: no npm registry)';
      this.skip();
    }
    const project = mkdtempSync(join(tmpdir(), 'adaptune-user-'));
    after(() => rmSync(project, { recursive: true, force: true }));
    // The variables of the npm that runs this test are not a user's.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
    const run = (command: string, args: string[], input = '') =>
      execFileSync(command, args, { cwd: project, env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] });

    writeFileSync(join(project, 'package.json'), '{"private": true}');
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', pack().tarball]);
    const built = JSON.parse(run('npx', ['adaptune', 'build', '--json'])) as { addon: string };
    expect(built.addon).to.equal(join(project, 'node_modules/adaptune/build/Release/adaptune.node'));

    const rows = Array.from({ length: 80 }, (_, i) =>
      i % 2 ? `parcel number ${i} is late,delivery` : `invoice number ${i} is wrong,billing`,
    );
    writeFileSync(join(project, 'mails.csv'), `text,label\n${rows.join('\n')}\n`);
    run('npx', ['adaptune', 'train', '--model', 'scratch:tiny', '--train', 'mails.csv', '--out', 'model']);
    const predicted = run('npx', ['adaptune', 'predict', 'model'], 'my parcel is late\n');
    expect(predicted).to.match(/^delivery\t[01]\.\d{4}\tmy parcel is late\n$/);
  });
});
