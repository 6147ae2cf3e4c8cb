import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { Encoder } from '../../lib/model/encoder.js';
import { packBatch } from '../../lib/model/batching.js';
import type { Encoding } from '../../lib/model/tokenization.js';
import { binding } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { wholeSelection } from '../../lib/select/units.js';
import { TrainBatches } from '../../lib/train/batches.js';
import { checkMemory, predictMemory, type MemoryPlan } from '../../lib/train/memory.js';
import { largestPiece, pieceTokens, runsOf } from '../../lib/train/pieces.js';
import { bertConfig } from '../../lib/train/scratch.js';
import { Trainer, type TrainedParts } from '../../lib/train/trainer.js';

const THREADS = 2;
const VOCABULARY = 3000;
const CONFIG = bertConfig({ layers: 3, hidden: 128, heads: 4 }, VOCABULARY, 4);
const BATCH = 40;
const LENGTHS = [128, 17, 90, 64, 3];

const encodings = Array.from({ length: 3 * BATCH }, (_, i): Encoding => {
  const length = LENGTHS[i % LENGTHS.length]!;
  const ids = Int32Array.from({ length }, (_, t) => (31 * i + 7 * t) % VOCABULARY);
  return {
    ids,
    typeIds: new Int32Array(length),
    offsets: new Int32Array(2 * length),
    baseTokens: length,
    truncated: false,
  };
});
const batches = new TrainBatches(
  encodings,
  Int32Array.from(encodings, (_, i) => i % 4),
  { batch: BATCH, seed: 1 },
);

function plans(): [string, TrainedParts][] {
  const all = wholeSelection(CONFIG, true);
  const none = wholeSelection(CONFIG, false);
  const some = { groups: [1], neurons: [3, 4, 5, 500] };
  const parts = (layers: typeof all, more: Partial<TrainedParts> = {}): TrainedParts => ({
    layers: layers.map((layer) => ({ ...layer, extras: layer.groups.length > 0 })),
    embeddings: false,
    newRowsFirst: -1,
    head: true,
    ...more,
  });
  return [
    ['full', parts(all, { embeddings: true })],
    ['adapt', parts(none.map(() => some))],
    [
      'adapt with new tokens',
      parts(
        none.map(() => some),
        { newRowsFirst: VOCABULARY - 50 },
      ),
    ],
    ['adapt, upper layers', parts([none[0]!, none[1]!, some])],
    ['adapt, neurons alone', parts(none.map(() => ({ ...some, groups: [] })))],
    ['frozen', parts(none)],
  ];
}

const OPTIONS = { seed: 1, lr: { units: 1e-4, head: 1e-4, rows: 1e-4 } };
const live = () => binding().memory().live;

async function withEncoder<T>(work: (encoder: Encoder) => Promise<T>): Promise<T> {
  await using device = Device.open({ threads: THREADS });
  await using encoder = await Encoder.random(device, CONFIG, { seed: 1, initializerRange: 0.05 });
  return await work(encoder);
}

describe('train/memory', () => {
  for (const [name, plan] of plans())
    it(`predicts what steps take, ${name}`, () =>
      withEncoder(async (encoder) => {
        await encoder.trim();
        const before = live();
        const piece = largestPiece(batches, 1, pieceTokens(CONFIG, plan));
        const { optimizer, packs, activations } = predictMemory(encoder, plan, piece, { now: 0, cached: false });
        const trainer = new Trainer(encoder, plan);
        expect(live() - before, 'optimizer').to.be.within(optimizer, 1.01 * optimizer + 1000);
        for (let step = 0; step < batches.perEpoch; step++) await trainer.step(batches.at(step), { ...OPTIONS, step });
        const steps = live() - before - optimizer;
        // Above by what no thread's scratch needed, and by the texts that pieces are cut between.
        expect((packs + activations) / steps, 'steps').to.be.within(0.99, 1.25);
        await encoder.trim();
        expect(live() - before - optimizer, 'trimmed').to.be.below(2 ** 16 + 0.01 * optimizer);
        trainer.close();
      }));

  for (const [name, plan] of plans())
    it(`allocates nothing in a step but copies of the batch, ${name}`, () =>
      withEncoder(async (encoder) => {
        const trainer = new Trainer(encoder, plan);
        const sizes = Array.from({ length: batches.perEpoch }, (_, step) => batches.at(step)).sort(
          (a, b) => b.batch.ids.length - a.batch.ids.length,
        );
        const step = (index: number) => trainer.step(sizes[index % sizes.length]!, { ...OPTIONS, step: index });
        await step(0);
        const begin = binding().memory();
        for (let index = 1; index < 4; index++) await step(index);
        const end = binding().memory();
        // Ids, offsets, labels and the rows that the texts have.
        expect(end.allocations - begin.allocations).to.equal(3 * 4);
        expect(end.live).to.equal(begin.live);
        trainer.close();
      }));

  it('allocates nothing in inference but copies of the batch and the result', () =>
    withEncoder(async (encoder) => {
      const run = (rows: number[]) => encoder.forward(packBatch(encodings, rows), 'logits');
      await run([0, 1, 2, 3, 4, 5]);
      const begin = binding().memory();
      for (const rows of [[0], [1, 2, 3], [0, 1, 2, 3, 4, 5]]) await run(rows);
      const end = binding().memory();
      expect(end.allocations - begin.allocations).to.equal(3 * 3);
      expect(end.live).to.equal(begin.live);
    }));

  it('refuses what the container cannot hold, and says what to lower', () => {
    const plan: MemoryPlan = {
      now: 5e8,
      packs: 0,
      optimizer: 3e8,
      activations: 4e8,
      between: 1e7,
      prefixCache: 0,
      total: 1.21e9,
    };
    checkMemory(plan, null);
    checkMemory(plan, plan.total);
    expect(() => checkMemory(plan, plan.total - 1))
      .to.throw(AdaptuneError, /382 MiB activations.*lower --batch or --max-length/)
      .with.property('code', 'E_MEMORY');
  });
});

describe('train/pieces', () => {
  it('are larger where most units train', () => {
    const tokens = plans().map(([, plan]) => pieceTokens(CONFIG, plan));
    expect(tokens).to.deep.equal([4096, 2048, 2048, 2048, 2048, 2048]);
  });

  it('cut rows by number and by tokens', () => {
    const lengths = [5, 5, 5, 30, 1, 1, 1, 1];
    const runs = (batch: number, most: number) => [
      ...runsOf([0, 1, 2, 3, 4, 5, 6, 7], batch, most, (row) => lengths[row]!),
    ];
    expect(runs(3, 100)).to.deep.equal([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
    expect(runs(8, 12)).to.deep.equal([[0, 1], [2], [3], [4, 5, 6, 7]]);
  });
});
