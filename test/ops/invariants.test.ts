/** What must hold bit for bit: batches, threads, frozen weights, dense against sparse. One instruction set after another. */
import { expect } from 'chai';
import { binding } from '../../lib/native/binding.js';
import type { Isa, ModelHandle, PackedBatch, StepOptions, TrainerHandle } from '../../lib/native/binding.js';
import { gradients, ISAS, parameters, requireIsa, sha256, step, withModel, withTrainer } from '../helpers/engine.js';
import { batchOf, ERROR_FLOOR, readFixture, relativeError, trainedElements, WIDTHS } from '../helpers/fixture.js';
import type { Fixture, PlanJson } from '../helpers/fixture.js';

const fixtures = WIDTHS.map((width) => [width, readFixture(width)] as const);
const [, two] = fixtures[0]!; // the fixture with two layers
const DROPOUT = { hiddenDropout: 0.1, attentionDropout: 0.2, classifierDropout: 0.1 };

/** Everything trains but the tables. */
function everything(fixture: Fixture): PlanJson {
  return { ...fixture.runs['full']!.plan, embeddings: false };
}

function headOnly(fixture: Fixture): PlanJson {
  const layers = everything(fixture).layers.map(() => ({ groups: [], neurons: [], extras: false }));
  return { layers, embeddings: false, newRowsFirst: -1, head: true };
}

/** A few units in both layers. */
const SPARSE: PlanJson = {
  layers: [
    { groups: [0], neurons: [0, 7, 8, 31, 47], extras: true },
    { groups: [1], neurons: [3, 46], extras: true },
  ],
  embeddings: false,
  newRowsFirst: 22,
  head: true,
};

/** Sequences of every length from 2 to 44, shortest and longest in turn. */
function raggedBatch(fixture: Fixture): { batch: PackedBatch; labels: Int32Array } {
  const lengths = Array.from({ length: 43 }, (_, i) => (i % 2 ? 44 - (i >> 1) : 2 + (i >> 1)));
  const offsets = Int32Array.from([0, ...lengths]);
  for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
  const tokens = offsets.at(-1)!;
  const ids = Int32Array.from({ length: tokens }, (_, i) => (i * 7 + (i >> 3)) % fixture.config.vocabulary);
  const typeIds = Int32Array.from({ length: tokens }, (_, i) => (i >> 2) % 2);
  return { batch: { ids, offsets, typeIds }, labels: Int32Array.from(lengths, (n) => n % fixture.config.classes) };
}

function only({ ids, offsets, typeIds }: PackedBatch, b: number): PackedBatch {
  const [begin, end] = [offsets[b]!, offsets[b + 1]!];
  return {
    ids: ids.slice(begin, end),
    offsets: Int32Array.of(0, end - begin),
    typeIds: typeIds!.slice(begin, end),
  };
}

/** sha256 of every parameter's elements that pass. */
async function hashes(model: ModelHandle, keep: (name: string, shape: number[]) => ReadonlySet<number> | null) {
  const out = new Map<string, string>();
  for (const [name, { shape, data }] of await parameters(model)) {
    const dropped = keep(name, shape);
    out.set(name, sha256(dropped ? data.filter((_, i) => !dropped.has(i)) : data));
  }
  return out;
}
const whole = () => null;

/** Steps from..to - 1 of the two-layer fixture's batches in turn. */
async function steps(trainer: TrainerHandle, from: number, to: number, options: Partial<StepOptions>): Promise<void> {
  for (let s = from; s < to; s++) await step(trainer, batchOf(two, s % 2), { step: s, ...options });
}

const LIVELY: Partial<StepOptions> = { dropout: true, lr: { units: 1e-2, head: 1e-2, rows: 1e-2 } };

function invariants(isa: Isa): void {
  before(function () {
    requireIsa(this, isa);
  });

  for (const [width, fixture] of fixtures) {
    it(`a text alone equals the text in a batch, head width ${width}`, () =>
      withModel(fixture, { isa }, async (model) => {
        const { batch } = raggedBatch(fixture);
        for (const output of ['logits', 'pooled', 'cls'] as const) {
          const together = await binding().forward(model, batch, output);
          const n = together.length / (batch.offsets.length - 1);
          for (let b = 0; b + 1 < batch.offsets.length; b++) {
            const alone = await binding().forward(model, only(batch, b), output);
            expect(sha256(alone), `text ${b}`).to.equal(sha256(together.slice(b * n, (b + 1) * n)));
          }
        }
      }));
  }

  it('any number of threads gives the same bits', async () => {
    const runs: unknown[] = [];
    for (const threads of [1, 2, 3]) {
      await withModel(two, { isa, threads, config: DROPOUT }, async (model) => {
        const ragged = raggedBatch(two);
        const logits = sha256(await binding().forward(model, ragged.batch, 'logits'));
        const calibration = binding().createCalibration(model);
        await binding().calibrate(calibration, ragged.batch, ragged.labels, 1 / 43, 0);
        const sensitivity = await binding().calibrationResult(calibration, -1);
        binding().close(calibration);
        const losses: number[] = [];
        await withTrainer(model, two.runs['full']!.plan, async (trainer) => {
          for (let s = 0; s < 3; s++) losses.push((await step(trainer, ragged, { step: s, dropout: true })).loss);
        });
        runs.push({ logits, sensitivity, losses, weights: await hashes(model, whole) });
      });
    }
    expect(runs[1]).to.deep.equal(runs[0]);
    expect(runs[2]).to.deep.equal(runs[0]);
  });

  it('frozen bytes stay as they were, trained ones do not', () =>
    withModel(two, { isa, config: DROPOUT }, async (model) => {
      const trained = (name: string, shape: number[]) => new Set(trainedElements(two, SPARSE, name, shape));
      const frozenBefore = await hashes(model, trained);
      const before = await parameters(model);
      await withTrainer(model, SPARSE, (trainer) => steps(trainer, 0, 4, LIVELY));
      expect(await hashes(model, trained)).to.deep.equal(frozenBefore);
      for (const [name, { shape, data }] of await parameters(model)) {
        const elements = trainedElements(two, SPARSE, name, shape);
        const moved = elements.filter((i) => data[i] !== before.get(name)!.data[i]).length;
        expect(moved, name).to.be.at.least(0.9 * elements.length);
      }
    }));

  it('nothing selected leaves the encoder as it was', () =>
    withModel(two, { isa, config: DROPOUT }, async (model) => {
      const before = await hashes(model, whole);
      await withTrainer(model, headOnly(two), (trainer) => steps(trainer, 0, 4, LIVELY));
      const changed = [...(await hashes(model, whole))].filter(([name, hash]) => before.get(name) !== hash);
      expect(changed.map(([name]) => name).sort()).to.deep.equal([
        'classifier.bias',
        'classifier.weight',
        'pooler.dense.bias',
        'pooler.dense.weight',
      ]);
    }));

  it('everything selected equals full finetuning on the encoder', async () => {
    // One step without clipping, which the tables' gradient would change, nor dropout, which frozen embeddings go without.
    const [selected, full] = await Promise.all(
      [everything(two), two.runs['full']!.plan].map((plan) =>
        withModel(two, { isa }, async (model) => {
          await withTrainer(model, plan, (trainer) => step(trainer, batchOf(two, 0), { clip: 0 }));
          return hashes(model, whole);
        }),
      ),
    );
    for (const [name, hash] of full!) {
      if (name.startsWith('embeddings.')) expect(selected!.get(name), name).to.not.equal(hash);
      else expect(selected!.get(name), name).to.equal(hash);
    }
  });

  it('a sparse gradient is the dense one, restricted', async () => {
    const [dense, sparse] = await Promise.all(
      [two.runs['full']!.plan, SPARSE].map((plan) =>
        withModel(two, { isa, config: DROPOUT }, (model) =>
          withTrainer(model, plan, async (trainer) => {
            await step(trainer, raggedBatch(two), { update: false, dropout: true });
            return gradients(trainer);
          }),
        ),
      ),
    );
    const shapes = new Map(two.tensors.entries());
    expect(sparse!.size).to.be.above(30);
    for (const [name, gradient] of sparse!) {
      const elements = trainedElements(two, SPARSE, name, shapes.get(`weight/${name}`)!.shape);
      const restricted = Float32Array.from(elements, (i) => dense!.get(name)![i]!);
      expect(sha256(gradient), name).to.equal(sha256(restricted));
    }
  });

  it('a batch in pieces has the loss and the gradients of the batch in one, under the same masks', async () => {
    const whole = raggedBatch(two);
    const run = (pieceTokens: number, threads = 2) =>
      withModel(two, { isa, threads, config: DROPOUT }, (model) =>
        withTrainer(model, two.runs['full']!.plan, async (trainer) => {
          const { loss } = await step(trainer, whole, { update: false, dropout: true, pieceTokens });
          return { loss, grads: await gradients(trainer) };
        }),
      );
    const one = await run(0);
    // About 5 pieces, and one for each text.
    for (const tokens of [200, 1]) {
      const pieces = await run(tokens);
      expect(pieces.loss).to.be.closeTo(one.loss, 1e-6);
      for (const [name, grad] of pieces.grads) {
        if (!name.endsWith('key.bias'))
          expect(relativeError(grad, one.grads.get(name)!), name).to.be.below(8 * ERROR_FLOOR);
      }
      expect(await run(tokens, 3)).to.deep.equal(pieces);
    }
    expect(await run(1e6)).to.deep.equal(one);
  });

  it('a sparse gradient in pieces is the dense one in the same pieces, restricted', async () => {
    const options = { update: false, dropout: true, pieceTokens: 150 };
    const [dense, sparse] = await Promise.all(
      [two.runs['full']!.plan, SPARSE].map((plan) =>
        withModel(two, { isa, config: DROPOUT }, (model) =>
          withTrainer(model, plan, async (trainer) => {
            await step(trainer, raggedBatch(two), options);
            return gradients(trainer);
          }),
        ),
      ),
    );
    const shapes = new Map(two.tensors.entries());
    for (const [name, gradient] of sparse!) {
      const elements = trainedElements(two, SPARSE, name, shapes.get(`weight/${name}`)!.shape);
      expect(sha256(gradient), name).to.equal(sha256(Float32Array.from(elements, (i) => dense!.get(name)![i]!)));
    }
  });

  it('freezing the new rows raises the floor', () =>
    withModel(two, { isa }, (model) =>
      withTrainer(model, two.runs['sparse']!.plan, async (trainer) => {
        expect(binding().trainerFloor(trainer)).to.equal(-1);
        await binding().freezeRows(trainer);
        expect(binding().trainerFloor(trainer)).to.equal(1);
        expect(
          binding()
            .trainerSlots(trainer)
            .map((slot) => slot.group),
        ).to.not.include('rows');
      }),
    ));

  it('a head step on stored [CLS] states equals a step with a frozen encoder', async () => {
    const { batch, labels } = batchOf(two, 0);
    const options = { seed: 1, step: 0, lr: { units: 0, head: 1e-2, rows: 0 }, dropout: true };
    const run = (stored: boolean) =>
      withModel(two, { isa, config: { classifierDropout: 0.1 } }, async (model) => {
        const features = await binding().forward(model, batch, 'cls');
        const { loss, gradNorm } = await withTrainer(model, headOnly(two), (trainer) =>
          stored
            ? binding().headStep(trainer, features, labels, options)
            : binding().trainStep(trainer, batch, labels, null, options),
        );
        return { loss, gradNorm, weights: await hashes(model, whole) };
      });
    expect(await run(true)).to.deep.equal(await run(false));
  });

  it('a trainer given the slots of another continues bit for bit', async () => {
    const fields = ['value', 'm', 'v'] as const;
    const saved: Float32Array[][] = [];
    let counts: number[] = [];
    const through = await withModel(two, { isa, config: DROPOUT }, async (model) => {
      await withTrainer(model, SPARSE, async (trainer) => {
        await steps(trainer, 0, 3, LIVELY);
        const slots = binding().trainerSlots(trainer);
        counts = slots.map((slot) => slot.t);
        for (const index of slots.keys()) {
          saved.push(await Promise.all(fields.map((field) => binding().getSlot(trainer, index, field))));
        }
        await steps(trainer, 3, 6, LIVELY);
      });
      return hashes(model, whole);
    });
    const resumed = await withModel(two, { isa, config: DROPOUT }, async (model) => {
      await withTrainer(model, SPARSE, async (trainer) => {
        for (const [index, t] of counts.entries()) {
          for (const [f, field] of fields.entries()) await binding().setSlot(trainer, index, field, saved[index]![f]!);
          await binding().setSlotStep(trainer, index, t);
        }
        await steps(trainer, 3, 6, LIVELY);
      });
      return hashes(model, whole);
    });
    expect(new Set(counts)).to.deep.equal(new Set([3]));
    expect(resumed).to.deep.equal(through);
  });

  it('weights of one change nothing, a weight of zero removes a text from the loss', () =>
    withModel(two, { isa }, (model) =>
      withTrainer(model, headOnly(two), async (trainer) => {
        const { batch, labels } = batchOf(two, 0);
        const options = { seed: 1, step: 0, lr: { units: 0, head: 0, rows: 0 }, dropout: false, update: false };
        const loss = async (weights: Float32Array | null) =>
          (await binding().trainStep(trainer, batch, labels, weights, options)).loss;
        expect(await loss(new Float32Array(4).fill(1))).to.equal(await loss(null));
        const parts = await Promise.all(
          [0, 1, 2, 3].map((b) => loss(Float32Array.from([0, 0, 0, 0].fill(1, b, b + 1)))),
        );
        expect(parts.reduce((a, b) => a + b)).to.be.closeTo(await loss(null), 1e-6);
      }),
    ));

  it('draws the same dropout masks as ref', async () => {
    const run = (table: Isa, seed: number) =>
      withModel(two, { isa: table, config: DROPOUT }, (model) =>
        withTrainer(model, two.runs['full']!.plan, async (trainer) => {
          const { loss } = await step(trainer, batchOf(two, 0), { seed, step: 3, update: false, dropout: true });
          return { loss, grads: await gradients(trainer) };
        }),
      );
    const [ref, own, other] = [await run('ref', 5), await run(isa, 5), await run(isa, 6)];
    expect(Math.abs(own.loss - ref.loss)).to.be.below(1e-5 * ref.loss);
    expect(Math.abs(own.loss - other.loss)).to.be.above(1e-3 * ref.loss);
    for (const [name, grad] of own.grads) {
      // Both sides err: four times what parity allows one of them.
      if (!name.endsWith('key.bias'))
        expect(relativeError(grad, ref.grads.get(name)!), name).to.be.below(8 * ERROR_FLOOR);
    }
  });
}

for (const isa of ISAS) describe(`invariants, ${isa}`, () => invariants(isa));
