import { expect } from 'chai';
import * as fc from 'fast-check';
import { planForCost } from '../../lib/select/cost.js';
import { diagnoseSelection } from '../../lib/select/diagnostics.js';
import { randomScores, SCORE_DEFAULTS, scoreUnits } from '../../lib/select/scores.js';
import type { LayerScores, ScoreOptions } from '../../lib/select/scores.js';
import {
  floorOf,
  groupWeights,
  layerWeights,
  neuronWeights,
  selectionWeights,
  selectUnits,
  wholeSelection,
} from '../../lib/select/units.js';
import { sensitivities, tinyConfig, units } from './scenario.js';

const WORK = { epochs: 1, headFitTexts: 0, headFitPasses: 0, calibrationTexts: 0, tokenPhase: 0, prefixCache: false };

const range = (begin: number, end: number) => Array.from({ length: end - begin }, (_, i) => begin + i);

const scores = (groups: number[], neurons: number[]): LayerScores => ({
  groups: Float64Array.from(groups),
  neurons: Float64Array.from(neurons),
});

/** Sixteen neurons from `top` on with a high dispersion. */
const sample = (top: number, sign: number) => [
  {
    groups: units([1, 2]),
    neurons: units(
      range(0, 48).map((i) => (i >= top && i < top + 16 ? 100 + i : i)),
      range(0, 48).map((i) => 1000 + sign * i),
    ),
  },
];

describe('select/scores, by lot', () => {
  const lot = (seed: number) => randomScores(tinyConfig(3, 1600), seed);

  it('are uniform, of their seed, and others in each layer and kind', () => {
    expect(lot(1)).to.deep.equal(lot(1));
    const lists = [...lot(1), ...lot(2)].flatMap(({ groups, neurons }) => [[...groups], [...neurons]]);
    expect(new Set(lists.map(String))).to.have.length(lists.length);
    for (const { groups, neurons } of lot(1)) {
      expect([groups.length, neurons.length]).to.deep.equal([2, 1600]);
      // Uniform: within four standard errors of one half, and of 1 / 12.
      const mean = neurons.reduce((a, b) => a + b) / 1600;
      expect(mean).to.be.closeTo(0.5, 4 * Math.sqrt(1 / 12 / 1600));
      const variance = neurons.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 1600;
      expect(variance).to.be.closeTo(1 / 12, 4 * Math.sqrt(1 / 180 / 1600));
    }
  });

  it('give groups and neurons their share of the budget in the long run', () => {
    // A group is larger than a block of neurons, so that none fits into what the last block left.
    const config = { ...tinyConfig(3, 1600), headWidth: 16 };
    const draws = Array.from({ length: 100 }, (_, seed) =>
      selectUnits(config, randomScores(config, seed), { budget: 0.3, spread: 'layer' }),
    );
    const share = (kind: 'groups' | 'neurons', units: number) =>
      draws.flat().reduce((sum, layer) => sum + layer[kind].length, 0) / (draws.length * 3 * units);
    expect(share('groups', 2)).to.be.closeTo(0.3, 0.08);
    expect(share('neurons', 1600)).to.be.closeTo(0.3, 0.08);
  });
});

describe('select/scores', () => {
  // Two layers of one group and two neurons; D and G disagree.
  const layers = [
    { groups: units([1], [4]), neurons: units([1, 2], [8, 1]) },
    { groups: units([3], [2]), neurons: units([3, 4], [1, 2]) },
  ];
  const score = (options: Partial<ScoreOptions>) =>
    scoreUnits(layers, { ...SCORE_DEFAULTS, ...options }).map((l) => [[...l.groups], [...l.neurons]]);

  it('ranks within a kind over all layers', () => {
    // Neurons: D ranks 1 2 3 4, G ranks 4 1.5 1.5 3, sums 5 3.5 4.5 7.
    expect(score({})).to.deep.equal([
      [[0.5], [0.625, 0.125]],
      [[0.5], [0.375, 0.875]],
    ]);
  });

  it('combines by sum, product and z-score', () => {
    // Neurons D + G: 9 3 4 6; D G: 8 2 3 8; D + .1 G: 1.8 2.1 3.1 4.2.
    expect(score({ score: 'sum' }).map((l) => l[1])).to.deep.equal([
      [0.875, 0.125],
      [0.375, 0.625],
    ]);
    expect(score({ score: 'product' }).map((l) => l[1])).to.deep.equal([
      [0.75, 0.125],
      [0.375, 0.75],
    ]);
    expect(score({ score: 'sum', beta: 0.1 }).map((l) => l[1])).to.deep.equal([
      [0.125, 0.375],
      [0.625, 0.875],
    ]);
    // z(D): -1.34 -.45 .45 1.34; z(G): 1.71 -.68 -.68 -.34.
    expect(score({ score: 'zscore' }).map((l) => l[1])).to.deep.equal([
      [0.625, 0.125],
      [0.375, 0.875],
    ]);
    expect(score({ score: 'zscore', beta: 2 }).map((l) => l[1])).to.deep.equal([
      [0.875, 0.125],
      [0.375, 0.625],
    ]);
  });

  it('refuses values that are not finite', () => {
    const broken = [{ groups: units([1]), neurons: units([1, 2], [1, NaN]) }];
    expect(() => scoreUnits(broken, SCORE_DEFAULTS)).to.throw('layer 0, unit 1 has NaN');
  });
});

describe('select/units', () => {
  // 16 good neurons among 48, the odd ones from 1 to 31.
  const odd = range(0, 48).map((i) => (i % 2 === 1 && i < 32 ? 0.9 : 0.1));

  it('counts the weights of MiniLM', () => {
    const minilm = { ...tinyConfig(6, 1536), hidden: 384, heads: 12, kvHeads: 12, headWidth: 32 };
    expect([groupWeights(minilm), neuronWeights(minilm)]).to.deep.equal([49152, 768]);
    expect(6 * layerWeights(minilm)).to.equal(10616832);
    const grouped = { ...minilm, kvHeads: 3 };
    expect(groupWeights(grouped)).to.equal(10 * 32 * 384);
  });

  it('fills by score and skips what does not fit', () => {
    const config = tinyConfig(1, 48); // 1,024 weights: groups of 128, blocks of 256
    const one = [scores([0.95, 0.2], odd)];
    const select = (budget: number) => selectUnits(config, one, { budget, spread: 'layer' })[0];
    expect(select(0.374)).to.deep.equal({ groups: [0, 1], neurons: [] });
    expect(select(0.375)).to.deep.equal({ groups: [0], neurons: range(0, 16).map((i) => 2 * i + 1) });
    expect(select(0.12)).to.deep.equal({ groups: [], neurons: [] });
    expect(select(1)).to.deep.equal({ groups: [0, 1], neurons: range(0, 48) });
  });

  it('gives ties to the lower layer and index', () => {
    const config = tinyConfig(2, 32);
    const flat = [scores([0.5, 0.5], Array(32).fill(0.5)), scores([0.5, 0.5], Array(32).fill(0.5))];
    expect(selectUnits(config, flat, { budget: 0.2, spread: 'model' })).to.deep.equal([
      { groups: [0, 1], neurons: [] },
      { groups: [], neurons: [] },
    ]);
    expect(selectUnits(config, flat, { budget: 0.25, spread: 'model' })).to.deep.equal([
      { groups: [0, 1], neurons: [] },
      { groups: [0], neurons: [] },
    ]);
  });

  it('shares the budget among the layers at or above the floor', () => {
    const config = tinyConfig(4, 32); // 768 weights a layer
    const rising = range(0, 4).map((l) => scores([l / 4, l / 4], Array(32).fill(l / 4)));
    const spread = selectUnits(config, rising, { budget: 1 / 6, spread: 'layer' }); // 512: 128 each
    expect(spread.map((l) => l.groups.length)).to.deep.equal([1, 1, 1, 1]);
    const floored = selectUnits(config, rising, { budget: 1 / 6, spread: 'layer', floor: 2 }); // 256 each
    expect(floored.map((l) => l.groups.length)).to.deep.equal([0, 0, 2, 2]);
    const model = selectUnits(config, rising, { budget: 1 / 6, spread: 'model' });
    expect(model.map((l) => l.groups.length + l.neurons.length)).to.deep.equal([0, 0, 0, 18]);
  });

  it('never exceeds the budget, respects the floor, is deterministic and takes neurons by sixteen', () => {
    const config = tinyConfig(3, 40); // the third block of a layer has 8 neurons
    const options = fc.record({
      budget: fc.double({ min: 0, max: 1, noNaN: true }),
      spread: fc.constantFrom('layer' as const, 'model' as const),
      floor: fc.nat({ max: 2 }),
    });
    fc.assert(
      fc.property(sensitivities(config), options, (sensitivity, selectOptions) => {
        const scored = scoreUnits(sensitivity, SCORE_DEFAULTS);
        const selection = selectUnits(config, scored, selectOptions);
        expect(selectUnits(config, scored, selectOptions)).to.deep.equal(selection);
        const total = config.layers * layerWeights(config);
        expect(selectionWeights(config, selection)).to.be.at.most(selectOptions.budget * total);
        expect(floorOf(selection)).to.be.at.least(selectOptions.floor);
        for (const [l, layer] of selection.entries()) {
          expect([0, 16, 32, 40]).to.include(layer.neurons.length);
          expect(layer.neurons).to.deep.equal([...new Set(layer.neurons)].sort((a, b) => a - b));
          // No neuron outside beats one inside.
          const inside = layer.neurons.map((n) => scored[l]!.neurons[n]!);
          const outside = range(0, 40).filter((n) => !layer.neurons.includes(n));
          const best = Math.max(-1, ...outside.map((n) => scored[l]!.neurons[n]!));
          expect(Math.min(2, ...inside)).to.be.at.least(best);
        }
      }),
    );
  });

  it('selects everything at budget 1 and nothing at 0', () => {
    const config = tinyConfig(3, 40);
    fc.assert(
      fc.property(sensitivities(config), fc.constantFrom('layer' as const, 'model' as const), (sensitivity, spread) => {
        const scored = scoreUnits(sensitivity, SCORE_DEFAULTS);
        expect(selectUnits(config, scored, { budget: 1, spread })).to.deep.equal(wholeSelection(config, true));
        expect(selectUnits(config, scored, { budget: 0, spread })).to.deep.equal(wholeSelection(config, false));
      }),
      { numRuns: 30 },
    );
  });

  it('refuses budgets and floors out of range', () => {
    const config = tinyConfig(1, 48);
    const select = (budget: number, floor: number) => () =>
      selectUnits(config, [scores([1, 1], odd)], { budget, spread: 'layer', floor });
    expect(select(1.01, 0)).to.throw('expected a budget from 0 to 1 but received 1.01');
    expect(select(NaN, 0)).to.throw('expected a budget from 0 to 1 but received NaN');
    expect(select(0.5, 1)).to.throw('expected a floor from 0 to 0 but received 1');
  });
});

describe('select/diagnostics', () => {
  const config = tinyConfig(1, 48);
  const options = { ...SCORE_DEFAULTS, score: 'product' as const };
  const select = (of: LayerScores[]) => selectUnits(config, of, { budget: 0.25, spread: 'layer' });

  it('warns when two halves select different weights', () => {
    const apart = diagnoseSelection(config, sample(0, 1), [sample(0, 1), sample(16, 1)], options, select);
    expect(apart.jaccard).to.deep.equal({ weights: 0, groups: 1, neurons: 0 });
    expect(apart.warnings).to.have.length(1);
    expect(apart.warnings[0]).to.match(/share 0\.00 of their weights/);
  });

  it('is silent when they agree', () => {
    const same = diagnoseSelection(config, sample(0, -1), [sample(0, -1), sample(0, -1)], options, select);
    expect(same.jaccard).to.deep.equal({ weights: 1, groups: 1, neurons: 1 });
    expect(same.warnings).to.deep.equal([]);
    expect(same.spearman.groups.dispersion).to.equal(1);
    expect(same.spearman.neurons.gradient).to.be.below(1);
  });

  it('has no correlation with what is constant, and says so as JSON can', () => {
    const flat = [{ groups: units([1, 2], [3, 3]), neurons: sample(0, 1)[0]!.neurons }];
    const told = diagnoseSelection(config, flat, [flat, flat], { ...options, score: 'rank' }, select);
    expect(told.spearman.groups).to.deep.equal({ dispersion: 1, gradient: null });
    expect(JSON.parse(JSON.stringify(told))).to.deep.equal(told);
  });

  it('lets the halves choose as the whole was chosen from, by cost with a floor too', () => {
    const three = tinyConfig(3, 48);
    // The halves disagree in the lower two layers, where a cost this low selects nothing.
    const half = (top: number) => [sample(top, -1), sample(top, -1), sample(32, -1)].flat();
    const work = { ...WORK, lengths: [12, 12], baseLengths: [12, 12] };
    const choose = (of: readonly LayerScores[]) => planForCost(three, of, 0.42, work, { spread: 'layer' });
    expect(floorOf(choose(scoreUnits(half(0), options)))).to.equal(2);
    expect(diagnoseSelection(three, half(0), [half(0), half(16)], options, choose).jaccard.weights).to.equal(1);
    const everywhere = (of: LayerScores[]) => selectUnits(three, of, { budget: 0.5, spread: 'layer' });
    expect(diagnoseSelection(three, half(0), [half(0), half(16)], options, everywhere).jaccard.weights).to.be.below(1);
  });
});
