import { expect } from 'chai';
import { Encoder } from '../../lib/model/encoder.js';
import { forwardAll } from '../../lib/model/inference.js';
import type { Encoding } from '../../lib/model/tokenization.js';
import type { EncoderConfig } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { wholeSelection } from '../../lib/select/units.js';
import { takeRows, TrainBatches } from '../../lib/train/batches.js';
import { Trainer } from '../../lib/train/trainer.js';
import { Words } from '../../lib/util/philox.js';

const CONFIG: EncoderConfig = {
  layers: 2,
  hidden: 32,
  heads: 2,
  kvHeads: 2,
  headWidth: 16,
  feedForward: 64,
  vocabulary: 50,
  positions: 24,
  types: 2,
  classes: 3,
  normEps: 1e-12,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  classifierDropout: 0.1,
  activation: 'gelu',
};

const words = new Words({ seed: 1, stream: 'sample' });
const encodings: Encoding[] = Array.from({ length: 20 }, () => {
  const ids = Int32Array.from({ length: 2 + words.below(20) }, () => words.below(CONFIG.vocabulary));
  return {
    ids,
    typeIds: new Int32Array(ids.length),
    offsets: new Int32Array(2 * ids.length),
    baseTokens: ids.length,
    truncated: false,
  };
});
const labels = Int32Array.from(encodings, () => words.below(3));

/** Values and moments of the head after ten steps with dropout. */
async function headAfterTen(cached: boolean): Promise<Map<string, number[]>> {
  await using device = Device.open({ threads: 2 });
  await using encoder = await Encoder.random(device, CONFIG, { seed: 3 });
  const trainer = new Trainer(encoder, {
    layers: wholeSelection(CONFIG, false).map((layer) => ({ ...layer, extras: false })),
    embeddings: false,
    newRowsFirst: -1,
    head: true,
  });
  const batches = new TrainBatches(encodings, labels, { batch: 8, seed: 4 });
  const features = cached ? await forwardAll(encoder, encodings, 'cls', { batchTokens: 50 }) : null;
  for (let step = 0; step < 10; step++) {
    const lr = { units: 0, head: 0.01, rows: 0 };
    const how = { seed: 4, step, lr, weightDecay: 0.01, clip: 1, dropout: true };
    const batch = batches.at(step);
    if (features) await trainer.headStep(takeRows(features, batches.rows(step), 20), batch.labels, how);
    else await trainer.step(batch, how);
  }
  const values = new Map<string, number[]>();
  for (const tensor of trainer.tensors()) values.set(tensor.name, [...(await tensor.read())]);
  trainer.close();
  return values;
}

describe('train/frozen', () => {
  it('trains the head on cached [CLS] states to the same bits as on texts', async () => {
    const plain = await headAfterTen(false);
    expect([...plain.keys()]).to.include.members(['value/classifier.weight', 'm/pooler.dense.weight']);
    expect(plain.get('m/pooler.dense.weight')!.some((value) => value !== 0)).to.equal(true);
    expect(await headAfterTen(true)).to.deep.equal(plain);
  });
});
