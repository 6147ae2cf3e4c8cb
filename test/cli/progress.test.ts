/** Progress: plain lines without a terminal, a bar on one, and nothing printed into the middle of it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { MAIN, start, TINY, trainedModel } from './cli.js';

/** `script` of util-linux runs a command on a terminal of its own. */
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');
const ESCAPE = '\x1b';

describe('cli/progress', function () {
  this.timeout(60_000);
  let space: Awaited<ReturnType<typeof trainedModel>>;
  before(async () => (space = await trainedModel()));

  it('is a line a stage without a terminal', () => {
    const { stderr } = space.printed;
    expect(stderr).not.to.match(/[\r\x1b█░]/);
    const stages = stderr.split('\n').flatMap((line) => /^([a-z ]+): .* in [\d.]+ s/.exec(line)?.[1] ?? []);
    // The epoch's evaluation, and that of validation and test texts at the end.
    expect(stages).to.deep.equal(['mine', 'head fit', 'calibrate', 'tokens', 'units', 'evaluate', 'evaluate']);
    expect(stderr).to.match(/^units: 2 of 2 steps in [\d.]+ s, loss \d\.\d{4}, epoch 1$/m);
    // One line an epoch, behind that of its evaluation, with the scores that are reported at the end.
    const epochs = /^evaluate: 28 of 28 texts in .*\nepoch 1 of 1: (.*)$/m.exec(stderr)![1]!;
    const { metrics } = JSON.parse(readFileSync(join(space.model, 'adaptune.json'), 'utf8')) as {
      metrics: { last_loss: number; validation: { macroF1: number; accuracy: number } };
    };
    const { macroF1, accuracy } = metrics.validation;
    expect(epochs).to.equal(
      `training loss ${metrics.last_loss.toFixed(4)}, validation macro-F1 ${macroF1.toFixed(3)}, accuracy ${accuracy.toFixed(3)}`,
    );
  });

  const onTerminal = (args: string[], env: NodeJS.ProcessEnv = {}) => {
    const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
    return start('script', ['-qec', words, '/dev/null'], { env: { TERM: 'xterm', ...env }, input: null }).ended;
  };

  it('is a bar on a terminal, taken away before a line is printed', async function () {
    if (!hasScript) this.skip();
    const files = ['--train', space.train, '--validation', space.train, '--out', space.at('shown')];
    const { code, stdout } = await onTerminal(['train', ...TINY, ...files]);
    expect(code, stdout).to.equal(0);
    expect(stdout)
      .to.match(/units █*░* \d of 2 steps/)
      .and.to.contain('calibrate █');
    const lines = stdout.split('\r\n');
    // A line that follows a bar follows the sequence that clears it; nothing else stands before it.
    const ends = lines.filter((line) => / in [\d.]+ s/.test(line) && line.includes(ESCAPE));
    expect(ends.length).to.be.greaterThan(4);
    for (const line of ends) expect(line.slice(line.lastIndexOf(ESCAPE))).to.match(/^\x1b\[2K[a-z ]+: /);
    const results = lines.slice(lines.findIndex((line) => /new tokens; texts/.test(line)));
    expect(results.length).to.be.greaterThan(10);
    expect(results.join('\n')).not.to.contain(ESCAPE);
    const count = (sequence: string) => stdout.split(sequence).length - 1;
    expect(count('\x1b[?25h'), 'the cursor is shown as often as it is hidden').to.equal(count('\x1b[?25l'));
  });

  it('is plain on a terminal without escapes', async function () {
    if (!hasScript) this.skip();
    const { code, stdout } = await onTerminal(['evaluate', space.model, '--data', space.train], { TERM: 'dumb' });
    expect(code, stdout).to.equal(0);
    expect(stdout)
      .to.match(/^evaluate: 56 of 56 texts in /)
      .and.not.to.contain(ESCAPE);
  });
});
