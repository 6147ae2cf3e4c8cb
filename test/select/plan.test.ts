import { expect } from 'chai';
import * as fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { leastCost, planForCost, predictCost, totalScore } from '../../lib/select/cost.js';
import type { Workload } from '../../lib/select/cost.js';
import { defaultRates, makePlan, tokenPhaseSteps } from '../../lib/select/plan.js';
import type { PlanRequest } from '../../lib/select/plan.js';
import { SCORE_DEFAULTS, scoreUnits } from '../../lib/select/scores.js';
import { floorOf, selectUnits, wholeSelection } from '../../lib/select/units.js';
import { sensitivities, tinyConfig } from './scenario.js';

const plain: Workload = {
  lengths: [10, 6],
  baseLengths: [10, 6],
  epochs: 4,
  headFitTexts: 0,
  headFitPasses: 0,
  calibrationTexts: 0,
  tokenPhase: 0,
  prefixCache: false,
};
// A layer has 192 weights in Q, K and V and 576 after attention. 16 tokens in 2 texts, 136 squared lengths: products cost
// 2 * 16 * 192 = 6,144 and 2 * 16 * 576 = 18,432, in the top layer 2 * 2 * 576 = 2,304; attention 4 * 8 * 136 = 4,352.
const config = tinyConfig(2, 32);
const bottom = { forward: 6144 + 18432 + 4352, backward: 6144 + 18432 + 8704 };
const top = { forward: 6144 + 2304 + 4352, backward: 6144 + 2304 + 8704 };
const forward = bottom.forward + top.forward;
const select = (groups: number[][]) => groups.map((g) => ({ groups: g, neurons: [] }));

describe('select/cost', () => {
  it('is one for full finetuning', () => {
    expect(predictCost(config, wholeSelection(config, true), plain, true)).to.be.closeTo(1, 1e-12);
  });

  it('counts activations down to the floor and weights that are selected', () => {
    const nothing = predictCost(config, wholeSelection(config, false), plain);
    expect(nothing).to.be.closeTo(1 / 3, 1e-12);
    // A group: 96 weights before attention, 32 after it.
    const upper = predictCost(config, select([[], [0]]), plain);
    const upperGradients = 2 * 16 * 96 + 2 * 2 * 32;
    expect(upper).to.be.closeTo((forward + top.backward - 6144 + upperGradients) / (3 * forward), 1e-12);
    const lower = predictCost(config, select([[1], []]), plain);
    const backward = top.backward + bottom.backward - 6144;
    expect(lower).to.be.closeTo((forward + backward + 2 * 16 * 128) / (3 * forward), 1e-12);
    const neurons = [
      { groups: [], neurons: [] },
      { groups: [], neurons: [4, 5] },
    ];
    expect(predictCost(config, neurons, plain) - nothing).to.be.closeTo(
      (top.backward - 6144 + 2 * 2 * 32) / (3 * forward),
      1e-12,
    );
  });

  it('counts adapters beside frozen matrices, all the way down', () => {
    const nothing = wholeSelection(config, false);
    const through = forward + top.backward + bottom.backward - 6144;
    // Rank 2, matrices of 8 x 8: three passes over both factors, without the input's gradient in the lowest layer.
    const attention = 2 * (2 * 16 * 2) * (3 * 16 - 8 + 3 * 16);
    const usual = predictCost(config, nothing, plain, false, { rank: 2, targets: ['query', 'value'] });
    expect(usual).to.be.closeTo((through + attention) / (3 * forward), 1e-12);
    // 8 x 32, in the top layer for [CLS] alone.
    const up = 2 * (16 + 2) * 2 * 3 * 40;
    const more = predictCost(config, nothing, plain, false, { rank: 2, targets: ['query', 'value', 'up'] });
    expect(more - usual).to.be.closeTo(up / (3 * forward), 1e-12);
  });

  it('adds the token phase, shorter texts, head fit and calibration', () => {
    const all = top.backward + bottom.backward;
    const none = wholeSelection(config, false);
    expect(predictCost(config, none, { ...plain, tokenPhase: 0.3 })).to.be.closeTo(
      (forward + 0.3 * all) / (3 * forward),
      1e-12,
    );
    // Twice the tokens, four times the squared lengths, as many texts.
    const longer = 2 * 24576 + 4 * 4352 + (2 * 6144 + 2304 + 4 * 4352);
    const merged = predictCost(config, none, { ...plain, baseLengths: [20, 12] });
    expect(merged).to.be.closeTo(forward / (3 * longer), 1e-12);
    // One text of two: half a forward pass, and 5 passes of 6 FLOPs over 8 x 8 + 3 x 8 weights. Calibration cuts nothing.
    const fitted = predictCost(config, none, { ...plain, headFitTexts: 1, headFitPasses: 5, calibrationTexts: 2 });
    const once = forward / 2 + 5 * 6 * 88 + 3 * 2 * bottom.forward;
    expect(fitted - 1 / 3).to.be.closeTo(once / (4 * 3 * forward), 1e-12);
  });

  it('counts the layers below the floor once a text where their states are kept', () => {
    const kept = { ...plain, prefixCache: true };
    const saved = (selection: ReturnType<typeof select>, work: Partial<Workload>) =>
      predictCost(config, selection, { ...plain, ...work }) - predictCost(config, selection, { ...kept, ...work });
    const upper = select([[], [0]]);
    // Three of four epochs; with a token phase the states of each text are computed once behind it.
    expect(saved(upper, {})).to.be.closeTo((0.75 * bottom.forward) / (3 * forward), 1e-12);
    expect(saved(upper, { tokenPhase: 0.3 })).to.be.closeTo((0.45 * bottom.forward) / (3 * forward), 1e-12);
    expect(saved(upper, { tokenPhase: 0.9 })).to.be.closeTo(0, 1e-12);
    expect(saved(upper, { epochs: 1 })).to.equal(0);
    expect(saved(select([[1], []]), {})).to.equal(0);
    expect(predictCost(config, wholeSelection(config, false), kept)).to.be.closeTo(1 / 12, 1e-12);
    expect(predictCost(config, wholeSelection(config, true), kept, true)).to.be.closeTo(1, 1e-12);
    // A plan that cannot be without it.
    const scores = wholeSelection(config, true).map((layer) => ({
      groups: new Float64Array(layer.groups.length).fill(0.5),
      neurons: new Float64Array(layer.neurons.length).fill(0.5),
    }));
    const [least, before] = [leastCost(config, kept), leastCost(config, plain)];
    expect(before - least).to.be.closeTo((0.75 * bottom.forward) / (3 * forward), 1e-12);
    expect(floorOf(planForCost(config, scores, least + 1e-9, kept, { spread: 'layer' }))).to.equal(1);
    expect(() => planForCost(config, scores, least - 1e-6, kept, { spread: 'layer' })).to.throw('but received');
  });

  it('finds the best selection under a cost, but for what did not fit', () => {
    const wide = tinyConfig(2, 160);
    const costs = fc.double({ min: 0.4, max: 1, noNaN: true });
    fc.assert(
      fc.property(sensitivities(wide), costs, fc.boolean(), (sensitivity, cost, prefixCache) => {
        const work = { ...plain, prefixCache };
        const scores = scoreUnits(sensitivity, SCORE_DEFAULTS);
        const chosen = planForCost(wide, scores, cost, work, { spread: 'layer' });
        expect(predictCost(wide, chosen, work)).to.be.at.most(cost * (1 + 1e-12));
        // Filling by score loses at most the first candidate that was skipped, 256 weights, in each layer.
        const bound = totalScore(wide, scores, chosen) + 2 * 256;
        for (const floor of [0, 1]) {
          for (let budget = 0.1; budget <= 1; budget += 0.1) {
            const other = selectUnits(wide, scores, { budget, spread: 'layer', floor });
            if (predictCost(wide, other, work) <= cost) {
              expect(totalScore(wide, scores, other)).to.be.at.most(bound);
            }
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  it('moves the floor up when the cost falls, and takes all at cost 1', () => {
    const flat = wholeSelection(config, true).map((layer) => ({
      groups: new Float64Array(layer.groups.length).fill(0.5),
      neurons: new Float64Array(layer.neurons.length).fill(0.5),
    }));
    const floor = (cost: number) => floorOf(planForCost(config, flat, cost, plain, { spread: 'layer' }));
    expect(floor(0.6)).to.equal(1);
    expect(planForCost(config, flat, 1, plain, { spread: 'layer' })).to.deep.equal(wholeSelection(config, true));
    const above = planForCost(config, flat, 1, plain, { spread: 'layer', floor: 1 });
    expect([floorOf(above), above[1]]).to.deep.equal([1, wholeSelection(config, true)[1]]);
    const capped = planForCost(config, flat, 1, plain, { spread: 'layer', budget: 0.25 });
    expect(capped.map((l) => l.groups.length)).to.deep.equal([1, 1]);
  });

  it('names the minimum when no selection is that cheap', () => {
    const scores = wholeSelection(config, true).map(() => ({
      groups: new Float64Array(2).fill(0.5),
      neurons: new Float64Array(32).fill(0.5),
    }));
    const attempt = (cost: number) => planForCost(config, scores, cost, plain, { spread: 'layer' });
    const minimum = (forward + top.backward - 6144 + 2 * 2 * 256) / (3 * forward);
    try {
      attempt(0.34);
      expect.fail('expected an error');
    } catch (error) {
      expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_COST_UNREACHABLE');
      expect((error as Error).message).to.include((Math.ceil(minimum * 1000) / 1000).toFixed(3));
    }
    expect(leastCost(config, plain)).to.be.closeTo(minimum, 1e-12);
    expect(() => attempt(minimum - 1e-6)).to.throw('but received');
    expect(attempt(minimum + 1e-9)[1]!.neurons).to.have.length(16);
    expect(() => attempt(0)).to.throw('expected a cost above 0');
    expect(() => planForCost(config, scores, 1, plain, { spread: 'layer', budget: 0.01 })).to.throw('received 0.01');
  });
});

describe('select/plan', () => {
  const request: Omit<PlanRequest, 'method'> = {
    newRowsFirst: 15,
    steps: 10,
    rates: { units: 1e-3, head: 1e-3, rows: 1e-3 },
    work: { ...plain, tokenPhase: 0.25 },
  };
  // Extras of a layer: 24 + 8 + 32 + 8 biases, 32 of LayerNorms. Tables: 20 + 12 + 2 rows and a LayerNorm. Head: 72 + 27.
  const extras = 104;
  const tables = 36 * 8;
  const head = 99;
  const parameters = 2 * 768 + 2 * extras + tables + head;

  it('trains the selected units, extras from the floor up, new rows in a phase of their own', () => {
    const selection = [
      { groups: [], neurons: [] },
      { groups: [1], neurons: [] },
    ];
    const plan = makePlan(config, { ...request, method: 'adapt', selection });
    expect(plan.layers).to.deep.equal([
      { groups: [], neurons: [], extras: false },
      { groups: [1], neurons: [], extras: true },
    ]);
    expect(plan).to.include({ version: 1, method: 'adapt', floor: 1, embeddings: false, newRowsFirst: 15, head: true });
    expect(plan.phases).to.deep.equal([
      { name: 'tokens', steps: 3 },
      { name: 'units', steps: 7 },
    ]);
    expect(plan.counts).to.deep.equal({
      trainable: 128 + extras + head + 5 * 8,
      parameters,
      encoderTrainable: 128,
      encoderParameters: 1536,
    });
    // The predicted cost takes the phase as it is run: 3 of 10 steps.
    expect(plan.predictedCost).to.be.closeTo(predictCost(config, selection, { ...plain, tokenPhase: 0.3 }), 1e-12);
    expect(JSON.parse(JSON.stringify(plan))).to.deep.equal(plan);
  });

  it('trains everything in full, new rows in their phase', () => {
    const plan = makePlan(config, { ...request, method: 'full' });
    expect(plan).to.include({ floor: 0, embeddings: true, newRowsFirst: 15 });
    expect(plan.phases.map((phase) => phase.steps)).to.deep.equal([3, 7]);
    expect(plan.counts).to.include({ trainable: parameters, parameters });
    expect(plan.predictedCost).to.be.closeTo(1, 1e-12);
    const frozenTables = makePlan(config, { ...request, method: 'full', embeddings: false, newRowsFirst: -1 });
    expect(frozenTables.phases).to.deep.equal([{ name: 'units', steps: 10 }]);
    expect(frozenTables.counts.trainable).to.equal(parameters - tables);
  });

  it('trains the head alone when frozen', () => {
    const plan = makePlan(config, { ...request, method: 'frozen', newRowsFirst: -1 });
    expect(plan).to.include({ floor: 2, embeddings: false });
    expect(plan.layers.every((layer) => !layer.extras && layer.groups.length + layer.neurons.length === 0)).to.equal(
      true,
    );
    expect(plan.counts).to.include({ trainable: head, encoderTrainable: 0 });
    expect(plan.phases).to.deep.equal([{ name: 'units', steps: 10 }]);
    expect(plan.predictedCost).to.be.closeTo(1 / 3, 1e-12);
  });

  it('trains the extras of whole layers and of no layer between them', () => {
    const three = tinyConfig(3, 32);
    const whole = wholeSelection(three, true)[0]!;
    const selection = [whole, { groups: [], neurons: [] }, whole];
    const plan = makePlan(three, { ...request, method: 'layers', selection, newRowsFirst: -1 });
    expect(plan.layers.map((layer) => layer.extras)).to.deep.equal([true, false, true]);
    expect(plan).to.include({ method: 'layers', floor: 0, embeddings: false });
    expect(plan.counts).to.include({ trainable: 2 * 768 + 2 * extras + head, encoderTrainable: 2 * 768 });
    expect(plan.predictedCost).to.be.closeTo(predictCost(three, selection, plain), 1e-12);
  });

  it('trains adapters, which are no parameters of the model', () => {
    const lora = { rank: 2, alpha: 4, dropout: 0.1, targets: ['query' as const, 'down' as const] };
    const plan = makePlan(config, { ...request, method: 'lora', lora, newRowsFirst: -1 });
    const layer = { groups: [], neurons: [], extras: false, adapters: ['query', 'down'] };
    expect(plan.layers).to.deep.equal([layer, layer]);
    expect(plan).to.deep.include({ method: 'lora', floor: 0, lora: { rank: 2, alpha: 4, dropout: 0.1 } });
    const adapters = 2 * 2 * (8 + 8 + 8 + 32);
    expect(plan.counts).to.include({ trainable: adapters + head, parameters, encoderTrainable: adapters });
    expect(plan.predictedCost).to.equal(predictCost(config, wholeSelection(config, false), plain, false, lora));
    expect(JSON.parse(JSON.stringify(plan))).to.deep.equal(plan);
  });

  it('refuses an adapt plan without a unit', () => {
    const selection = wholeSelection(config, false);
    expect(() => makePlan(config, { ...request, method: 'adapt', selection })).to.throw('no unit was selected');
    expect(() => makePlan(config, { ...request, method: 'adapt' })).to.throw('received none');
  });

  it('rounds the token phase up, but not for rounding errors', () => {
    expect([tokenPhaseSteps(100, 0.07), tokenPhaseSteps(10, 0.31), tokenPhaseSteps(3, 1)]).to.deep.equal([7, 4, 3]);
    expect(tokenPhaseSteps(10, 0)).to.equal(0);
  });

  it('knows rates by hidden size', () => {
    expect(defaultRates('adapt', 384)).to.deep.equal({ units: 2e-3, head: 1e-3, rows: 1e-3 });
    expect(defaultRates('full', 384).units).to.equal(2e-4);
    expect(defaultRates('lora', 384).units).to.equal(1e-3);
    expect(defaultRates('random', 384)).to.deep.equal(defaultRates('adapt', 384));
    expect(defaultRates('adapt', 768).units).to.equal(3e-4);
    expect(defaultRates('full', 1024).units).to.equal(5e-5);
  });
});
