/** Ctrl-C, SIGTERM and SIGHUP, --resume, and two runs on one folder. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { interruptible } from '../../lib/cli/interrupts.js';
import { sha256 } from '../../lib/util/hash.js';
import { cli, type Ended, inPairs, jsonl, oddRows, oneObject, startCli, workspace } from './cli.js';

const space = workspace();
/** 84 texts in batches of 16, 12 epochs: 72 steps, 22 of them in the token phase. */
const RUN = [
  'train --model scratch:tiny --threads 1 --epochs 12 --batch 16 --save-every 7 --seed 3 --min-support 2 --min-uses 2 --score rank',
  `--train ${space.at('train.jsonl')} --validation ${space.at('validation.jsonl')}`,
].flatMap((flags) => flags.split(' '));
const weights = (out: string) => sha256(readFileSync(`${out}/model.safetensors`));

describe('cli/interrupt', function () {
  this.timeout(120_000);
  let whole: string;
  before(async () => {
    space.write('train.jsonl', jsonl(await oddRows(84, 1)));
    space.write('validation.jsonl', jsonl(await oddRows(28, 2)));
    const { code, stderr } = await cli([...RUN, '--out', space.at('whole')]);
    expect(code, stderr).to.equal(0);
    whole = weights(space.at('whole'));
  });

  /** Starts a run, sends the signals as soon as `line` is on stderr, and waits for the end. */
  async function interrupted(
    out: string,
    line: string,
    signals: NodeJS.Signals[],
    more: string[] = [],
  ): Promise<Ended> {
    const run = startCli([...RUN, '--out', out, ...more]);
    await run.says(line);
    for (const signal of signals) run.child.kill(signal);
    return run.ended;
  }

  const resume = (out: string, more: string[] = []) => cli([...RUN, '--out', out, '--resume', ...more]);

  // The line of a stage is printed when the next one reports for the first time.
  const PLACES: [after: string, signal: NodeJS.Signals][] = [
    ['mine', 'SIGINT'],
    ['head fit', 'SIGTERM'],
    ['calibrate', 'SIGINT'],
    ['tokens', 'SIGHUP'],
    ['units', 'SIGTERM'],
  ];
  it('leaves a checkpoint in every stage, exits with 130, and resumes to the same bytes', () =>
    inPairs(PLACES, async ([after, signal]) => {
      const out = space.at(`after-${after.replace(' ', '-')}`);
      const { code, stdout, stderr } = await interrupted(out, `${after}: `, [signal], ['--json']);
      expect(code, stderr).to.equal(130);
      const { error } = oneObject(stdout) as { error: { code: string; message: string } };
      expect(error.code).to.equal('E_INTERRUPTED');
      expect(error.message).to.match(/^stopped on request in the stage "[a-z ]+"; --resume continues$/);
      expect(stderr).to.contain('stopping at the next safe point');
      expect(readdirSync(out)).to.deep.equal(['checkpoints']);
      const resumed = await resume(out, ['--json']);
      expect(resumed.code, resumed.stderr).to.equal(0);
      expect(oneObject(resumed.stdout)).to.include({ resumed: true });
      expect(weights(out)).to.equal(whole);
    }));

  it('stops at once at the second signal, and still resumes to the same bytes', async () => {
    const out = space.at('twice');
    const { code, stderr } = await interrupted(out, 'tokens: ', ['SIGINT', 'SIGTERM']);
    expect(code).to.equal(130);
    // Stopped before the work noticed the first.
    expect(stderr).to.contain('stopping at the next safe point').and.not.to.contain('E_INTERRUPTED');
    const resumed = await resume(out);
    expect(resumed.code, resumed.stderr).to.equal(0);
    expect(weights(out)).to.equal(whole);
  });

  it('takes the echo of a signal for the same request', () => {
    const told: string[] = [];
    const leave = () => expect.fail('the echo would have ended the process');
    const { signal, release } = interruptible((text) => told.push(text), leave);
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('SIGTERM', 'SIGTERM');
    release();
    expect(told).to.have.length(1);
    expect(signal.reason).to.have.property('code', 'E_INTERRUPTED');
  });

  it('refuses to resume other work, and to begin anew on an unfinished run', async () => {
    const out = space.at('other');
    await interrupted(out, 'head fit: ', ['SIGINT']);
    const moreTexts = space.write('more.jsonl', jsonl(await oddRows(91, 4)));
    const a = await resume(out, ['--seed', '4', '--lr', '0.5', '--threads', '2']);
    const b = await resume(out, ['--train', moreTexts]);
    const c = await cli([...RUN, '--out', out]);
    expect([a.code, b.code, c.code]).to.deep.equal([1, 1, 1]);
    expect(a.stderr).to.match(/E_RESUME: .*these differ: lr \(null then, 0\.5 now\), seed \(3 then, 4 now\)\n$/);
    expect(b.stderr).to.match(/E_RESUME: .*these differ: train \(other contents\)\n$/);
    expect(c.stderr).to.match(
      /E_OUTPUT_EXISTS: .*an unfinished run is in it: continue it with --resume, or delete it\n$/,
    );
  });

  it('lets one of two runs on a folder work; a killed run leaves no lock behind', async () => {
    const out = space.at('contested');
    const first = startCli([...RUN, '--out', out]);
    await first.says('mine: ');
    const second = await resume(out);
    expect(second.code).to.equal(1);
    expect(second.stderr).to.match(new RegExp(`E_LOCKED: .*process ${first.child.pid} holds it\n$`));
    first.child.kill('SIGKILL');
    expect((await first.ended).signal).to.equal('SIGKILL');
    const third = await resume(out);
    expect(third.code, third.stderr).to.equal(0);
    expect(weights(out)).to.equal(whole);
  });

  it('ends a command that waits for standard input', async () => {
    const { child, ended } = startCli(['predict', space.at('whole')], { input: null });
    child.stdin!.write('a text\n');
    await once(child.stdout!, 'data');
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).to.equal(130);
    expect(stdout).to.match(/^[^\n]+\ta text\n$/);
    expect(stderr).to.match(/adaptune: E_INTERRUPTED: stopped on request\n$/);
  });
});
