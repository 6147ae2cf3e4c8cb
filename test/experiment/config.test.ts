/** Descriptions of experiments: what is refused, and which runs they are. */
import { expect } from 'chai';
import { checkConfig } from '../../lib/experiment/config.js';
import { expand, withWinner, type SearchSpec } from '../../lib/experiment/grid.js';
import type { RunResult } from '../../lib/experiment/result.js';
import { winnerOf } from '../../lib/experiment/search.js';

const SMALL = { model: 'scratch:tiny', data: { d: 'd' } };
const ids = (value: object) => expand(checkConfig({ ...SMALL, ...value }, 'x.yaml')).runs.map(({ id }) => id);

const trial = (lr: number) => ({ id: `lr-${lr}`, options: { lr, epochs: 2 } });
/** Results by id with these scores; undefined: none yet; null: diverged. */
function found(scores: Readonly<Record<string, number | null | undefined>>) {
  const search = { data: 'd', method: 'full', trials: [1, 2, 3].map(trial) } as unknown as SearchSpec;
  return winnerOf(search, ['lr'], (id) => {
    const score = scores[id];
    if (score === undefined) return null;
    return { metrics: score === null ? null : { validation: { macro_f1: score } } } as RunResult;
  });
}

describe('experiment/config', () => {
  it('names what is wrong, where, and what was meant', () => {
    const wrong: [object, RegExp][] = [
      [{ methods: ['adapt'], sedes: [1] }, /^x\.yaml: unknown key "sedes"; did you mean seeds\?$/],
      [{ methods: ['adpat'] }, /^x\.yaml: methods: expected one of adapt, .* for method but received "adpat"$/],
      [{ methods: ['adapt'], base: { epoch: 2 } }, /^x\.yaml: base: unknown option "epoch"; did you mean epochs\?$/],
      [{ methods: ['adapt'], base: { epochs: 0 } }, /^x\.yaml: base: expected a whole number from 1 .* for epochs/],
      [{ methods: ['adapt'], base: { 'max-length': 64, seed: 3 } }, /expected no seed in base: the experiment sets it/],
      [{ methods: ['adapt'], grid: { budgt: [1] } }, /unknown option "budgt" in grid; did you mean budget\?$/],
      [{ methods: ['adapt'], grid: { budget: [0.1, 2] } }, /^x\.yaml: grid: expected a number above 0 to 1 for budget/],
      [{ methods: ['adapt'], grid: { budget: [] } }, /^x\.yaml: grid\.budget: /],
      [{ methods: ['adapt'], grid: { test: ['a'] } }, /expected no test in grid/],
      [{ runs: [{ method: 'full', options: { out: 'a' } }] }, /expected no out in runs\[0\]/],
      [{ runs: [{ method: 'full', optinos: {} }] }, /^x\.yaml: unknown key "optinos" in runs\.0$/],
      [{ runs: [{ method: 'full', seeds: [2] }] }, /^x\.yaml: expected seeds of this file in runs\[0\], came 2$/],
      [{}, /expected methods or runs, came neither/],
      [{ runs: [{ method: 'full' }], grid: { lr: [1] } }, /expected methods beside grid, came none/],
      [{ methods: ['full'], search: { share: 0.5 } }, /expected lists of options in search, came none/],
      [{ methods: ['full'], search: { lr: [1], share: 2 } }, /^x\.yaml: search\.share: /],
      [{ methods: ['full'], samples: { share: [0] } }, /^x\.yaml: samples\.share\.0: /],
      [{ methods: ['full'], samples: { bias: ['odd'] } }, /^x\.yaml: samples\.bias\.0: /],
      [{ methods: ['full'], data: {} }, /^x\.yaml: data: expected a data set$/],
      [{ methods: ['full'], data: { '../d': 'd' } }, /^x\.yaml: data\.\.\.\/d: /],
      [{ methods: ['full'], seconds: { e: { full: 1 } } }, /expected a data set of this file in seconds, came "e"/],
    ];
    for (const [value, message] of wrong)
      expect(() => checkConfig({ ...SMALL, ...value }, 'x.yaml'), JSON.stringify(value))
        .to.throw(message)
        .with.property('code', 'E_CONFIG');
    expect(() => checkConfig([], 'x.yaml'))
      .to.throw()
      .with.property('code', 'E_CONFIG');
  });

  it('is called as its file unless it says its name', () => {
    expect(checkConfig({ ...SMALL, methods: ['full'] }, '/a/b c.yaml').name).to.equal('b-c');
    expect(checkConfig({ ...SMALL, methods: ['full'], name: 'x y' }, '/a/b.yaml').name).to.equal('x y');
  });

  it('crosses methods, options, samples, data sets and seeds, seeds last', () => {
    expect(ids({ methods: ['full', 'frozen'], seeds: [1, 2] })).to.deep.equal([
      'd_full_seed-1',
      'd_frozen_seed-1',
      'd_full_seed-2',
      'd_frozen_seed-2',
    ]);
    expect(ids({ runs: [{ method: 'full' }, { method: 'frozen', seeds: [2] }], seeds: [1, 2] })).to.deep.equal([
      'd_full_seed-1',
      'd_full_seed-2',
      'd_frozen_seed-2',
    ]);
    expect(
      ids({ methods: ['adapt'], grid: { 'new-tokens': [0, 300], init: ['mean', 'random'], lr: [0.5] } }),
    ).to.deep.equal([
      'd_adapt-new-tokens-0-init-mean_seed-1',
      'd_adapt-new-tokens-0-init-random_seed-1',
      'd_adapt-new-tokens-300-init-mean_seed-1',
      'd_adapt-new-tokens-300-init-random_seed-1',
    ]);
    expect(
      ids({ methods: ['full'], data: { a: 'a', b: 'b' }, samples: { share: [0.05, 1], bias: ['none', 'label'] } }),
    ).to.deep.equal([
      'a_5_full_seed-1',
      'a_5-biased-by-label_full_seed-1',
      'a_full_seed-1',
      'b_5_full_seed-1',
      'b_5-biased-by-label_full_seed-1',
      'b_full_seed-1',
    ]);
  });

  it('refuses two runs of one name', () => {
    const twice = { runs: [{ method: 'full' }, { name: 'Full', method: 'full', options: { lr: 1 } }] };
    expect(() => ids(twice)).to.throw(/two are called "d_Full_seed-1" \("full" and "Full"\)/);
  });

  it('takes the best trial of a search, the first of equal ones, when all have ended', () => {
    expect(found({ 'lr-1': 0.3, 'lr-2': 0.5, 'lr-3': 0.5 })).to.deep.equal({
      winner: { lr: 2 },
      tried: [
        { options: { lr: 1 }, validation_macro_f1: 0.3 },
        { options: { lr: 2 }, validation_macro_f1: 0.5 },
        { options: { lr: 3 }, validation_macro_f1: 0.5 },
      ],
    });
    expect(found({ 'lr-1': null, 'lr-2': 0, 'lr-3': null })!.winner).to.deep.equal({ lr: 2 });
    expect(found({ 'lr-1': 0.9, 'lr-2': 0.5 })).to.equal(null);
    expect(found({ 'lr-1': null, 'lr-2': null, 'lr-3': null })).to.equal(null);
  });

  it('puts base before the winner of a search, the winner before what a run says itself', () => {
    const config = checkConfig(
      {
        ...SMALL,
        base: { epochs: 2, batch: 8 },
        runs: [{ method: 'full' }, { name: 'own', method: 'full', options: { lr: 0.5 } }],
        search: { lr: [0.1, 0.2], epochs: [3, 6], share: 0.5, seed: 7 },
      },
      'x.yaml',
    );
    const { searches, runs } = expand(config);
    expect(searches).to.have.length(1);
    expect(searches[0]!.trials.map(({ id }) => id)).to.deep.equal([
      'search_d_full-lr-0.1-epochs-3',
      'search_d_full-lr-0.1-epochs-6',
      'search_d_full-lr-0.2-epochs-3',
      'search_d_full-lr-0.2-epochs-6',
    ]);
    expect(searches[0]!.trials[1]).to.deep.include({
      kind: 'search',
      seed: 7,
      sample: { share: 0.5, bias: 'none' },
      options: { epochs: 6, batch: 8, lr: 0.1 },
    });
    const winner = { lr: 0.2, epochs: 6 };
    expect(withWinner(config, runs[0]!, winner).options).to.deep.equal({ batch: 8, lr: 0.2, epochs: 6 });
    expect(withWinner(config, runs[1]!, winner).options).to.deep.equal({ batch: 8, lr: 0.5, epochs: 6 });
  });
});
