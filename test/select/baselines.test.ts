import { expect } from 'chai';
import * as fc from 'fast-check';
import { layerUnits, randomUnits, sensitiveLayers, topLayers } from '../../lib/select/baselines.js';
import { predictCost, type Workload } from '../../lib/select/cost.js';
import { METHOD_NAMES, methodOf, type MethodOptions } from '../../lib/select/methods.js';
import { SCORE_DEFAULTS, scoreUnits } from '../../lib/select/scores.js';
import { floorOf, selectionWeights, selectUnits, wholeSelection } from '../../lib/select/units.js';
import { sensitivities, tinyConfig } from './scenario.js';

const config = tinyConfig(3, 160);
const WORK: Workload = {
  lengths: [10, 6],
  baseLengths: [12, 6],
  epochs: 40,
  headFitTexts: 2,
  headFitPasses: 20,
  calibrationTexts: 2,
  tokenPhase: 0.3,
  prefixCache: false,
};
const OPTIONS: MethodOptions = {
  ...SCORE_DEFAULTS,
  granularity: 'unit',
  budget: 0.3,
  cost: null,
  spread: 'layer',
  floor: 0,
  layers: null,
  layersBy: 'top',
  seed: 1,
};

describe('select/baselines', () => {
  it('draws random units that cost what the sensitive ones cost, to the last bit', () => {
    const options = fc.record({
      cost: fc.constantFrom(null, 0.8, 1),
      spread: fc.constantFrom('layer' as const, 'model' as const),
      floor: fc.constantFrom(0, 1),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sensitivities(config), options, (sensitivity, given) => {
        const choosing = {
          config,
          options: { ...OPTIONS, ...given },
          scores: scoreUnits(sensitivity, SCORE_DEFAULTS),
          work: WORK,
        };
        const [adapt, random] = (['adapt', 'random'] as const).map((name) => {
          const { units } = methodOf(name);
          return typeof units === 'string' ? [] : units(choosing);
        });
        const shape = (selection: typeof adapt) => selection!.map((l) => [l.groups.length, l.neurons.length]);
        expect(shape(random)).to.deep.equal(shape(adapt));
        expect(floorOf(random!)).to.equal(floorOf(adapt!)).and.to.be.at.least(given.floor);
        expect(predictCost(config, random!, WORK)).to.equal(predictCost(config, adapt!, WORK));
        for (const { groups, neurons } of random!) {
          for (const [units, count] of [
            [groups, 2],
            [neurons, 160],
          ] as const) {
            expect(units).to.deep.equal([...new Set(units)].sort((a, b) => a - b));
            for (const unit of units) expect(unit).to.be.within(0, count - 1);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('draws other units for another seed and in another layer, and every unit as often', () => {
    const like = wholeSelection(config, false).map(() => ({
      groups: [0],
      neurons: Array.from({ length: 40 }, (_, i) => i),
    }));
    expect(randomUnits(config, like, 1)).to.deep.equal(randomUnits(config, like, 1));
    expect(randomUnits(config, like, 2)).to.not.deep.equal(randomUnits(config, like, 1));
    const [first, second] = randomUnits(config, like, 1);
    expect(second!.neurons).to.not.deep.equal(first!.neurons);
    const seen = new Float64Array(160);
    for (let seed = 0; seed < 500; seed++)
      for (const { neurons } of randomUnits(config, like, seed)) for (const neuron of neurons) seen[neuron]! += 1;
    // 1,500 draws of a quarter: 375, standard deviation 16.8.
    for (const count of seen) expect(count).to.be.within(375 - 84, 375 + 84);
  });

  it('takes whole layers, the top ones or the most sensitive', () => {
    expect(topLayers(config, 2)).to.deep.equal([1, 2]);
    const flat = (value: number) => ({
      groups: new Float64Array(2).fill(value),
      neurons: new Float64Array(160).fill(value),
    });
    expect(sensitiveLayers(config, [flat(0.9), flat(0.1), flat(0.5)], 2)).to.deep.equal([0, 2]);
    expect(sensitiveLayers(config, [flat(0.5), flat(0.5), flat(0.5)], 1)).to.deep.equal([0]);
    // 2 x 128 weights of groups against 160 x 16 of neurons.
    const groups = { ...flat(0.5), groups: new Float64Array(2).fill(1) };
    const neurons = { ...flat(0.5), neurons: new Float64Array(160).fill(0.7) };
    expect(sensitiveLayers(config, [groups, neurons, flat(0)], 1)).to.deep.equal([1]);
    const whole = wholeSelection(config, true)[0];
    const none = { groups: [], neurons: [] };
    expect(layerUnits(config, [0, 2])).to.deep.equal([whole, none, whole]);
    expect(layerUnits(config, [0, 1, 2])).to.deep.equal(
      selectUnits(config, [flat(1), flat(1), flat(1)], { budget: 1, spread: 'model' }),
    );
  });

  it('chooses the layers that the options ask for, a third by default', () => {
    const { units } = methodOf('layers');
    const scores = [0.9, 0.1, 0.5].map((value) => ({
      groups: new Float64Array(2).fill(value),
      neurons: new Float64Array(160).fill(value),
    }));
    const chosen = (options: Partial<MethodOptions>) =>
      (units as (choosing: object) => ReturnType<typeof wholeSelection>)({
        config,
        options: { ...OPTIONS, ...options },
        scores,
        work: WORK,
      }).map((layer) => selectionWeights(config, [layer]) > 0);
    expect(chosen({})).to.deep.equal([false, false, true]);
    expect(chosen({ layers: 2 })).to.deep.equal([false, true, true]);
    expect(chosen({ layersBy: 'sensitive' })).to.deep.equal([true, false, false]);
    expect(chosen({ layers: 2, layersBy: 'sensitive' })).to.deep.equal([true, false, true]);
  });

  it('measures units only for what reads their scores', () => {
    const measuring = METHOD_NAMES.filter((name) => methodOf(name).measures({ layersBy: 'top', score: 'rank' }));
    expect(measuring).to.deep.equal(['adapt', 'random']);
    expect(methodOf('layers').measures({ layersBy: 'sensitive', score: 'rank' })).to.equal(true);
    for (const name of METHOD_NAMES)
      expect(methodOf(name).measures({ layersBy: 'sensitive', score: 'random' }), name).to.equal(false);
  });
});
