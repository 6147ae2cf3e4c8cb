/** `predict` as one part of a pipe: labels come as the texts do, and an end of either side ends it. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { isTemporary } from '../../lib/util/files.js';
import { cli, MAIN, ok, start, startCli, trainedModel } from './cli.js';

describe('cli/stream', function () {
  this.timeout(60_000);
  let space: Awaited<ReturnType<typeof trainedModel>>;
  before(async () => (space = await trainedModel()));

  /** A predict whose standard input stays open, and its lines as they come. */
  function open(args: string[] = []) {
    const running = startCli(['predict', space.model, ...args], { input: null });
    let stdout = '';
    running.child.stdout!.on('data', (text: string) => (stdout += text));
    const lines = async (count: number): Promise<string[]> => {
      while (stdout.split('\n').length <= count) await once(running.child.stdout!, 'data');
      return stdout.split('\n').slice(0, count);
    };
    return { ...running, lines };
  }
  const texts = (lines: readonly string[]) => lines.map((line) => line.split('\t').at(-1));

  it('labels every text when it comes, the same as all at once', async () => {
    const { child, lines, ended } = open();
    const written = ['leak alarm', 'return manifold', 'feed pump', ''];
    for (const [i, text] of written.entries()) {
      child.stdin!.write(`${text}\n`);
      expect(texts(await lines(i + 1))).to.deep.equal(written.slice(0, i + 1));
    }
    child.stdin!.end();
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).to.equal(0);
    expect(stdout).to.equal(await ok(['predict', space.model], { input: written.join('\n') + '\n' }));
  });

  it('ends at a line that is not valid, after the labels of those before it', async () => {
    const { child, lines, ended } = open();
    child.stdin!.write('{"text":"one"}\n{"text":"two"}\n');
    await lines(2);
    child.stdin!.write('{"text":"three"}\n{"text":4}\n{"text":"five"}\n');
    // Its standard input stays open.
    const { code, stdout, stderr } = await ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(/^adaptune: E_DATA: standard input: line 4: expected a string in column "text", came 4\n$/);
    expect(texts(stdout.trimEnd().split('\n'))).to.deep.equal(['one', 'two', 'three']);

    const broken = space.write('broken.csv', 'text\none\ntwo\n"three\n');
    const file = await cli(['predict', space.model, broken]);
    expect([file.code, texts(file.stdout.trimEnd().split('\n'))]).to.deep.equal([1, ['one', 'two']]);
    expect(file.stderr).to.match(/E_DATA: .*broken\.csv: line 4: expected CSV, came a quote that is never closed\n$/);
  });

  it('writes --out and --json whole or not at all', async () => {
    const broken = space.write('broken.jsonl', '{"text":"one"}\n{"text":\n');
    const out = space.at('stream.csv');
    for (const old of [false, true]) {
      if (old) writeFileSync(out, 'old\n');
      const { code, stdout, stderr } = await cli(['predict', space.model, broken, '--out', out]);
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr).to.match(/E_DATA: .*broken\.jsonl: line 2: /);
      expect(existsSync(out) && readFileSync(out, 'utf8')).to.equal(old && 'old\n');
    }
    const { code, stdout } = await cli(['predict', space.model, broken, '--json']);
    expect([code, Object.keys(JSON.parse(stdout) as object)]).to.deep.equal([1, ['error']]);

    const { child, ended } = open(['--out', out]);
    child.stdin!.write('one\n');
    // The temporary file is there once the first text is waited for.
    while (!readdirSync(space.folder).some(isTemporary)) await new Promise((done) => setTimeout(done, 10));
    expect(readFileSync(out, 'utf8')).to.equal('old\n');
    child.kill('SIGTERM');
    expect((await ended).code).to.equal(130);
    expect(readFileSync(out, 'utf8')).to.equal('old\n');
    expect(readdirSync(space.folder).filter(isTemporary)).to.deep.equal([]);

    const whole = open(['--out', out]);
    whole.child.stdin!.end('one\ntwo');
    expect((await whole.ended).stderr).to.match(/^predict: 2 texts in .*\n2 texts labelled in .*, written to /);
    expect(readFileSync(out, 'utf8')).to.match(/^text,label,score\none,[^]*\ntwo,/);
  });

  it('ends quietly when its reader leaves an endless input', async () => {
    const command = [process.execPath, MAIN, 'predict', space.model].map((word) => `'${word}'`).join(' ');
    const piped = `yes 'return manifold' | { ${command}; echo "ended $?" >&2; } | head -3`;
    const { stdout, stderr } = await start('sh', ['-c', piped]).ended;
    expect(texts(stdout.trimEnd().split('\n'))).to.deep.equal(new Array(3).fill('return manifold'));
    expect(stderr).to.match(/^ended (0|141)\n$/);
  });

  it('clears what a killed one left of the file that it writes', async () => {
    const folder = space.at('killed');
    const out = join(folder, 'labels.jsonl');
    mkdirSync(folder);
    const leave = async () => {
      const running = open(['--out', out]);
      running.child.stdin!.write('one\n');
      while (!readdirSync(folder).some((name) => name.includes(`-${running.child.pid}-`)))
        await new Promise((done) => setTimeout(done, 10));
      return running;
    };
    const killed = await leave();
    killed.child.kill('SIGKILL');
    await killed.ended;
    const [left] = readdirSync(folder);
    expect(isTemporary(left!)).to.equal(true);
    // One that is at work is not touched, nor kept from its end.
    const living = await leave();
    expect(readdirSync(folder).filter(isTemporary)).to.have.length(1).and.not.include(left);
    await ok(['predict', space.model, '--out', out], { input: 'two\n' });
    expect(readFileSync(out, 'utf8')).to.match(/^\{"text":"two",/);
    living.child.stdin!.end();
    expect((await living.ended).code).to.equal(0);
    expect(readFileSync(out, 'utf8')).to.match(/^\{"text":"one",/);
    expect(readdirSync(folder)).to.deep.equal(['labels.jsonl']);
  });
});
