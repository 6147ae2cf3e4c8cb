import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { cli, jsonl, workspace } from './cli.js';

interface Report {
  chosen: { phrase: string; members?: string[]; uses: number }[];
  mined: { gapped: { closed: number } | null } | null;
  rejected: { code: string }[];
}

describe('cli: mine with gaps', function () {
  this.timeout(60_000);
  const space = workspace();
  const words = 'alpha beta gamma delta omega kappa'.split(' ');
  const rows = Array.from({ length: 60 }, (_, i) => ({
    text: `Case ${i}: inhibits ${words[i % 6]} strongly; ${words[(i * 5 + 1) % 6]} ${words[(i * 7 + 2) % 6]}`,
  }));
  const train = space.write('train.jsonl', jsonl(rows));
  const mine = (...flags: string[]) => cli(['mine', '--train', train, '--model', 'scratch:tiny', ...flags]);

  it('writes patterns with an ellipsis for each gap, and takes them back', async () => {
    const flags = ['--gapped', 'first', '--max-gap', '2', '--ppl-max', '1', '--min-uses', '20'];
    const out = space.at('tokens.csv');
    const { code, stdout, stderr } = await mine(...flags, '--out', out, '--json');
    expect(code, stderr).to.equal(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.chosen.find(({ phrase }) => phrase === 'inhibits … strongly')).to.deep.include({
      members: ['inhibits', 'strongly'],
      uses: 60,
    });
    expect(report.mined!.gapped!.closed).to.be.greaterThan(0);
    expect(readFileSync(out, 'utf8')).to.include('inhibits … strongly');
    const again = JSON.parse((await mine(...flags, '--tokens', out, '--json')).stdout) as Report;
    expect(again.rejected).to.deep.equal([]);
    expect(again.chosen.map(({ phrase }) => phrase)).to.have.members(report.chosen.map(({ phrase }) => phrase));
  });

  it('says what --max-gap goes with', async () => {
    const without = await mine('--max-gap', '2');
    expect(without.code).to.equal(2);
    expect(without.stderr).to.match(
      /E_ARGUMENT: expected 0 for --max-gap without --gapped first or insert but received 2/,
    );
    const endless = await mine('--gapped', 'first', '--max-gap', 'inf');
    expect(endless.code).to.equal(2);
    expect(endless.stderr).to.match(/from 1 to 32 for --max-gap with texts/);
    const none = await mine('--gapped', 'first', '--max-gap', '0');
    expect(none.code).to.equal(2);
    expect(none.stderr).to.match(/from 1 to 32 for maxGap/);
  });
});
