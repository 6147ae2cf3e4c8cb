/** The properties of the miner on many more databases than npm test takes. */
import fc from 'fast-check';
import { hundredsProperty, optionsProperty, turnsProperty } from '../mining/properties.js';

describe('long/mining', () => {
  it('all options at once, 500,000 databases', () => fc.assert(optionsProperty, { numRuns: 500_000 }));
  it('hundreds of sequences, 10,000 databases', () => fc.assert(hundredsProperty, { numRuns: 10_000 }));
  it('any order of turns, 100,000 databases', () => fc.assert(turnsProperty, { numRuns: 100_000 }));
});
