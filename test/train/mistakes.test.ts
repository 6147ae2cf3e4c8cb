import { expect } from 'chai';
import { worstMistakes } from '../../lib/train/mistakes.js';

describe('train/mistakes', () => {
  const logits = (...rows: number[][]) => Float32Array.from(rows.flat());

  it('are the wrong ones, the surest first, with the probabilities of both labels', () => {
    const values = logits([2, 0, 0], [0, 3, 0], [0, 1, 0], [0, 0, 3]);
    const found = worstMistakes(values, Int32Array.of(1, 1, 0, 0), Int32Array.of(0, 1, 1, 2), ['a', 'b', 'c', 'd']);
    expect(found.map(({ row, text, gold, predicted }) => [row, text, gold, predicted])).to.deep.equal([
      [3, 'd', 0, 2],
      [0, 'a', 1, 0],
      [2, 'c', 0, 1],
    ]);
    expect(found[0]!.confidence).to.be.closeTo(Math.exp(3) / (Math.exp(3) + 2), 1e-4);
    expect(found[0]!.goldProbability).to.be.closeTo(1 / (Math.exp(3) + 2), 1e-4);
  });

  it('are few, and of long texts the beginning', () => {
    const rows = 50;
    const values = logits(...Array.from({ length: rows }, () => [1, 0]));
    const texts = Array.from({ length: rows }, () => `a${'😀'.repeat(5000)}`);
    const found = worstMistakes(values, new Int32Array(rows).fill(1), new Int32Array(rows), texts);
    expect(found.map(({ row }) => row)).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
    for (const { text } of found) {
      expect(text.length).to.be.within(490, 501);
      expect(text).not.to.match(/\p{Surrogate}/u);
      expect(text.at(-1)).to.equal('…');
    }
  });
});
