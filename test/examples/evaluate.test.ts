import { expect } from 'chai';
import { example, trainedExample } from './example.js';

/** One class alone has 0.1; the script's own run scores 0.92. */
const LEARNT = 0.7;

describe('examples/evaluate', function () {
  this.timeout(60_000);

  it('prints the scores of every label', async () => {
    const { folder } = await trainedExample();
    const [whole, ...classes] = (await example('evaluate', [folder])).trimEnd().split('\n');
    const [, macroF1] = /^macro-F1 (\d\.\d{3}), accuracy \d\.\d{3} on 200 texts$/.exec(whole!)!;
    expect(Number(macroF1)).to.be.greaterThan(LEARNT);
    const rows = classes.map((line) =>
      /^(\w+): precision \d\.\d{3}, recall \d\.\d{3}, F1 (\d\.\d{3}) \((\d+)\)$/.exec(line)!.slice(1),
    );
    expect(rows.map(([label]) => label)).to.deep.equal(['drive', 'electric', 'fluid', 'sensing']);
    expect(rows.reduce((sum, [, , texts]) => sum + Number(texts), 0)).to.equal(200);
    expect(rows.reduce((sum, [, f1]) => sum + Number(f1) / 4, 0)).to.be.closeTo(Number(macroF1), 1e-3);
  });
});
