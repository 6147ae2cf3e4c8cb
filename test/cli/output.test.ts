/** Results in every form: for people, as JSON, as files; through pipes that close, fill up or take megabytes. */
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import { cli, inPairs, jsonl, LABELS, MAIN, ok, oneObject, start, trainedModel } from './cli.js';

interface Predicted {
  predictions: { label: string; score: number }[][];
  texts: number;
}

/** Texts that need quotes in a file and escapes on a terminal. */
const TEXTS = [
  'plain',
  'comma, and "quotes"',
  'tab\there',
  'two\nlines',
  'two\r\nlines',
  'a\rreturn',
  ' spaces around ',
  '"',
  '\x1b[31mred\x1b[0m \x9b \u202e bell\x07',
  '=1+1',
  '',
  '\ufeffmark',
];

describe('cli/output', function () {
  this.timeout(120_000);
  let space: Awaited<ReturnType<typeof trainedModel>>;
  let odd: string;
  let exact: Predicted;
  before(async () => {
    space = await trainedModel();
    odd = space.write('odd.jsonl', jsonl(TEXTS.map((text) => ({ text }))));
    exact = oneObject(await ok(['predict', space.model, odd, '--top-k', '100', '--json'])) as Predicted;
  });

  it('predicts all labels, best first, by their exact names', () => {
    expect(exact.texts).to.equal(TEXTS.length);
    for (const best of exact.predictions) {
      expect(best.map(({ label }) => label).toSorted()).to.deep.equal([...LABELS].toSorted());
      const scores = best.map(({ score }) => score);
      expect(scores).to.deep.equal(scores.toSorted((a, b) => b - a));
      expect(scores.reduce((a, b) => a + b)).to.be.closeTo(1, 1e-9);
    }
  });

  it('prints a line a text, labels and texts escaped', async () => {
    const stdout = await ok(['predict', space.model, odd, '--top-k', '7']);
    expect(stdout).not.to.match(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ufeff]/);
    const lines = stdout.split('\n');
    expect(lines.pop()).to.equal('');
    expect(lines).to.have.length(TEXTS.length);
    const cells = lines.map((line) => line.split('\t'));
    expect(cells.map((row) => row.length)).to.deep.equal(TEXTS.map(() => 15));
    expect(cells.map((row) => row[14])).to.deep.equal([
      'plain',
      'comma, and "quotes"',
      'tab\\there',
      'two\\nlines',
      'two\\r\\nlines',
      'a\\rreturn',
      ' spaces around ',
      '"',
      '\\x1b[31mred\\x1b[0m \\x9b \\u202e bell\\x07',
      '=1+1',
      '',
      '\\ufeffmark',
    ]);
    const shown = new Set(cells[0]!.filter((_, i) => i % 2 === 0 && i < 14));
    expect(shown).to.deep.equal(
      new Set(['__proto__', 'constructor', '10', '9', '\\x1b]0;x\\x07\\n[error]', 'a,"b"\\tc\\r\\nd', '\\u202eevil']),
    );
  });

  it('writes JSONL, CSV and TSV that hold the exact texts, labels and scores', () =>
    inPairs(['jsonl', 'csv', 'tsv'], async (form) => {
      const out = space.at(`predicted.${form}`);
      expect(await ok(['predict', space.model, odd, '--out', out, '--top-k', '2'])).to.equal('');
      const content = readFileSync(out, 'utf8');
      if (form === 'jsonl') {
        const rows = content
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        expect(rows).to.deep.equal(
          TEXTS.map((text, i) => ({ text, ...exact.predictions[i]![0], top: exact.predictions[i]!.slice(0, 2) })),
        );
        return;
      }
      const rows = parse(content, { delimiter: form === 'csv' ? ',' : '\t', record_delimiter: '\n' });
      expect(rows[0]).to.deep.equal(['text', 'label', 'score', 'label_2', 'score_2']);
      expect(rows.slice(1)).to.deep.equal(
        TEXTS.map((text, i) => [
          text,
          ...exact.predictions[i]!.slice(0, 2).flatMap(({ label, score }) => [label, score.toFixed(6)]),
        ]),
      );
      // Read back, the file gives the same predictions: nothing of a text is lost on the way.
      const again = oneObject(await ok(['predict', space.model, out, '--top-k', '100', '--json'])) as Predicted;
      expect(again.predictions).to.deep.equal(exact.predictions);
    }));

  it('reads plain texts and JSON objects from standard input', async () => {
    const [plain, dash, objects] = await Promise.all([
      ok(['predict', space.model, '--json', '--top-k', '7'], { input: 'plain\ncomma, and "quotes"' }),
      ok(['predict', space.model, '-', '--json', '--top-k', '7'], { input: 'plain\ncomma, and "quotes"\n' }),
      ok(['predict', space.model, '--json', '--top-k', '7'], { input: jsonl(TEXTS.map((text) => ({ text }))) }),
    ]);
    const of = (stdout: string) => (oneObject(stdout) as Predicted).predictions;
    expect(of(plain)).to.deep.equal(exact.predictions.slice(0, 2));
    expect(of(dash)).to.deep.equal(of(plain));
    expect(of(objects)).to.deep.equal(exact.predictions);
  });

  it('evaluates odd labels by name; their supports add up', async () => {
    const [stdout, shown] = await Promise.all([
      ok(['evaluate', space.model, '--data', space.train, '--json']),
      ok(['evaluate', space.model, '--data', space.train]),
    ]);
    const { perClass, rows } = oneObject(stdout) as { rows: number; perClass: { label: string; support: number }[] };
    expect(new Map(perClass.map(({ label, support }) => [label, support]))).to.deep.equal(
      new Map(LABELS.map((label) => [label, 8] as const)),
    );
    expect(rows).to.equal(56);
    expect(shown).not.to.match(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(shown).to.contain('\\x1b]0;x\\x07\\n[error]');
  });

  it('prints and reports a training run, with nothing but results on stdout', async () => {
    const { stdout, stderr } = space.printed;
    expect(stdout).to.contain('new tokens; texts are').and.to.contain('selected units').and.to.contain('saved in ');
    expect(stdout + stderr).not.to.match(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(
      stderr
        .split('\n')
        .filter((line) => !/^(note|mine|head fit|calibrate|tokens|units|evaluate|epoch 1 of 1): |^$/.test(line)),
    ).to.be.empty;
    const saved = JSON.parse(readFileSync(`${space.model}/adaptune.json`, 'utf8')) as Record<string, unknown>;
    expect(saved).to.have.property('options').that.includes({ model: 'scratch:tiny', epochs: 1, minUses: 2, lr: null });
  });

  it('writes mined tokens that train takes back, as JSON, CSV and TSV', async () => {
    const base = ['mine', '--model', space.model, '--train', space.train, '--min-support', '2', '--min-uses', '2'];
    const { chosen } = oneObject(await ok([...base, '--json'])) as { chosen: { phrase: string }[] };
    expect(chosen.length).to.be.greaterThan(2);
    await inPairs(['json', 'csv', 'tsv'], async (form) => {
      const out = space.at(`tokens.${form}`);
      await ok([...base, '--out', out]);
      const again = oneObject(await ok([...base, '--tokens', out, '--json'])) as { chosen: { phrase: string }[] };
      expect(new Set(again.chosen.map(({ phrase }) => phrase))).to.deep.equal(
        new Set(chosen.map(({ phrase }) => phrase)),
      );
    });
  });

  it('mines SPMF files to stdout, a file, and JSON', async () => {
    const spmf = space.write('sequences.txt', '1 -1 2 -1 -2\n1 -1 3 -1 2 -1 -2\n');
    const base = ['mine', '--spmf', spmf, '--min-support', '2'];
    const [stdout, json] = await Promise.all([ok(base), ok([...base, '--json'])]);
    expect(stdout).to.equal('1 -1 2 -1 #SUP: 2\n');
    expect(oneObject(json)).to.have.deep.property('patterns', [{ items: [1, 2], support: 2 }]);
    expect(await ok([...base, '--out', space.at('patterns.txt')])).to.equal('');
    expect(readFileSync(space.at('patterns.txt'), 'utf8')).to.equal(stdout);
  });

  it('mines SPMF files with its limits, the same with any number of threads', async () => {
    const rows = Array.from({ length: 400 }, (_, s) => `${[s % 7, s % 5, s % 3, s % 2].join(' -1 ')} -1 -2`);
    const base = ['mine', '--spmf', space.write('rows.txt', `# made\n${rows.join('\n')}\n`), '--min-support', '0.02'];
    const [all, one] = await Promise.all([ok([...base, '--max-gap', 'inf']), ok([...base, '--threads', '1'])]);
    expect(one).to.equal(all);
    const lines = all.split('\n');
    expect(lines.length).to.be.greaterThan(50);
    expect(await ok([...base, '--top-k', '9', '--threads', '2'])).to.equal(`${lines.slice(0, 9).join('\n')}\n`);
    const short = await ok([...base, '--max-pattern', '1', '--max-gap', '0']);
    expect(short.trim().split('\n')).to.have.length(7);
  });

  it('names the line of an SPMF file that it does not take', async () => {
    await inPairs(
      [
        [
          '1 -1 -2\n1 2 3 -1 -2\n',
          /: line 2: expected -1 after each item \(itemsets of several items are not supported\)/,
        ],
        ['# head\n\n1 -1 2 -1\n', /: line 3: expected -2 at the end of the sequence/],
        ['1 -1 -2\n4294967296 -1 -2', /: line 2: expected an item from 0 to 2147483647/],
      ] as const,
      async ([text, message]) => {
        const spmf = space.write(`bad-${text.length}.txt`, text);
        const { code, stdout, stderr } = await cli(['mine', '--spmf', spmf]);
        expect([code, stdout], stderr).to.deep.equal([1, '']);
        expect(stderr)
          .to.match(/^adaptune: E_DATA: [^\n]+\n$/)
          .and.to.match(message);
      },
    );
  });

  it('sends more than 3 MB of JSON through a pipe', async () => {
    const texts = Array.from({ length: 10_000 }, (_, i) => `pump ${i}`);
    const file = space.write('many.txt', texts.join('\n'));
    const piped = ['-c', '"$@" | cat', 'sh', process.execPath, MAIN, 'predict', space.model, file];
    const { code, stdout } = await start('sh', [...piped, '--top-k', '7', '--json']).ended;
    expect(code).to.equal(0);
    expect(stdout.length).to.be.greaterThan(3e6);
    expect((oneObject(stdout) as Predicted).predictions).to.have.length(texts.length);
  });

  it('ends quietly when its reader leaves', async () => {
    const file = space.write('lines.txt', `${'x'.repeat(200)}\n`.repeat(2000));
    const piped = [
      '-c',
      '{ "$@"; echo "ended $?" >&2; } | head -1',
      'sh',
      process.execPath,
      MAIN,
      'predict',
      space.model,
      file,
    ];
    const { stdout, stderr } = await start('sh', piped).ended;
    expect(stdout.split('\n')).to.have.length(2);
    expect(stderr).to.match(/^ended (0|141)\n$/);
  });

  it('says so when stdout is a full disk', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const full = ['-c', '"$@" > /dev/full', 'sh', process.execPath, MAIN, 'predict', space.model, odd];
    const { code, stderr } = await start('sh', full).ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(/^adaptune: E_FILE: standard output: [^\n]*ENOSPC[^\n]*\n$/);
  });
});
