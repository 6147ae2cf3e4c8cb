import { expect } from 'chai';
import { example } from './example.js';

describe('examples/kernels', () => {
  it('trains the neurons that it selected, and no other', async () => {
    const printed = await example('kernels');
    const [, neurons, moved, before, after] =
      /^neurons ([\d ]+) trained, (\d+) of 64 changed\nloss (\S+) -> (\S+)\n$/.exec(printed)!;
    expect(neurons!.split(' ')).to.have.length(8);
    expect(moved).to.equal('8');
    expect(Number(after)).to.be.below(0.5 * Number(before));
  });
});
