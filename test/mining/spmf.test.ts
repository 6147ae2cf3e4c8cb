import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { formatSpmf, mineClosedSequences, parseSpmf, spmfChunks } from '../../lib/mining/index.js';
import { SpmfReader } from '../../lib/mining/spmf.js';

describe('SPMF text', () => {
  it('reads sequences, comments and Windows line ends', () => {
    const text = '@CONVERTED_FROM_TEXT\r\n# comment\r\n1 -1 2 -1 -2\r\n\r\n  7 -1   -2\n-2';
    expect(parseSpmf(text)).to.deep.equal([Int32Array.of(1, 2), Int32Array.of(7), new Int32Array(0)]);
  });

  it('names the line of what it does not take', () => {
    for (const [line, reason] of [
      ['1 -1 2 -1', '-2'],
      ['1 2 -1 -2', 'items that each are followed by -1'],
      ['1 2 3 -1 -2', 'itemsets of several items'],
      ['x -1 -2', 'an item from 0'],
      ['-1 -1 -2', 'an item from 0'],
      ['2147483648 -1 -2', '2147483647'],
      ['1.5 -1 -2', 'an item from 0'],
      ['1 -1 -2 2 -1 -2', 'items that each are followed by -1'],
      ['1 -01 -2', '-1 after each item'],
      ['1 -2', 'items that each are followed by -1'],
      ['-1', '-2 at the end'],
      ['1 -1\f-2', 'separated by blanks|-2 at the end'],
    ] as const) {
      expect(() => parseSpmf(`3 -1 -2\n${line}\n`), line)
        .to.throw(AdaptuneError, new RegExp(`line 2: .*${reason.replace('.', '\\.')}`))
        .with.property('code', 'E_DATA');
    }
  });

  it('gives back what was written', () =>
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(0x7fffffff))), (rows) => {
        const text = rows.map((row) => `${row.map((item) => `${item} -1 `).join('')}-2`).join('\n');
        expect(parseSpmf(text).map((sequence) => [...sequence])).to.deep.equal(rows);
      }),
    ));

  it('reads the same in pieces, wherever they are cut', () => {
    const bytes = new TextEncoder().encode('\ufeff# head\n10 -1 2 -1 -2\n\n-2\r\n 345 -1 -2 \n6 -1 -2');
    const whole = parseSpmf(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
    expect(whole.map((sequence) => [...sequence])).to.deep.equal([[10, 2], [], [345], [6]]);
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new SpmfReader(bytes.length);
      let begin = 0;
      for (let end = size; begin < bytes.length; end += size)
        begin += reader.take(bytes.subarray(begin, end), end >= bytes.length);
      const { items, offsets } = reader.finish();
      expect([...items], `${size}`).to.deep.equal([10, 2, 345, 6]);
      expect([...offsets], `${size}`).to.deep.equal([0, 2, 2, 3, 4]);
    }
  });

  it('takes a line or names it, whatever it holds', () =>
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('1', '2', '-1', '-2', ' ', '  ', '\t', '0', '-', '\r', '3000000000'), {
          maxLength: 12,
        }),
        (parts) => {
          const line = parts.join('');
          const words = line.trim().split(/\s+/);
          const items = words.filter((_, i) => i % 2 === 0).slice(0, -1);
          const legal =
            line.trim() === '' ||
            (words.length % 2 === 1 &&
              words.at(-1) === '-2' &&
              items.every((word, i) => /^\d{1,10}$/.test(word) && Number(word) < 2 ** 31 && words[2 * i + 1] === '-1'));
          if (!legal) {
            expect(() => parseSpmf(`# head\n${line}\n`, 'file.txt')).to.throw(
              AdaptuneError,
              /^file\.txt: line 2: expected /,
            );
          } else if (line.trim() !== '') {
            expect(parseSpmf(line)).to.deep.equal([Int32Array.from(items, Number)]);
          }
        },
      ),
      { numRuns: 5000 },
    ));

  it('writes the same in pieces', () => {
    const patterns = Array.from({ length: 2500 }, (_, i) => ({ items: Int32Array.of(i, 7), support: i }));
    const chunks = [...spmfChunks(patterns)];
    expect(chunks.length).to.equal(3);
    expect(chunks.join('')).to.equal(formatSpmf(patterns));
  });

  it('writes patterns with their support', async () => {
    const patterns = await mineClosedSequences(parseSpmf('1 -1 2 -1 -2\n1 -1 3 -1 2 -1 -2'), {
      minSupport: 2,
      maxGap: Infinity,
    });
    expect(formatSpmf(patterns)).to.equal('1 -1 2 -1 #SUP: 2\n');
  });
});
