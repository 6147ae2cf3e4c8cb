/** Whole modules: scored and selected as a slow oracle does it weight by weight, and drawn at random at equal cost. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { randomModules } from '../../lib/select/baselines.js';
import { leastCost, planForCost, predictCost, type Workload } from '../../lib/select/cost.js';
import { moduleSensitivity, SCORE_DEFAULTS, scoreUnits, UNIT_KINDS } from '../../lib/select/scores.js';
import type { ScoreOptions, UnitKind } from '../../lib/select/scores.js';
import {
  floorOf,
  groupWeights,
  layerWeights,
  leastBudget,
  neuronWeights,
  selectUnits,
  wholeSelection,
  type LayerSelection,
} from '../../lib/select/units.js';
import { Words } from '../../lib/util/philox.js';
import { sensitivities, tinyConfig } from './scenario.js';

const config = tinyConfig(4, 32); // a layer: 256 weights of attention, 512 of the feed-forward part
const WORK: Workload = {
  lengths: [10, 6, 7],
  baseLengths: [12, 6, 9],
  epochs: 4,
  headFitTexts: 3,
  headFitPasses: 20,
  calibrationTexts: 3,
  tokenPhase: 0.3,
  prefixCache: true,
};

/** By layer and kind: gradients of a unit's weights and var / |mean| of its features. */
type Weights = Record<UnitKind, { gradients: number[][]; features: number[][] }>[];

/** Continuous values, so that no two modules tie. */
function drawWeights(seed: number): Weights {
  const words = new Words({ seed, stream: 'sample' });
  let next = 0;
  const draw = (count: number) => Array.from({ length: count }, () => words.uniform(next++));
  const units = (count: number, weights: number, features: number) => {
    // Units of one module differ in size, or any mean of them would do.
    const unit = (length: number) => {
      const scale = 10 * words.uniform(next++) ** 3;
      return draw(length).map((value) => scale * value);
    };
    return {
      gradients: Array.from({ length: count }, () => unit(weights)),
      features: Array.from({ length: count }, () => unit(features)),
    };
  };
  return Array.from({ length: config.layers }, () => ({
    groups: units(config.kvHeads, groupWeights(config), config.headWidth),
    neurons: units(config.feedForward, neuronWeights(config), 1),
  }));
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const rms = (values: number[]) => Math.sqrt(mean(values.map((value) => value * value)));

/** What calibration tells: each unit by itself. */
const measured = (weights: Weights) =>
  weights.map((layer) => {
    const [groups, neurons] = UNIT_KINDS.map((kind) => {
      const feature = Float64Array.from(layer[kind].features, mean);
      return { norm: feature, ratio: feature, feature, gradient: Float64Array.from(layer[kind].gradients, rms) };
    });
    return { groups: groups!, neurons: neurons! };
  });

/** Share of values below, and half of those equal. */
const percentile = (value: number, among: number[]) =>
  (among.filter((other) => other < value).length + among.filter((other) => other === value).length / 2) / among.length;

/** All of a module's weights and features in one heap, then every definition by its words. */
function oracle(weights: Weights, options: ScoreOptions, budget: number, spread: 'layer' | 'model'): LayerSelection[] {
  const modules = weights.flatMap((layer, l) =>
    UNIT_KINDS.map((kind) => ({ l, kind, d: mean(layer[kind].features.flat()), g: rms(layer[kind].gradients.flat()) })),
  );
  const z = (value: number, all: number[]) => (value - mean(all)) / rms(all.map((other) => other - mean(all)));
  const raw = modules.map(({ kind, d, g }) => {
    const same = modules.filter((other) => other.kind === kind);
    const [ds, gs] = [same.map((other) => other.d), same.map((other) => other.g)];
    const { score, beta } = options;
    if (score === 'rank') return percentile(d, ds) + percentile(g, gs);
    if (score === 'zscore') return z(d, ds) + beta * z(g, gs);
    return score === 'sum' ? d + beta * g : d * g;
  });
  const scored = modules.map((module, i) => ({
    ...module,
    score: percentile(
      raw[i]!,
      raw.filter((_, other) => modules[other]!.kind === module.kind),
    ),
    size: module.kind === 'groups' ? 256 : 512,
  }));
  const order = scored.sort((a, b) => b.score - a.score || a.l - b.l || (a.kind === 'groups' ? -1 : 1));
  const total = config.layers * layerWeights(config);
  const left = Array.from({ length: config.layers }, () => Math.floor((budget * total) / config.layers));
  let all = Math.floor(budget * total);
  const selection = wholeSelection(config, false);
  for (const { l, kind, size } of order) {
    if (size > (spread === 'layer' ? left[l]! : all)) continue;
    left[l]! -= size;
    all -= size;
    selection[l]![kind] = Array.from({ length: kind === 'groups' ? config.kvHeads : config.feedForward }, (_, i) => i);
  }
  return selection;
}

const shape = (selection: readonly LayerSelection[]) =>
  selection.map(({ groups, neurons }) => [groups.length, neurons.length]);

describe('select/modules', () => {
  it('selects the modules that the definitions select, worked through weight by weight', () => {
    const given = fc.record({
      seed: fc.nat({ max: 10_000 }),
      score: fc.constantFrom<ScoreOptions['score']>('rank', 'zscore', 'sum', 'product'),
      beta: fc.constantFrom(0, 0.3, 1, 10),
      budget: fc.constantFrom(0.05, 0.1, 0.2, 0.334, 0.5, 0.7, 1),
      spread: fc.constantFrom('layer' as const, 'model' as const),
    });
    const seen = new Set<string>();
    fc.assert(
      fc.property(given, ({ seed, budget, spread, ...form }) => {
        const options: ScoreOptions = { ...form, dispersion: 'feature' };
        const weights = drawWeights(seed);
        const scores = scoreUnits(moduleSensitivity(measured(weights)), options);
        const selection = selectUnits(config, scores, { granularity: 'module', budget, spread });
        expect(selection).to.deep.equal(oracle(weights, options, budget, spread));
        seen.add(JSON.stringify(shape(selection)));
      }),
      { numRuns: 300 },
    );
    expect(seen.size).to.be.greaterThan(30);
  });

  it('selects whole modules and never more than the budget, all at 1, and gives ties to the lower layer, attention first', () => {
    const [half, all] = [
      [2, 0],
      [2, 32],
    ];
    const choose = (budget: number, spread: 'layer' | 'model', floor = 0) =>
      shape(selectUnits(config, flat, { granularity: 'module', budget, spread, floor }));
    const flat = scoreUnits(
      moduleSensitivity(Array.from({ length: 4 }, () => measured(drawWeights(1))[0]!)),
      SCORE_DEFAULTS,
    );
    expect(choose(0.084, 'model')).to.deep.equal([half, [0, 0], [0, 0], [0, 0]]);
    expect(choose(0.083, 'model')).to.deep.equal([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(choose(0.3, 'model')).to.deep.equal([all, [0, 0], [0, 0], [0, 0]]);
    // What is left after the second attention is no feed-forward part, but skipped for the next attention.
    expect(choose(0.42, 'model')).to.deep.equal([all, half, half, [0, 0]]);
    expect(choose(0.34, 'layer')).to.deep.equal([half, half, half, half]);
    expect(choose(0.33, 'layer')).to.deep.equal([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(choose(0.5, 'layer', 2)).to.deep.equal([[0, 0], [0, 0], all, all]);
    fc.assert(
      fc.property(sensitivities(config), fc.constantFrom('layer' as const, 'model' as const), (sensitivity, spread) => {
        const scores = scoreUnits(moduleSensitivity(sensitivity), SCORE_DEFAULTS);
        const everything = selectUnits(config, scores, { granularity: 'module', budget: 1, spread });
        expect(everything).to.deep.equal(wholeSelection(config, true));
      }),
      { numRuns: 30 },
    );
  });

  it('knows the least budget that holds one', () => {
    const minilm = { ...tinyConfig(6, 1536), hidden: 384, heads: 12, kvHeads: 12, headWidth: 32 };
    const least = (spread: 'layer' | 'model', floor = 0) =>
      leastBudget(minilm, { granularity: 'module', spread, floor });
    expect(least('model')).to.be.closeTo(1 / 18, 1e-12);
    expect(least('model', 4)).to.be.closeTo(1 / 18, 1e-12);
    expect(least('layer')).to.be.closeTo(1 / 3, 1e-12);
    expect(least('layer', 4)).to.be.closeTo(1 / 9, 1e-12);
    expect(leastBudget(minilm, { spread: 'model' })).to.be.closeTo((16 * 768) / 10616832, 1e-12);
    expect(leastBudget(minilm, { spread: 'layer', floor: 3 })).to.be.closeTo(((16 * 768) / 10616832 / 2) * 6, 1e-12);
  });

  it('keeps a cost with whole modules only, down to the cheapest one', () => {
    const scores = scoreUnits(moduleSensitivity(measured(drawWeights(3))), SCORE_DEFAULTS);
    const options = { granularity: 'module', spread: 'model' } as const;
    const least = leastCost(config, WORK, 'module');
    expect(least).to.be.above(leastCost(config, WORK));
    for (const cost of [least, 0.7, 0.8, 0.95]) {
      const selection = planForCost(config, scores, cost, WORK, options);
      expect(predictCost(config, selection, WORK)).to.be.at.most(cost);
      expect(floorOf(selection)).to.be.below(config.layers);
      for (const [groups, neurons] of shape(selection)) {
        expect(groups).to.be.oneOf([0, 2]);
        expect(neurons).to.be.oneOf([0, 32]);
      }
    }
    expect(() => planForCost(config, scores, least - 1e-3, WORK, options)).to.throw('but received');
  });

  it('draws random modules that cost what the sensitive ones cost, to the last bit, all of them equally often', () => {
    const some = (modules: string): LayerSelection[] => {
      const whole = wholeSelection(config, true)[0]!;
      return modules.split(' ').map((layer) => ({
        groups: layer.includes('a') ? whole.groups : [],
        neurons: layer.includes('f') ? whole.neurons : [],
      }));
    };
    // Of two attentions and a feed-forward part in the lower three layers, one is in the lowest; the top layer's stay.
    for (const [modules, ways] of [
      ['af a - f', 3 * 3 - 1 * 2],
      ['- a f -', 2 * 2 - 1],
      ['- - - f', 1],
      ['af af af a', 1],
    ] as const) {
      const like = some(modules);
      const cost = predictCost(config, like, WORK);
      const seen = new Map<string, number>();
      for (let seed = 0; seed < 400; seed++) {
        const drawn = randomModules(config, like, seed);
        expect(predictCost(config, drawn, WORK)).to.equal(cost);
        expect(floorOf(drawn)).to.equal(floorOf(like));
        expect(drawn[3]).to.deep.equal(like[3]);
        const key = JSON.stringify(shape(drawn));
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
      expect(seen.size, modules).to.equal(ways);
      // Five standard deviations of a binomial.
      for (const count of seen.values())
        expect(Math.abs(count - 400 / ways)).to.be.at.most(5 * Math.sqrt((400 / ways) * (1 - 1 / ways)));
      expect(randomModules(config, like, 7)).to.deep.equal(randomModules(config, like, 7));
    }
  });
});
