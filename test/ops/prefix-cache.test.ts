/** Steps that begin at kept states of the frozen layers train the same bits as steps that compute them. */
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { binding } from '../../lib/native/binding.js';
import type { Isa, ModelHandle, PackedBatch, TrainerHandle } from '../../lib/native/binding.js';
import { ISAS, parameters, requireIsa, setParameter, sha256, step, withModel, withTrainer } from '../helpers/engine.js';
import { readFixture, type PlanJson } from '../helpers/fixture.js';

const fixture = readFixture(16);
const { layers, hidden, feedForward, vocabulary, classes } = fixture.config;
const DROPOUT = { hiddenDropout: 0.1, attentionDropout: 0.2, classifierDropout: 0.1 };
const WORD_TABLE = 'embeddings.word_embeddings.weight';

/** Tokens of each text; every third has a second part. */
const LENGTHS = [5, 1, 17, 3, 9, 30, 2, 12, 6, 21, 4, 8];
const TOKENS = LENGTHS.reduce((a, b) => a + b);
/** Texts of each step: none known, some, all, some, all. */
const STEPS = [
  [0, 1, 2, 3, 4, 5],
  [7, 2, 9, 0, 11],
  [11, 3, 0, 9],
  [6, 10, 1, 8],
  [5, 11, 4, 10, 3, 9, 2, 8, 1, 7, 0, 6],
];
const KNOWN = [0, 2, 4, 1, 12];

function batchOf(texts: number[]): { batch: PackedBatch; labels: Int32Array } {
  const offsets = Int32Array.from([0, ...texts.map((text) => LENGTHS[text]!)]);
  for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
  const positions = texts.flatMap((text) => Array.from({ length: LENGTHS[text]! }, (_, i) => ({ text, i })));
  return {
    batch: {
      ids: Int32Array.from(positions, ({ text, i }) => (text * 5 + i * 3) % vocabulary),
      typeIds: Int32Array.from(positions, ({ text, i }) => (text % 3 === 0 && i > 1 ? 1 : 0)),
      offsets,
      texts: Int32Array.from(texts),
    },
    labels: Int32Array.from(texts, (text) => text % classes),
  };
}

/** Trains some units of the layers from `floor` on. */
const planFrom = (floor: number): PlanJson => ({
  layers: Array.from({ length: layers }, (_, layer) => {
    const trains = layer >= floor;
    return { groups: trains ? [1] : [], neurons: trains ? [0, feedForward - 1] : [], extras: trains };
  }),
  embeddings: false,
  newRowsFirst: -1,
  head: true,
});

/** For all texts; where the head alone trains, for their [CLS] states. */
const wholeBytes = (floor: number) => 16 * LENGTHS.length + 4 * hidden * (floor < layers ? TOKENS : LENGTHS.length);

interface How {
  isa: Isa;
  plan: PlanJson;
  /** Null: nothing is kept. */
  bytes: number | null;
  threads?: number;
  /** Before step s. */
  between?: (s: number, trainer: TrainerHandle, model: ModelHandle) => Promise<void>;
}

/** All steps with dropout. What they find is no part of what they train. */
async function run({ isa, plan, bytes, threads = 2, between }: How) {
  return withModel(fixture, { isa, threads, config: DROPOUT }, async (model) => {
    const cached: number[] = [];
    const trained: unknown[] = [];
    await withTrainer(model, plan, async (trainer) => {
      if (bytes !== null) await binding().keepPrefix(trainer, LENGTHS.length, bytes);
      for (const [s, texts] of STEPS.entries()) {
        await between?.(s, trainer, model);
        const lr = { units: 1e-2, head: 1e-2, rows: 1e-2 };
        const result = await step(trainer, batchOf(texts), { step: s, dropout: true, lr });
        trained.push([result.loss, result.gradNorm]);
        cached.push(result.cached);
      }
    });
    for (const [name, { data }] of await parameters(model)) trained.push([name, sha256(data)]);
    return { cached, trained };
  });
}

function keepsBits(isa: Isa): void {
  before(function () {
    requireIsa(this, isa);
  });

  for (const floor of [1, layers]) {
    const plan = planFrom(floor);
    const what = floor < layers ? `from layer ${floor} on` : 'of the head alone';

    it(`training ${what}, for any number of threads`, async () => {
      const { trained } = await run({ isa, plan, bytes: null });
      for (const threads of [1, 2, 3]) {
        const kept = await run({ isa, plan, bytes: wholeBytes(floor), threads });
        expect(kept.cached, `${threads} threads`).to.deep.equal(KNOWN);
        expect(kept.trained, `${threads} threads`).to.deep.equal(trained);
      }
    });

    it(`training ${what}, with room for some texts or none`, async () => {
      const { trained } = await run({ isa, plan, bytes: null });
      const half = await run({ isa, plan, bytes: wholeBytes(floor) / 2 });
      expect(half.trained).to.deep.equal(trained);
      expect(half.cached[4]).to.be.within(1, 11);
      const none = await run({ isa, plan, bytes: 16 * LENGTHS.length + 4 * hidden - 1 });
      expect(none).to.deep.equal({ trained, cached: [0, 0, 0, 0, 0] });
    });
  }

  it('training the lowest layer, which leaves nothing to keep', async () => {
    const { trained } = await run({ isa, plan: planFrom(0), bytes: null });
    const kept = await run({ isa, plan: planFrom(0), bytes: wholeBytes(0) });
    expect(kept).to.deep.equal({ trained, cached: [0, 0, 0, 0, 0] });
  });

  it('when new rows train first', async () => {
    const plan = { ...planFrom(1), newRowsFirst: vocabulary - 8 };
    const between = async (s: number, trainer: TrainerHandle) => {
      if (s === 2) await binding().freezeRows(trainer);
    };
    const { trained } = await run({ isa, plan, bytes: null, between });
    const kept = await run({ isa, plan, bytes: wholeBytes(1), between });
    // Text 6 and all of the third and fourth step come again in the last.
    expect(kept).to.deep.equal({ trained, cached: [0, 0, 0, 0, 8] });
  });

  it('when weights below are written meanwhile', async () => {
    const between = async (s: number, _: TrainerHandle, model: ModelHandle) => {
      if (s === 2) await setParameter(model, WORD_TABLE, new Float32Array(vocabulary * hidden).fill(0.25));
    };
    const { trained } = await run({ isa, plan: planFrom(1), bytes: null, between });
    expect(trained).to.not.deep.equal((await run({ isa, plan: planFrom(1), bytes: null })).trained);
    const kept = await run({ isa, plan: planFrom(1), bytes: wholeBytes(1), between });
    expect(kept).to.deep.equal({ trained, cached: [0, 2, 0, 0, 8] });
  });
}

for (const isa of ISAS) describe(`the prefix cache keeps the bits, ${isa}`, () => keepsBits(isa));

describe('the prefix cache', () => {
  const withKept = (work: (trainer: TrainerHandle) => Promise<void>) =>
    withModel(fixture, { isa: 'scalar' }, (model) => withTrainer(model, planFrom(1), work));

  it('counts its memory, and frees it', () =>
    withKept(async (trainer) => {
      await step(trainer, batchOf(STEPS[4]!));
      const { live } = binding().memory();
      await binding().keepPrefix(trainer, 12, 100_000);
      expect(binding().memory().live - live).to.equal(100_000);
      await binding().keepPrefix(trainer, 12, 1000);
      expect(binding().memory().live - live).to.equal(1000);
      await binding().keepPrefix(trainer, 0, 0);
      expect(binding().memory().live).to.equal(live);
    }));

  it('is empty after it failed to get memory', () =>
    withKept(async (trainer) => {
      binding().failAllocation(1, false);
      const refused: unknown = await binding()
        .keepPrefix(trainer, 12, 10_000)
        .catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(AdaptuneError).with.property('code', 'E_MEMORY');
      expect((await step(trainer, batchOf([0, 1]))).cached).to.equal(0);
      expect((await step(trainer, batchOf([0, 1]))).cached).to.equal(0);
    }));

  it('refuses texts that cannot be', () =>
    withKept(async (trainer) => {
      await binding().keepPrefix(trainer, 12, wholeBytes(1));
      await step(trainer, batchOf([4, 5]));
      const refusal = async (work: () => Promise<unknown>) => {
        const error: unknown = await work().catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_ARGUMENT');
        return (error as Error).message;
      };
      const asTexts = (texts: number[]) => {
        const { batch, labels } = batchOf([4, 5]);
        return refusal(() => step(trainer, { batch: { ...batch, texts: Int32Array.from(texts) }, labels }));
      };
      expect(await asTexts([4, 12])).to.match(/texts in \[0, 12\) but received 12 at 1/);
      expect(await asTexts([-1, 4])).to.match(/texts in \[0, 12\) but received -1 at 0/);
      expect(await asTexts([5, 4])).to.match(/the 30 tokens that text 5 had before but received 9/);
      expect(await asTexts([4])).to.match(/expected 2 numbers for batch.texts but received 1/);
      expect(await refusal(() => binding().keepPrefix(trainer, 12, 191))).to.match(/at least 192 bytes for 12 texts/);
    }));
});
