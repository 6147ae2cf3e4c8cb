/** Low-rank adapters against PEFT's, whole layers against full finetuning, and what must hold of both bit for bit. */
import { expect } from 'chai';
import { ADAPTER_TARGETS } from '../../lib/native/adapters.js';
import { binding } from '../../lib/native/binding.js';
import type { Isa, ModelHandle, TrainerHandle } from '../../lib/native/binding.js';
import {
  gradients,
  ISAS,
  parameters,
  requireIsa,
  setParameter,
  sha256,
  step,
  withModel,
  withTrainer,
} from '../helpers/engine.js';
import {
  batchOf,
  judge,
  nativePlan,
  parameterNames,
  readFixture,
  readLoraFixture,
  relativeError,
  sampled,
  values,
} from '../helpers/fixture.js';
import type { PlanJson } from '../helpers/fixture.js';

const base = readFixture(16);
const fixture = readLoraFixture();
const DROPOUT = { hiddenDropout: 0.1, attentionDropout: 0.2, classifierDropout: 0.1 };
const none = { groups: [], neurons: [], extras: false };

function planOf(run: string, dropout = 0): PlanJson {
  const { rank, alpha, targets } = fixture.runs[run]!.lora;
  const layers = Array.from({ length: base.config.layers }, () => ({ ...none, adapters: targets }));
  return { layers, lora: { rank, alpha, dropout }, embeddings: false, newRowsFirst: -1, head: true };
}

/** The fixture's first values, in every slot that has one. */
async function start(trainer: TrainerHandle, run: string): Promise<void> {
  for (const [index, { name }] of binding().trainerSlots(trainer).entries()) {
    if (!name.includes('lora_')) continue;
    await binding().setSlot(trainer, index, 'value', values(fixture, `${run}/start/${name}`) as Float32Array);
  }
}

const withAdapters = <T>(
  model: ModelHandle,
  run: string,
  dropout: number,
  work: (trainer: TrainerHandle) => Promise<T>,
) =>
  withTrainer(model, planOf(run, dropout), async (trainer) => {
    await start(trainer, run);
    return work(trainer);
  });

async function slotValues(trainer: TrainerHandle): Promise<Map<string, Float32Array>> {
  const out = new Map<string, Float32Array>();
  for (const [index, { name }] of binding().trainerSlots(trainer).entries())
    out.set(name, await binding().getSlot(trainer, index, 'value'));
  return out;
}

const logits = (model: ModelHandle, batch: number) => binding().forward(model, batchOf(base, batch).batch, 'logits');
const all = (data: Float32Array) => data.map((_, i) => i);
const hashes = async (model: ModelHandle) =>
  new Map([...(await parameters(model))].map(([name, { data }]) => [name, sha256(data)] as const));

function adapters(isa: Isa): void {
  before(function () {
    requireIsa(this, isa);
  });

  for (const [name, run] of Object.entries(fixture.runs)) {
    it(`logits and gradients as PEFT's, ${name} run`, () =>
      withModel(base, { isa }, (model) =>
        withAdapters(model, name, 0, async (trainer) => {
          const failures: (string | null)[] = [];
          for (const b of [0, 1]) failures.push(judge(fixture, `${name}/logits/${b}`, await logits(model, b)));
          const { loss } = await step(trainer, batchOf(base, 0), { update: false });
          expect(relativeError([loss], values(fixture, `${name}/loss`).subarray(0, 1))).to.be.below(1e-6);
          const grads = await gradients(trainer);
          expect(grads.size).to.equal(4 + 4 * run.lora.targets.length);
          for (const [slot, grad] of grads) failures.push(judge(fixture, `${name}/grad/${slot}`, grad));
          expect(failures.filter((failure) => failure !== null)).to.deep.equal([]);
        }),
      ));

    it(`three AdamW steps and the merged matrices as PEFT's, ${name} run`, () =>
      withModel(base, { isa }, (model) =>
        withAdapters(model, name, 0, async (trainer) => {
          const before = await hashes(model);
          const failures: (string | null)[] = [];
          const [losses, norms]: number[][] = [[], []];
          for (let s = 0; s < 3; s++) {
            const result = await step(trainer, batchOf(base, s % 2), { step: s, lr: run.lr, clip: run.clip });
            (losses!.push(result.loss), norms!.push(result.gradNorm));
            for (const [slot, data] of await slotValues(trainer))
              failures.push(judge(fixture, `${name}/${slot}`, sampled(fixture, data, [...all(data)]), { step: s }));
          }
          failures.push(judge(fixture, `${name}/loss`, losses!), judge(fixture, `${name}/norm`, norms!));
          const head = /^(pooler|classifier)/;
          const changed = async () =>
            [...(await hashes(model))]
              .filter(([key, hash]) => hash !== before.get(key) && !head.test(key))
              .map(([key]) => key);
          expect(await changed()).to.deep.equal([]);

          const adapted = await logits(model, 0);
          await binding().mergeAdapters(trainer);
          const merged = [...fixture.tensors.keys()].filter((key) => key.startsWith(`${name}/merged/`));
          expect(merged).to.have.length(base.config.layers * run.lora.targets.length);
          const weights = await parameters(model);
          for (const key of merged) {
            const { data } = weights.get(key.slice(`${name}/merged/`.length))!;
            failures.push(judge(fixture, key, sampled(fixture, data, [...all(data)])));
          }
          expect((await changed()).sort()).to.deep.equal(
            merged.map((key) => key.slice(`${name}/merged/`.length)).sort(),
          );
          expect(relativeError(await logits(model, 0), adapted)).to.be.below(1e-5);
          expect(
            binding()
              .trainerSlots(trainer)
              .map((slot) => slot.group),
          ).to.deep.equal(Array(4).fill('head'));
          expect(failures.filter((failure) => failure !== null)).to.deep.equal([]);
        }),
      ));
  }

  it('begins with the bits of the model as it is, and merges nothing while B is 0', () =>
    withModel(base, { isa }, async (model) => {
      const [before, weights] = [await logits(model, 0), await hashes(model)];
      await withTrainer(model, planOf('every'), async (trainer) => {
        for (const [index, { name, rows, cols }] of binding().trainerSlots(trainer).entries())
          if (name.includes('lora_A'))
            await binding().setSlot(trainer, index, 'value', new Float32Array(rows * cols).fill(0.5));
        expect(await logits(model, 0)).to.deep.equal(before);
        await binding().mergeAdapters(trainer);
      });
      expect(await hashes(model)).to.deep.equal(weights);
    }));

  it('takes the dropout of its input into account', () =>
    withModel(base, { isa, config: DROPOUT }, (model) =>
      withAdapters(model, 'every', 0.3, async (trainer) => {
        const options = { update: false, dropout: true, step: 5 };
        const loss = async () => (await step(trainer, batchOf(base, 0), options)).loss;
        const first = await loss();
        const grads = await gradients(trainer);
        expect(Math.abs((await step(trainer, batchOf(base, 0), { ...options, step: 6 })).loss - first)).to.be.above(
          1e-4,
        );
        // The derivative along the gradient itself, of A and of B, by central differences.
        for (const part of ['lora_A', 'lora_B']) {
          const slots = [...binding().trainerSlots(trainer).entries()].filter(([, { name }]) => name.includes(part));
          const norm = Math.hypot(...slots.flatMap(([, { name }]) => [...grads.get(name)!]));
          const moved = async (distance: number) => {
            for (const [index, { name }] of slots) {
              const from = values(fixture, `every/start/${name}`) as Float32Array;
              const along = grads.get(name)!;
              const to = from.map((value, i) => value + (distance * along[i]!) / norm);
              await binding().setSlot(trainer, index, 'value', to);
            }
            return loss();
          };
          const h = 0.02;
          const slope = ((await moved(h)) - (await moved(-h))) / (2 * h);
          await moved(0);
          expect(slope / norm, part).to.be.closeTo(1, 0.01);
        }
      }),
    ));

  it('gives the same bits with any number of threads, and alone as in a batch', async () => {
    const runs: unknown[] = [];
    for (const threads of [1, 3]) {
      await withModel(base, { isa, threads, config: DROPOUT }, (model) =>
        withAdapters(model, 'every', 0.1, async (trainer) => {
          for (let s = 0; s < 2; s++) await step(trainer, batchOf(base, s), { step: s, dropout: true });
          const together = await logits(model, 0);
          const { ids, offsets, typeIds } = batchOf(base, 0).batch;
          const { classes } = base.config;
          for (let b = 0; b + 1 < offsets.length; b++) {
            const [begin, end] = [offsets[b]!, offsets[b + 1]!];
            const only = {
              ids: ids.slice(begin, end),
              offsets: Int32Array.of(0, end - begin),
              typeIds: typeIds!.slice(begin, end),
            };
            const alone = await binding().forward(model, only, 'logits');
            expect(alone).to.deep.equal(together.slice(b * classes, (b + 1) * classes));
          }
          runs.push([...(await slotValues(trainer))].map(([name, data]) => [name, sha256(data)]));
        }),
      );
    }
    expect(runs[1]).to.deep.equal(runs[0]);
  });

  it('trains new rows beside adapters, and a floor that is the lowest layer with one', () =>
    withModel(base, { isa }, async (model) => {
      const upper = [{ ...none }, { ...none, adapters: [...ADAPTER_TARGETS] }];
      await withTrainer(model, { ...planOf('usual'), layers: upper, newRowsFirst: 22 }, async (trainer) => {
        expect(binding().trainerFloor(trainer)).to.equal(-1);
        await step(trainer, batchOf(base, 0));
        await binding().freezeRows(trainer);
        expect(binding().trainerFloor(trainer)).to.equal(1);
        expect((await step(trainer, batchOf(base, 1), { step: 1 })).finite).to.equal(true);
        await binding().mergeAdapters(trainer);
        expect(binding().trainerFloor(trainer)).to.equal(2);
      });
    }));

  it('belongs to one trainer at a time', () =>
    withModel(base, { isa }, async (model) => {
      const before = await logits(model, 0);
      await withAdapters(model, 'usual', 0, async () => {
        expect(() => binding().createTrainer(model, nativePlan(planOf('usual')))).to.throw('another trainer');
        expect(await logits(model, 0)).to.not.deep.equal(before);
      });
      // What was not merged goes with the next trainer.
      const head = { ...planOf('usual'), layers: [none, none] };
      await withTrainer(model, head, async () => expect(await logits(model, 0)).to.deep.equal(before));
    }));

  it('has the gradients of full finetuning in whole layers, and trains nothing else', () =>
    withModel(base, { isa }, async (model) => {
      const full = base.runs['full']!.plan;
      const run = (plan: PlanJson) =>
        withTrainer(model, plan, async (trainer) => {
          await step(trainer, batchOf(base, 0), { update: false });
          return gradients(trainer);
        });
      const dense = await run(full);
      for (const chosen of [0, 1]) {
        const plan = {
          ...full,
          embeddings: false,
          layers: full.layers.map((layer, l) => (l === chosen ? layer : none)),
        };
        const grads = await run(plan);
        expect([...grads.keys()].filter((name) => name.startsWith('encoder.'))).to.have.length(16);
        for (const [name, grad] of grads) {
          expect(name).to.match(new RegExp(`^(encoder\\.layer\\.${chosen}\\.|pooler|classifier)`));
          expect(sha256(grad), name).to.equal(sha256(dense.get(name)!));
          if (!name.endsWith('key.bias')) expect(judge(base, `grad/${name}`, grad)).to.equal(null);
        }
        const before = await hashes(model);
        await withTrainer(model, plan, (trainer) =>
          step(trainer, batchOf(base, 0), { lr: { units: 1e-2, head: 0, rows: 0 } }),
        );
        const changed = [...(await hashes(model))].filter(([name, hash]) => before.get(name) !== hash);
        expect(changed.map(([name]) => name)).to.have.length.within(15, 16);
        for (const [name] of changed) expect(name).to.match(new RegExp(`^encoder\\.layer\\.${chosen}\\.`));
        for (const name of parameterNames(base))
          await setParameter(model, name, values(base, `weight/${name}`) as Float32Array);
      }
    }));
}

for (const isa of ISAS) describe(`adapters and layers, ${isa}`, () => adapters(isa));
