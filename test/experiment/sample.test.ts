/** Parts of a training file: their size, their labels, and that they depend on the seed alone. */
import { expect } from 'chai';
import fc from 'fast-check';
import { BIASES, sampleRows } from '../../lib/experiment/sample.js';

const counts = (labels: readonly string[], rows: readonly number[]) => {
  const by = new Map<string, number>();
  for (const row of rows) by.set(labels[row]!, (by.get(labels[row]!) ?? 0) + 1);
  return by;
};
/** 100 texts of a, 60 of b, 40 of c, 4 of d; text i is i characters long. */
const LABELS = [...'a'.repeat(100), ...'b'.repeat(60), ...'c'.repeat(40), ...'d'.repeat(4)];
const TEXTS = LABELS.map((_, i) => 'x'.repeat(1 + ((i * 37) % 101)));

describe('experiment/sample', () => {
  it('has the asked share of the rows, each once and in order, and a row of every label', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', '__proto__', '10'), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.constantFrom(...BIASES),
        fc.nat(1000),
        (labels, share, bias, seed) => {
          const rows = sampleRows(labels, labels, { share, bias }, seed);
          const kinds = new Set(labels).size;
          expect(rows).to.have.length(Math.max(kinds, Math.round(share * labels.length)));
          expect(rows).to.deep.equal([...new Set(rows)].sort((a, b) => a - b));
          expect(counts(labels, rows).size).to.equal(kinds);
        },
      ),
    );
  });

  it('keeps the shares of the labels without bias', () => {
    const rows = sampleRows(TEXTS, LABELS, { share: 0.5, bias: 'none' }, 1);
    expect([...counts(LABELS, rows).values()]).to.deep.equal([50, 30, 20, 2]);
    expect(sampleRows(TEXTS, LABELS, { share: 0.5, bias: 'none' }, 1)).to.deep.equal(rows);
    expect(sampleRows(TEXTS, LABELS, { share: 0.5, bias: 'none' }, 2)).not.to.deep.equal(rows);
  });

  it('makes two of four labels rare, others under another seed', () => {
    const rare = (seed: number) => {
      const by = counts(LABELS, sampleRows(TEXTS, LABELS, { share: 0.25, bias: 'label' }, seed));
      const all = counts(LABELS, [...LABELS.keys()]);
      return [...by].filter(([label, n]) => n / all.get(label)! < 0.2).map(([label]) => label);
    };
    const seen = new Set(Array.from({ length: 20 }, (_, seed) => rare(seed).join('')));
    expect(seen.size).to.be.greaterThan(2);
    for (const labels of seen) expect(labels.length).to.be.within(1, 2);
  });

  it('takes the shortest texts of each label', () => {
    const rows = sampleRows(TEXTS, LABELS, { share: 0.25, bias: 'length' }, 1);
    const taken = new Set(rows);
    for (const label of 'abcd') {
      const own = LABELS.flatMap((other, row) => (other === label ? [row] : []));
      const longest = Math.max(...own.filter((row) => taken.has(row)).map((row) => TEXTS[row]!.length));
      const shortest = Math.min(...own.filter((row) => !taken.has(row)).map((row) => TEXTS[row]!.length));
      expect(longest, label).to.be.at.most(shortest);
    }
  });
});
