import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { readTexts } from '../../lib/util/data.js';
import type { ReadTextsOptions, Texts } from '../../lib/util/data.js';

const HOSTILE_LABELS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '10', '9'];

describe('data', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-data-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const read = (
    extension: string,
    content: string | Uint8Array,
    options: ReadTextsOptions = { labels: 'required' },
  ) => {
    const path = join(dir, `file.${extension}`);
    writeFileSync(path, content);
    return readTexts(path, options);
  };
  /** The message after the file's name. */
  const failure = async (
    extension: string,
    content: string | Uint8Array,
    options?: ReadTextsOptions,
  ): Promise<string> => {
    const error: unknown = await read(extension, content, options).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(AdaptuneError);
    expect((error as AdaptuneError).code).to.equal('E_DATA');
    return (error as AdaptuneError).message.replace(/^.*?file\.\w+: /, '');
  };

  const writers: Record<string, (rows: Record<string, string>[], end: string) => string> = {
    jsonl: (rows, end) => rows.map((row) => JSON.stringify(row) + end).join(''),
    csv: (rows, end) => separated(rows, ',', end),
    tsv: (rows, end) => separated(rows, '\t', end),
  };
  function separated(rows: Record<string, string>[], delimiter: string, end: string): string {
    const columns = Object.keys(rows[0]!);
    const field = (s: string) =>
      /["\n\r]/.test(s) || s.includes(delimiter) || !s ? `"${s.replaceAll('"', '""')}"` : s;
    return [columns, ...rows.map((row) => columns.map((c) => row[c]!))]
      .map((fields) => fields.map(field).join(delimiter) + end)
      .join('');
  }

  for (const [extension, write] of Object.entries(writers)) {
    it(`gives back what was written: ${extension}`, async () => {
      const text = fc
        .oneof(fc.string({ unit: 'binary' }), fc.string(), fc.stringMatching(/^[",\t\r\n \\ab]*$/))
        .map((s) => Buffer.from(s.replaceAll('\0', '0')).toString());
      const label = fc.oneof(
        fc.constantFrom(...HOSTILE_LABELS),
        text.filter((s) => s.trim() !== ''),
      );
      const rows = fc.array(fc.record({ label, other: text, text }), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (written, end, mark) => {
          const content = (mark ? '\ufeff' : '') + write(written, end);
          const { texts, labels } = await read(extension, content, { labels: 'required', emptyTexts: 'allow' });
          expect(texts).to.deep.equal(written.map((row) => row.text));
          expect(labels).to.deep.equal(written.map((row) => row.label));
        }),
        { numRuns: 300 },
      );
    });
  }

  it('keeps the line of each text', async () => {
    const expected = { texts: ['a', 'x\r\ny', 'z', 'q'], labels: ['b', 'c', 'd', 'e'], lines: [2, 4, 6, 8] };
    expect(await read('csv', 'text,label\na,b\n\n"x\r\ny",c\nz,d\n\nq,e\n')).to.deep.equal(expected);
    expect((await read('jsonl', '{"text":"a","label":"b"}\r\n\r\n  \n{"text":"c","label":"d"}')).lines).to.deep.equal([
      1, 4,
    ]);
  });

  it('makes strings of numbers and booleans, and of nothing else', async () => {
    const row = (label: unknown) => `${JSON.stringify({ text: 't', label })}\n`;
    const { labels } = await read('jsonl', row(3) + row('3') + row(true) + row(-0.5));
    expect(labels).to.deep.equal(['3', '3', 'true', '-0.5']);
    for (const label of [null, {}, [], ['a'], '', ' ', 2 ** 60]) {
      expect(await failure('jsonl', row('a') + row(label))).to.match(
        /^line 2: expected a label in column "label", came /,
      );
    }
    expect(await failure('jsonl', '{"text": 5, "label": "a"}')).to.equal(
      'line 1: expected a string in column "text", came 5',
    );
  });

  it('names the columns that are there when one is missing', async () => {
    expect(await failure('csv', 'sentence,label\na,b\n')).to.equal(
      'line 1: expected a column "text", came "sentence", "label"; --text names the column',
    );
    expect(await failure('jsonl', '{"text":"a","label":"b"}\n{"text":"a"}')).to.equal(
      'line 2: expected a column "label", came "text"; --label names the column',
    );
    expect(await failure('jsonl', '{"__proto__": {"text": "a"}, "label": "b"}')).to.contain(
      'came "__proto__", "label"',
    );
    const renamed = await read('tsv', 'sentence\tclass\na\tb\n', {
      text: 'sentence',
      label: 'class',
      labels: 'required',
    });
    expect(renamed).to.deep.include({ texts: ['a'], labels: ['b'] });
  });

  it('reads labels when they are there, in all rows or none', async () => {
    const options = { labels: 'optional' } as const;
    expect((await read('jsonl', '{"text":"a"}\n', options)).labels).to.equal(null);
    expect((await read('csv', 'text,label\na,b\n', options)).labels).to.deep.equal(['b']);
    expect((await read('csv', 'text,label\na,b\n', { labels: 'none' })).labels).to.equal(null);
    expect(await failure('jsonl', '{"text":"a"}\n{"text":"b","label":"c"}', options)).to.equal(
      'line 2: expected no column "label", as in line 1, came one',
    );
    expect(await failure('jsonl', '{"text":"b","label":"c"}\n{"text":"a"}', options)).to.contain(
      'line 2: expected a column "label"',
    );
  });

  it('refuses empty texts for training and takes them for prediction', async () => {
    expect(await failure('csv', 'text,label\na,b\n"  ",c\n')).to.equal('line 3: expected a text, came an empty one');
    expect((await read('jsonl', '{"text":""}', { labels: 'none' })).texts).to.deep.equal(['']);
    expect((await read('txt', 'one\n\nthree', { labels: 'none' })).texts).to.deep.equal(['one', '', 'three']);
  });

  const broken: [string, string, string | Uint8Array, string | RegExp][] = [
    ['an empty file', 'jsonl', '', 'expected at least one row, came none'],
    ['a header and no rows', 'csv', 'text,label\n', 'expected at least one row, came none'],
    [
      'JSON that is not',
      'jsonl',
      '{"text":"a","label":"b"}\n{"text":',
      /^line 2: expected a JSON object, came invalid JSON: /,
    ],
    ['a row that is a list', 'jsonl', '["a"]', 'line 1: expected a JSON object, came ["a"]'],
    ['two rows in a line', 'jsonl', '{"text":"a"} {"text":"b"}', /^line 1: .*invalid JSON/],
    [
      'a quote never closed',
      'csv',
      'text,label\na,b\n"x,c\nz,d\n',
      'line 3: expected CSV, came a quote that is never closed',
    ],
    [
      'a quote never closed in a large file',
      'csv',
      `text,label\n"${'x'.repeat(999).concat('\n').repeat(18_000)}`,
      /^line 2: expected CSV, came a record of over 16777216/,
    ],
    [
      'a quote inside of a field',
      'csv',
      'text,label\na,b\nx"y,c\nz"z,d\n',
      /^line 3: expected CSV, came a misplaced quote/,
    ],
    ['text after a quote', 'tsv', 'text\tlabel\na\tb\n"x"y"\tc\n"', /^line 3: expected TSV, came a misplaced quote/],
    ['semicolons', 'csv', 'text;label\na;b\n', 'line 1: expected CSV, came columns separated by semicolons'],
    ['tabs', 'csv', 'text\tlabel\na\tb\n', 'line 1: expected CSV, came columns separated by tabs (.tsv)'],
    ['commas', 'tsv', 'text,label\na,b\n', 'line 1: expected TSV, came columns separated by commas (.csv)'],
    ['a column too many', 'csv', 'text,label\n"a\nb",c\na,b,c\n', 'line 4: expected 2 columns, came 3'],
    ['a column too few', 'csv', 'text,label\na\n', 'line 2: expected 2 columns, came 1'],
    ['a column twice', 'csv', 'text,label,text\na,b,c\n', 'line 1: expected every column once, came "text" twice'],
    [
      'bytes that are not UTF-8',
      'csv',
      Buffer.from('text,label\nab\xff,c\n', 'latin1'),
      'line 2: expected UTF-8 text, came other bytes at byte 2 of the line',
    ],
    [
      'a surrogate in UTF-8',
      'jsonl',
      Buffer.from('{"text":"\xed\xa0\x80","label":"a"}\n', 'latin1'),
      /^line 1: expected UTF-8 text/,
    ],
    ['UTF-16', 'csv', Buffer.from('\ufefftext,label\na,b\n', 'utf16le'), /^line 1: expected UTF-8 text, came UTF-16/],
    ['an unknown extension', 'parquet', 'PAR1', 'expected a file named .jsonl, .csv or .tsv, came .parquet'],
    ['plain text with labels', 'txt', 'a', 'expected a file named .jsonl, .csv or .tsv, came .txt'],
  ];
  for (const [name, extension, content, message] of broken) {
    it(`refuses ${name}`, async () => {
      const came = await failure(extension, content);
      if (typeof message === 'string') expect(came).to.equal(message);
      else expect(came).to.match(message);
    });
  }

  it('gives rows or E_DATA for any bytes', async () => {
    const good = new Map([
      ['jsonl', '{"text": "a b", "label": "x"}\r\n{"text": "\\u00e9 ü", "label": 3}\n'],
      ['csv', 'text,label\r\n"a, ""b""",x\n"c\nd",y\n'],
      ['tsv', 'text\tlabel\na b\tx\n"c\td"\ty\n'],
    ]);
    const edits = fc.array(fc.tuple(fc.nat(60), fc.nat(5), fc.uint8Array({ maxLength: 4 })), {
      minLength: 1,
      maxLength: 3,
    });
    const outcomes = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...good.keys()), edits, async (extension, changes) => {
        let bytes = Buffer.from(good.get(extension)!);
        for (const [at, remove, insert] of changes) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        }
        try {
          const { texts, labels, lines } = await read(extension, bytes);
          expect([labels!.length, lines.length]).to.deep.equal([texts.length, texts.length]);
          outcomes[0]!++;
        } catch (error) {
          expect(error).to.be.instanceOf(AdaptuneError);
          expect((error as AdaptuneError).code).to.equal('E_DATA');
          outcomes[1]!++;
        }
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(...outcomes)).to.be.above(20);
  });

  it('tells JSONL from plain text on standard input', () => {
    const script = `
      const { readTexts } = await import(${JSON.stringify(new URL('../../lib/util/data.js', import.meta.url).href)});
      const { texts, lines } = await readTexts('-', { labels: 'none' });
      console.log(JSON.stringify({ texts, lines }));`;
    const run = (input: string) => {
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { input, encoding: 'utf8' });
      expect(child.status, child.stderr).to.equal(0);
      return JSON.parse(child.stdout) as Texts;
    };
    expect(run('{"text":"a","id":1}\n{"text":"b"}\n')).to.deep.equal({ texts: ['a', 'b'], lines: [1, 2] });
    expect(run('a\n{"text":"b"}\n\n')).to.deep.equal({ texts: ['a', '{"text":"b"}', ''], lines: [1, 2, 3] });
    expect(run('{"other":"a"}\n').texts).to.deep.equal(['{"other":"a"}']);
  });
});
