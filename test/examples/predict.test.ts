import { expect } from 'chai';
import { example, trainedExample } from './example.js';

describe('examples/predict', function () {
  this.timeout(60_000);

  it('labels its own texts as they should be', async () => {
    const { folder } = await trainedExample();
    const [labels, ...predictions] = (await example('predict', [folder])).trimEnd().split('\n');
    expect(labels).to.equal('labels: drive, electric, fluid, sensing');
    expect(predictions).to.have.length(2);
    expect(predictions[0]).to.match(/^bypass valve .* -> fluid 0\.\d{3}, \w+ 0\.\d{3}$/);
    expect(predictions[1]).to.match(/^optical encoder .* -> sensing 0\.\d{3}, \w+ 0\.\d{3}$/);
  });

  it('labels the texts that it is given', async () => {
    const { folder } = await trainedExample();
    expect(await example('predict', [folder, 'buffered inverter hummed'])).to.match(
      /\nbuffered inverter hummed -> \w+ \d\.\d{3}, \w+ \d\.\d{3}\n$/,
    );
  });
});
