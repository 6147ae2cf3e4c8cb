import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import type { EncoderConfig } from '../../lib/native/binding.js';
import { makePlan } from '../../lib/select/plan.js';
import { checkMemory, predictMemory } from '../../lib/train/memory.js';

/** bert-base-uncased with 2 classes: 85 million matrix weights in 12 layers, 109.5 million parameters. */
const BASE: EncoderConfig = {
  layers: 12,
  hidden: 768,
  heads: 12,
  kvHeads: 12,
  headWidth: 64,
  feedForward: 3072,
  vocabulary: 30522,
  positions: 512,
  types: 2,
  classes: 2,
  normEps: 1e-12,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  classifierDropout: 0.1,
  activation: 'gelu',
};
const plan = (method: 'full' | 'frozen') =>
  makePlan(BASE, {
    method,
    newRowsFirst: -1,
    steps: 10,
    rates: { units: 1, head: 1, rows: 1 },
    work: {
      lengths: [10],
      baseLengths: [10],
      epochs: 1,
      headFitTexts: 0,
      headFitPasses: 0,
      calibrationTexts: 0,
      tokenPhase: 0,
      prefixCache: false,
    },
  });

describe('train/memory', () => {
  it('counts weights, optimizer and activations', () => {
    const full = predictMemory(BASE, plan('full'), 4096, 1e9);
    expect(full.optimizer).to.equal(12 * 109_483_778);
    expect(full.packs).to.equal(8 * 12 * 7_077_888);
    // A layer keeps 8 H + 2 F floats of a token (Q, K and V are 3 H of them) and a few statistics.
    expect(full.activations / 4096).to.be.within(
      4 * 12 * (8 * 768 + 6144),
      4 * 12 * (8 * 768 + 6144 + 16) + 4 * 20_000,
    );
    expect(full.total).to.equal(1e9 + full.optimizer + full.packs + full.activations);
    const frozen = predictMemory(BASE, plan('frozen'), 4096, 1e9);
    expect(frozen.optimizer).to.equal(12 * (769 * 768 + 769 * 2));
    expect(frozen.activations).to.be.lessThan(full.activations / 10);
  });

  it('refuses what the container cannot hold, and says what to lower', () => {
    const full = predictMemory(BASE, plan('full'), 4096, 1e9);
    checkMemory(full, null);
    checkMemory(full, full.total);
    expect(() => checkMemory(full, full.total - 1))
      .to.throw(AdaptuneError, 'lower --batch or --max-length')
      .with.property('code', 'E_MEMORY');
  });
});
