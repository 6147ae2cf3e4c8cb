/** The report of `mine`, opened, edited and saved by spreadsheets, and taken back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { contextText, inContext, tokensTable, type TokenInContext } from '../../lib/cli/tokens.js';
import { Tokenizer } from '../../lib/model/tokenizer.js';
import { trainWordPiece } from '../../lib/model/wordpiece-trainer.js';
import { type MinedToken, mineTokens, type MineTokensResult } from '../../lib/train/mine.js';
import { tokenId } from '../../lib/train/token-list.js';
import { fromSpreadsheetCell, spreadsheetCell } from '../../lib/util/spreadsheet.js';
import { failure } from '../helpers/failure.js';

/** What a spreadsheet would run, reckon or turn into a date. */
const HOSTILE = [
  "=cmd|' /C calc'!A0",
  '+1',
  '-1',
  '@SUM(A1)',
  '\t=1',
  '＝1',
  'MARCH1',
  '1-2',
  '007',
  '1e5',
  'true',
  "'x",
];
const PHRASES = ['march 1', '10 am', '007 agents', "don't stop", 'named entity', 'x ray imaging', 'café bar', '1 2 3'];
const TEXTS = PHRASES.flatMap((phrase, p) =>
  HOSTILE.map((label, i) => `${label}; "quoted", line\nbreak ${phrase} of ${i} and ${p}`),
);
const LABELS = PHRASES.flatMap((_, p) => HOSTILE.map((label, i) => (i % 2 === 0 ? HOSTILE[p]! : label)));
const tokenizer = Tokenizer.fromJson(trainWordPiece(TEXTS, { vocabularySize: 150 }));

const report = (tokens: string | string[]): Promise<MineTokensResult> =>
  mineTokens({ texts: TEXTS, labels: LABELS, tokenizer, options: { tokens } });
const written = (chosen: readonly MinedToken[], extension: '.csv' | '.tsv' = '.csv'): string =>
  [
    ...tokensTable(
      chosen.map((token) => inContext(token, TEXTS)),
      1000,
      extension,
    ),
  ].join('');

interface Saving {
  delimiter: ',' | ';' | '\t';
  end: '\n' | '\r\n' | '\r';
  mark: boolean;
  quotes: 'all' | 'needed';
  encoding: 'utf-8' | 'utf-16le' | 'utf-16be';
}
/** The bytes that a spreadsheet saves. */
function saved(cells: readonly (readonly string[])[], { delimiter, end, mark, quotes, encoding }: Saving): Buffer {
  const field = (cell: string): string =>
    quotes === 'all' || /[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const text = cells.map((row) => row.map(field).join(delimiter) + end).join('');
  if (encoding === 'utf-8') return Buffer.from((mark ? '\ufeff' : '') + text);
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return encoding === 'utf-16le' ? bytes : bytes.swap16();
}
const PLAIN: Saving = { delimiter: ',', end: '\r\n', mark: true, quotes: 'needed', encoding: 'utf-8' };

describe('cli/token table', () => {
  let folder: string;
  let chosen: MinedToken[];
  let cells: string[][];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-table-'));
    ({ chosen } = await report(PHRASES));
    expect(chosen).to.have.length(PHRASES.length);
    cells = parse(written(chosen), { bom: true });
  });
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const phrases = ({ chosen }: MineTokensResult): string[] => chosen.map(({ phrase }) => phrase).sort();
  const all = PHRASES.map((phrase) => tokenizer.normalize(phrase)).sort();

  it('holds no formula, number or date where text is meant', () => {
    for (const extension of ['.csv', '.tsv'] as const) {
      const text = written(chosen, extension);
      expect(text).to.match(/^\ufeffid[,\t]phrase[,\t]/);
      expect(text.replaceAll('\r\n', '')).not.to.match(/[\r\n]/);
      const [head, ...rows] = parse(text, { bom: true, delimiter: extension === '.csv' ? ',' : '\t' });
      expect(rows).to.have.length(PHRASES.length);
      const numbers = new Set(
        'pieces support occurrences uses ppl_u pieces_saved saved_per_1000 label_share label_base label_bits label_q'.split(
          ' ',
        ),
      );
      for (const row of rows) {
        expect(row).to.have.length(head!.length);
        row.forEach((cell, column) => {
          if (numbers.has(head![column]!)) {
            expect(Number(cell), cell).to.be.finite;
            return;
          }
          expect(cell).to.match(/^(?![=+\-@\t\r\n＝＋－＠])/);
          if (head![column] === 'phrase' || head![column] === 'label')
            expect(cell).to.satisfy((text: string) => text.startsWith("'") || !/\d|^true$/.test(text));
        });
      }
    }
  });

  it('puts phrases into their context', () => {
    for (const token of chosen) {
      const { context, example } = inContext(token, TEXTS);
      const text = TEXTS[example!.row]!;
      expect(tokenizer.normalize(text.slice(example!.begin, example!.end))).to.equal(token.phrase);
      const { before, phrase, after } = context!;
      expect(tokenizer.normalize(phrase)).to.equal(token.phrase);
      expect(text.replaceAll(/\s+/g, ' ')).to.include(before.replace('…', '') + phrase + after.replace('…', ''));
    }
    const token = { ...chosen[0]!, example: { row: 0, begin: 100, end: 103 } };
    const { context } = inContext(token, ['😀'.repeat(50) + 'abc' + '𝒳'.repeat(50)]);
    expect(contextText(context, 5)).to.match(/^…(?:😀){2}«abc»(?:𝒳){2}…$/u);
    expect(contextText(context)).to.match(/^…(?:😀){19,20}«abc»(?:𝒳){19,20}…$/u);
    expect(inContext({ ...token, example: null }, TEXTS).context).to.equal(null);
    expect(inContext({ ...token, example: { row: 99_999, begin: 0, end: 1 } }, TEXTS).context).to.equal(null);
  });

  it('comes back as it was, however it was saved', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record<Saving>({
          delimiter: fc.constantFrom(',', ';', '\t'),
          end: fc.constantFrom('\n', '\r\n', '\r'),
          mark: fc.boolean(),
          quotes: fc.constantFrom('all', 'needed'),
          encoding: fc.constantFrom('utf-8', 'utf-16le', 'utf-16be'),
        }),
        fc.constantFrom('csv', 'tsv', 'txt'),
        async (saving, extension) => {
          const result = await report(file(`saved.${extension}`, saved(cells, saving)));
          expect(result.rejected).to.deep.equal([]);
          expect(phrases(result)).to.deep.equal(all);
        },
      ),
      { numRuns: 60 },
    ));

  it('comes back when rows are sorted, deleted, cleared and added, columns moved, removed and added', async () => {
    const [head, ...rows] = cells as [string[], ...string[][]];
    const kept = rows.toReversed().slice(2);
    const edited = [head, ...kept, head.map(() => ''), ['', 'break x ray', '', '', ''], kept[0]!].map((row) => [
      ...row.slice(2, 5),
      row[1] ?? '',
      'a note',
      row[0] ?? '',
    ]);
    edited[0]![4] = 'notes';
    edited.splice(3, 0, []);
    edited.splice(
      5,
      0,
      head.map(() => ''),
    );
    const result = await report(file('edited.csv', saved(edited, { ...PLAIN, delimiter: ';' })));
    const names = kept.map((row) => fromSpreadsheetCell(row[1]!));
    expect(phrases(result)).to.deep.equal([...names, 'break x ray'].sort());
    // Cleared rows count as lines; one with a note only is named.
    expect(result.rejected.map(({ line, code }) => [line, code])).to.deep.equal([
      [kept.length + 4, 'empty'],
      [kept.length + 6, 'repeated'],
    ]);
    const noId = await report(
      file(
        'no-id.csv',
        saved(
          cells.map((row) => row.slice(1)),
          PLAIN,
        ),
      ),
    );
    expect(phrases(noId)).to.deep.equal(all);
  });

  it('reports rows whose phrase is no longer that of their id, by line', async () => {
    const edit = (line: number, change: (row: string[]) => string[]): string[][] =>
      cells.map((row, i) => (i === line - 1 ? change(row) : row));
    const edits: [string, (row: string[]) => string[]][] = [
      ['changed', ([id, , ...rest]) => [id!, '01. Mrz', ...rest]],
      ['changed', ([id, , ...rest]) => [id!, '', ...rest]],
      ['changed', ([, phrase, ...rest]) => [tokenId('another'), phrase!, ...rest]],
      ['empty', ([, , ...rest]) => ['', '', ...rest]],
    ];
    for (const [code, change] of edits) {
      const result = await report(file('changed.csv', saved(edit(4, change), PLAIN)));
      expect(result.rejected.map((entry) => [entry.line, entry.code])).to.deep.equal([[4, code]]);
      expect(phrases(result)).to.deep.equal(
        all.filter((phrase) => phrase !== tokenizer.normalize(fromSpreadsheetCell(cells[3]![1]!))),
      );
    }
    // Capitals that a spreadsheet puts in do no harm: the tokenizer has none.
    const capital = edit(4, ([id, phrase, ...rest]) => [id!, phrase!.toUpperCase(), ...rest]);
    expect(phrases(await report(file('capital.csv', saved(capital, PLAIN))))).to.deep.equal(all);
  });

  it('is refused with its reason when nothing is left of it', async () => {
    const [head, ...rows] = cells as [string[], ...string[][]];
    const broken = [head, ...rows.map(([id, , ...rest]) => [id!, '#NAME?', ...rest])];
    const error = await failure(report(file('broken.csv', saved(broken, PLAIN))));
    expect(error).to.include({ code: 'E_DATA' });
    expect(error.message).to.match(/broken\.csv: .*came 8 that cannot; line 2: "#NAME\?": it is not the phrase of/);
    const latin = await failure(report(file('latin.csv', Buffer.from('id,phrase\r\n,caf\xe9 bar\r\n', 'latin1'))));
    expect(latin).to.include({ code: 'E_DATA' });
    expect(latin.message).to.match(/expected UTF-8, came other bytes at byte 15; .*CSV UTF-8/);
  });

  it('marks cells so that they are text, and unmarks them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => fromSpreadsheetCell(spreadsheetCell(text)) === text),
    );
    for (const text of HOSTILE) expect(spreadsheetCell(text)).to.equal(`'${text}`);
    for (const text of ['named entity', '', 'a=b', 'x - y']) expect(spreadsheetCell(text)).to.equal(text);
  });

  it('has ids that belong to phrases', () => {
    for (const { id, phrase } of chosen as TokenInContext[])
      expect(id)
        .to.equal(tokenId(phrase))
        .and.match(/^t[0-9a-f]{12}$/);
  });
});
