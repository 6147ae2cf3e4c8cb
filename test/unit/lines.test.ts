import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { setFaultPlan } from '../../lib/util/files.js';
import { LINE_LIMIT, readLines } from '../../lib/util/lines.js';
import type { Line } from '../../lib/util/lines.js';
import { failure } from '../helpers/failure.js';

async function linesOf(path: string, options?: { ends?: boolean }): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(path, options)) lines.push(line);
  return lines;
}

describe('lines', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-lines-'));
  });
  afterEach(() => {
    setFaultPlan(null);
    rmSync(dir, { recursive: true });
  });

  it('eats a byte order mark, CRLF and a missing last end', async () => {
    writeFileSync(join(dir, 'a'), '\ufeffone\r\n\r\ntwo\rstill\nlast');
    expect(await linesOf(join(dir, 'a'))).to.deep.equal([
      { line: 1, text: 'one' },
      { line: 2, text: '' },
      { line: 3, text: 'two\rstill' },
      { line: 4, text: 'last' },
    ]);
    expect((await linesOf(join(dir, 'a'), { ends: true })).map((l) => l.text).join('')).to.equal(
      'one\r\n\r\ntwo\rstill\nlast',
    );
  });

  it('gives back any text, whatever the length of the reads', async () => {
    const path = join(dir, 'a');
    const text = fc
      .string({ unit: 'binary', maxLength: 40 })
      .map((s) => Buffer.from(s.replaceAll('\0', ' ')).toString());
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), async (content, short) => {
        writeFileSync(path, content);
        if (short) setFaultPlan({ operation: 'read', k: 1, repeat: 'always', error: 'short' });
        const lines = await linesOf(path, { ends: true });
        setFaultPlan(null);
        expect(lines.map((l) => l.text).join('')).to.equal(content.replace(/^\ufeff/, ''));
        expect(lines.map((l) => l.line)).to.deep.equal(lines.map((_, i) => i + 1));
      }),
      { numRuns: 200 },
    );
  });

  it('names the line and the byte of what is not text', async () => {
    writeFileSync(join(dir, 'a'), Buffer.concat([Buffer.from('good\nbad '), Buffer.from([0xff]), Buffer.from('\n')]));
    let error = await failure(linesOf(join(dir, 'a')));
    expect(error.code).to.equal('E_DATA');
    expect(error.message).to.contain('line 2: expected UTF-8 text, came other bytes at byte 4');
    writeFileSync(join(dir, 'a'), 'good\ngood\nab\0');
    error = await failure(linesOf(join(dir, 'a')));
    expect(error.message).to.contain('line 3: expected UTF-8 text, came a NUL at byte 2');
  });

  it('refuses a line over the limit before holding all of it', async () => {
    writeFileSync(join(dir, 'a'), Buffer.concat([Buffer.from('ok\n'), Buffer.alloc(3 * LINE_LIMIT, 97)]));
    const error = await failure(linesOf(join(dir, 'a')));
    expect(error.code).to.equal('E_DATA');
    expect(error.message).to.contain('line 2: expected at most 16777216 bytes');
  });

  it('reads standard input', () => {
    const script = `
      const { readLines } = await import(${JSON.stringify(new URL('../../lib/util/lines.js', import.meta.url).href)});
      for await (const { line, text } of readLines('-')) console.log(line, text);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      input: 'a\r\nb',
      encoding: 'utf8',
    });
    expect(child.stdout).to.equal('1 a\n2 b\n');
  });
});
