import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { resolveTrainOptions, TRAIN_OPTIONS } from '../../lib/train/options.js';
import { PRESETS, presetText } from '../../lib/train/presets.js';
import { checkOption, checkOptions, kebab, suggest } from '../../lib/util/options.js';
import type { OptionSpec, OptionValue } from '../../lib/util/options.js';

const NEEDED = { model: 'm', train: 't.csv', out: 'o' };
const resolve = (options: Record<string, unknown>) => resolveTrainOptions({ ...NEEDED, ...options });
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    expect(error).to.be.instanceOf(AdaptuneError).with.property('code', 'E_ARGUMENT');
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
};

describe('train/options', () => {
  it('fills in the documented defaults', () => {
    const options = resolve({});
    expect(options).to.include({
      method: 'adapt',
      budget: 0.1,
      epochs: 4,
      batch: 32,
      maxLength: 128,
      headLr: 1e-3,
      tokenLr: 1e-3,
      tokenPhase: 0.3,
      seed: 1,
      minSupport: 5,
      pplMax: 0.3,
      init: 'mean',
      score: 'random',
      spread: 'layer',
      dispersion: 'norm',
      lr: null,
      cost: null,
      validation: null,
    });
    expect(options.protect).to.deep.equal(['<<', '>>', '[[', ']]']);
  });

  it('mines by default for adapt and its control only', () => {
    expect(resolve({}).newTokens).to.equal('auto');
    expect(resolve({ method: 'random' }).newTokens).to.equal('auto');
    for (const method of ['layers', 'lora', 'full', 'frozen']) expect(resolve({ method }).newTokens).to.equal(0);
    expect(resolve({ method: 'full', newTokens: 'auto' }).newTokens).to.equal('auto');
    expect(resolve({ newTokens: 0 }).newTokens).to.equal(0);
  });

  it('chooses units by lot, and measures for the control and for sensitive layers', () => {
    expect(resolve({}).score).to.equal('random');
    expect(resolve({ method: 'random' }).score).to.equal('rank');
    expect(resolve({ method: 'layers', layersBy: 'sensitive' }).score).to.equal('rank');
    expect(resolve({ method: 'layers', layersBy: 'sensitive', score: 'sum' }).score).to.equal('sum');
  });

  it('refuses what has no effect on units chosen by lot', () => {
    for (const options of [{ importance: 'fisher' }, { beta: 2 }, { dispersion: 'ratio' }, { reselect: 1 }]) {
      const [name] = Object.keys(options);
      expect(refusal(() => resolve(options))).to.include(`with ${name} (--${name})`);
      expect(resolve({ score: 'rank', ...options })).to.include(options);
      expect(resolve({ score: 'random', method: 'full', ...options })).to.include(options);
    }
    expect(refusal(() => resolve({ score: 'rank', method: 'random', reselect: 'tokens' }))).to.include(
      'expected no reselect (--reselect) with random',
    );
  });

  it('holds defaults that are legal values of their options, and help for each', () => {
    for (const [name, spec] of Object.entries(TRAIN_OPTIONS)) {
      if ('default' in spec) expect(checkOption(name, spec, spec.default)).to.deep.equal(spec.default);
      expect(spec.help, name).to.match(/^\S.*\.$/);
    }
  });

  it('spreads units over layers, and whole modules over the model', () => {
    expect(resolve({}).spread).to.equal('layer');
    expect(resolve({ granularity: 'module' }).spread).to.equal('model');
    expect(resolve({ granularity: 'module', spread: 'layer' }).spread).to.equal('layer');
  });

  it('lets a preset take the place of defaults, and of nothing that is given', () => {
    const paper = { gapped: 'first', init: 'random', dispersion: 'feature', score: 'sum', granularity: 'module' };
    expect(resolve({ preset: 'paper' })).to.deep.equal({ ...resolve(paper), preset: 'paper' });
    const given = { score: 'rank', granularity: 'unit', init: null };
    expect(resolve({ preset: 'paper', ...given })).to.deep.equal({
      ...resolve({ ...paper, score: 'rank', granularity: 'unit' }),
      preset: 'paper',
    });
    // As the command line and configuration files have it.
    expect(checkOptions(TRAIN_OPTIONS, { ...NEEDED, preset: 'paper' })).to.include(paper);
    expect(checkOptions(TRAIN_OPTIONS, { preset: 'paper' }, { partial: true })).to.deep.equal({ preset: 'paper' });
    expect(refusal(() => resolve({ preset: 'papers' }))).to.include('one of fast, paper for preset');
  });

  it('holds presets of legal values, and tells them in the help', () => {
    for (const [preset, set] of Object.entries<Readonly<Record<string, OptionValue>>>(PRESETS)) {
      for (const [name, value] of Object.entries(set)) {
        const spec: OptionSpec = TRAIN_OPTIONS[name as keyof typeof TRAIN_OPTIONS];
        expect(checkOption(name, spec, value), `${preset}: ${name}`).to.deep.equal(value);
        expect(TRAIN_OPTIONS.preset.help).to.include(`--${kebab(name)} ${String(value)}`);
      }
    }
    expect(presetText('paper')).to.equal(
      '--gapped first, --init random, --dispersion feature, --score sum, --granularity module',
    );
  });

  it('says what was expected and what came', () => {
    expect(refusal(() => resolve({ epochs: 0 }))).to.equal(
      'expected a whole number from 1 to 10000 for epochs but received the number 0',
    );
    expect(refusal(() => resolve({ budget: 0 }))).to.include('a number above 0 to 1 for budget');
    expect(refusal(() => resolve({ lr: Number.NaN }))).to.include('the number NaN');
    expect(refusal(() => resolve({ method: 'prefix' }))).to.include(
      'one of adapt, random, layers, lora, full, frozen for',
    );
    expect(refusal(() => resolve({ layers: 0 }))).to.include('from 1 to 1024 for layers');
    expect(refusal(() => resolve({ loraR: 0 }))).to.include('from 1 to 1024 for loraR');
    expect(refusal(() => resolve({ loraTargets: ['query', 'dense'] }))).to.include(
      'a list of some of query, key, value, output, up, down for loraTargets',
    );
    expect(refusal(() => resolve({ loraTargets: [] }))).to.include('for loraTargets');
    expect(refusal(() => resolve({ layersBy: 'bottom' }))).to.include('one of top, sensitive for layersBy');
    expect(refusal(() => resolve({ newTokens: 'many' }))).to.include('"auto"');
    expect(refusal(() => resolve({ out: undefined }))).to.include('a path for out but received nothing');
    expect(refusal(() => resolve({ epoch: 3 }))).to.equal('unknown option "epoch"; did you mean epochs?');
    expect(refusal(() => resolve({ train: { texts: ['a'], labels: [] } }))).to.include('one length for train');
  });

  it('takes counts and fractions as support', () => {
    for (const legal of [5, 0.01, '5', '0.01', '.5', '1.0'])
      expect(resolve({ minSupport: legal }).minSupport).to.equal(legal);
    for (const illegal of [0, -1, 1.5, '0', '1.5', '0.0', 'x', '']) refusal(() => resolve({ minSupport: illegal }));
  });

  it('reads the text of flags', () => {
    const { epochs, newTokens, resume, protect, budget } = TRAIN_OPTIONS;
    const read = (spec: Parameters<typeof checkOption>[1], text: string) =>
      checkOption('x', spec, text, { fromText: true });
    expect(read(epochs, '3')).to.equal(3);
    expect(read(budget, '1e-2')).to.equal(0.01);
    expect(read(newTokens, 'auto')).to.equal('auto');
    expect(read(newTokens, '7')).to.equal(7);
    expect(read(resume, 'true')).to.equal(true);
    expect(read(protect, '<e> </e>')).to.deep.equal(['<e>', '</e>']);
    for (const text of ['', ' ', 'three', '3x', '1e400']) refusal(() => read(epochs, text));
  });

  it('takes names as flags spell them, each once', () => {
    const options = checkOptions(TRAIN_OPTIONS, { ...NEEDED, 'max-length': 64 });
    expect(options['maxLength']).to.equal(64);
    expect(kebab('maxLength')).to.equal('max-length');
    expect(refusal(() => checkOptions(TRAIN_OPTIONS, { ...NEEDED, 'max-length': 64, maxLength: 65 }))).to.include(
      'once',
    );
    expect(suggest('lerning-rate', ['lr', 'seed'])).to.equal(null);
    refusal(() => checkOptions(TRAIN_OPTIONS, JSON.parse('{"__proto__": 1}')));
  });
});
