import { expect } from 'chai';
import { binding } from '../../lib/native/binding.js';
import type { Isa, ModelHandle } from '../../lib/native/binding.js';
import { gradients, ISAS, parameters, requireIsa, step, withModel, withTrainer } from '../helpers/engine.js';
import {
  batchOf,
  judge,
  parameterNames,
  readFixture,
  relativeError,
  sampled,
  trainedElements,
  values,
  WIDTHS,
} from '../helpers/fixture.js';
import type { Fixture } from '../helpers/fixture.js';

const STEPS = 10;
/** Its true gradient is 0: what is computed is rounding noise, which Adam turns into steps of the learning rate. */
const isKeyBias = (name: string) => name.endsWith('key.bias');

/** Collects the judgements of a test, so that one failure does not hide the others. */
class Verdict {
  readonly failures: string[] = [];
  count = 0;
  constructor(readonly fixture: Fixture) {}
  add(key: string, x: ArrayLike<number>, at: { step?: number; lr?: number } = {}): void {
    this.count++;
    const failure = judge(this.fixture, key, x, at);
    if (failure) this.failures.push(failure);
  }
  expectNone(): void {
    expect(this.count).to.be.above(0);
    expect(this.failures).to.deep.equal([]);
  }
}

async function checkRun(fixture: Fixture, name: string, model: ModelHandle): Promise<void> {
  const run = fixture.runs[name]!;
  const verdict = new Verdict(fixture);
  await withTrainer(model, run.plan, async (trainer) => {
    const losses: number[] = [];
    const norms: number[] = [];
    for (let s = 0; s < STEPS; s++) {
      if (run.rowSteps > 0 && s === run.rowSteps) await binding().freezeRows(trainer);
      const result = await step(trainer, batchOf(fixture, s % 2), { step: s, lr: run.lr, clip: run.clip });
      expect(result.finite).to.equal(true);
      losses.push(result.loss);
      norms.push(result.gradNorm);
      for (const [parameter, { shape, data }] of await parameters(model)) {
        const trained = trainedElements(fixture, run.plan, parameter, shape);
        if (trained.length > 0 && !isKeyBias(parameter)) {
          verdict.add(`${name}/${parameter}`, sampled(fixture, data, trained), {
            step: s,
            lr: Math.max(...Object.values(run.lr)),
          });
        }
      }
    }
    verdict.add(`${name}/loss`, losses);
    verdict.add(`${name}/norm`, norms);
  });
  verdict.expectNone();
}

async function checkGradients(fixture: Fixture, model: ModelHandle): Promise<void> {
  const verdict = new Verdict(fixture);
  await withTrainer(model, fixture.runs['full']!.plan, async (trainer) => {
    const result = await step(trainer, batchOf(fixture, 0), { update: false });
    expect(relativeError([result.loss], values(fixture, 'full/loss').subarray(0, 1))).to.be.below(1e-6);
    const grads = await gradients(trainer);
    expect([...grads.keys()].sort()).to.deep.equal(parameterNames(fixture).sort());
    for (const [name, grad] of grads) {
      if (isKeyBias(name)) {
        const scale = Math.hypot(...grads.get(name.replace('bias', 'weight'))!);
        expect(Math.hypot(...grad)).to.be.below(1e-5 * scale);
      } else verdict.add(`grad/${name}`, grad);
    }
  });
  verdict.expectNone();
}

async function checkCalibration(fixture: Fixture, model: ModelHandle): Promise<void> {
  const verdict = new Verdict(fixture);
  const calibration = binding().createCalibration(model);
  try {
    const halves = [batchOf(fixture, 0), batchOf(fixture, 1)] as const;
    const texts = halves[0].labels.length + halves[1].labels.length;
    for (const half of [0, 1] as const) {
      await binding().calibrate(calibration, halves[half].batch, halves[half].labels, 1 / texts, half);
    }
    for (const [l, layer] of (await binding().calibrationResult(calibration, -1)).entries()) {
      for (const kind of ['groups', 'neurons'] as const) {
        for (const measure of ['norm', 'ratio', 'feature', 'gradient'] as const) {
          verdict.add(`calibration/${l}/${kind}/${measure}`, layer[kind][measure]);
        }
      }
    }
  } finally {
    binding().close(calibration);
  }
  verdict.expectNone();
}

describe('parity with PyTorch fp64', () => {
  const fixtures = WIDTHS.map((width) => [width, readFixture(width)] as const);
  const suite = (isa: Isa) => () => {
    before(function () {
      requireIsa(this, isa);
    });
    for (const [width, fixture] of fixtures) {
      it(`logits and pooled vectors, head width ${width}`, () =>
        withModel(fixture, { isa }, async (model) => {
          const verdict = new Verdict(fixture);
          for (const b of [0, 1]) {
            for (const output of ['logits', 'pooled'] as const) {
              verdict.add(`${output}/${b}`, await binding().forward(model, batchOf(fixture, b).batch, output));
            }
          }
          verdict.expectNone();
        }));
      it(`loss and every gradient, head width ${width}`, () =>
        withModel(fixture, { isa }, (model) => checkGradients(fixture, model)));
      it(`dispersion and gradient norms of every unit, head width ${width}`, () =>
        withModel(fixture, { isa }, (model) => checkCalibration(fixture, model)));
      for (const run of Object.keys(fixture.runs)) {
        it(`ten ${run} AdamW steps, head width ${width}`, () =>
          withModel(fixture, { isa }, (model) => checkRun(fixture, run, model)));
      }
    }
  };
  for (const isa of ISAS) describe(isa, suite(isa));
});
