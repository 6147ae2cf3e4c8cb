import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { formatSpmf, mineClosedSequences, parseSpmf } from '../../lib/mining/index.js';

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

  it('writes patterns with their support', async () => {
    const patterns = await mineClosedSequences(parseSpmf('1 -1 2 -1 -2\n1 -1 3 -1 2 -1 -2'), {
      minSupport: 2,
      maxGap: Infinity,
    });
    expect(formatSpmf(patterns)).to.equal('1 -1 2 -1 #SUP: 2\n');
  });
});
