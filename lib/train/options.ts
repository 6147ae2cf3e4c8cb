/** Every option of `train` with its default, range and help text: the one table behind the API, the command line and config files. */
import { AdaptuneError } from '../errors.js';
import { ADAPTER_TARGETS } from '../native/adapters.js';
import { METHOD_NAMES, methodOf, type MethodOptions, type MethodRow } from '../select/methods.js';
import { SCORES } from '../select/scores.js';
import {
  grouped,
  kebab,
  resolveOptions,
  type OptionsOf,
  type OptionSpec,
  type OptionTable,
  type ResolvedOf,
} from '../util/options.js';
import { checkTypes, type LabelledTexts } from './labelled-texts.js';
import { PRESET_NAMES, PRESETS, presetsText } from './presets.js';
import { CORPUS_OPTIONS, TEXT_OPTIONS, THREAD_OPTIONS, TOKEN_OPTIONS } from './mine-options.js';

/** "a, b, and c". Without Intl, whose first use takes 12 ms and 6 MiB of each command. */
const listed = (names: readonly string[]): string =>
  names.length < 3 ? names.join(' and ') : `${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`;
const methodsWhere = (holds: (row: MethodRow) => boolean): string =>
  listed(METHOD_NAMES.filter((method) => holds(methodOf(method))));

/** "1e-3, from hidden size 768 on 3e-4, for adapt and random; ..." */
function defaultRatesText(): string {
  const rates = new Set(METHOD_NAMES.map((method) => methodOf(method).rate));
  const texts = [...rates].flatMap((rate) => {
    if (rate === null) return [];
    const [small, large] = [rate.small, rate.large].map((value) => value.toExponential());
    return [`${small}, from hidden size 768 on ${large}, for ${methodsWhere((row) => row.rate === rate)}`];
  });
  return texts.join('; ');
}

export const TRAIN_OPTIONS = {
  ...grouped('Data and output', {
    ...CORPUS_OPTIONS,
    out: {
      type: 'path',
      required: true,
      value: 'DIR',
      help: 'Output folder: absent, empty, or an unfinished run with --resume.',
    },
    validation: {
      type: 'path',
      value: 'FILE',
      help: 'Validation texts. Without it, a stratified tenth of the training texts.',
    },
    test: { type: 'path', value: 'FILE', help: 'Test texts, scored once at the end.' },
    ...TEXT_OPTIONS,
  }),
  ...grouped('Method', {
    preset: {
      type: 'choice',
      choices: PRESET_NAMES,
      sets: PRESETS,
      value: 'NAME',
      help: `Defaults of several options together; what is given besides goes before them. ${presetsText()}`,
    },
    method: {
      type: 'choice',
      choices: METHOD_NAMES,
      default: 'adapt',
      value: 'NAME',
      help: METHOD_NAMES.map((method) => `${method}: ${methodOf(method).summary}.`).join(' '),
    },
    granularity: {
      type: 'choice',
      choices: ['unit', 'module'],
      default: 'unit',
      help: 'What is selected. unit: attention groups and feed-forward neurons. module: all groups or all neurons of a layer at once, usually a third and two thirds of its matrices; a budget below the smallest module is refused, one between two sizes buys what fits.',
    },
    budget: {
      type: 'number',
      min: 0,
      max: 1,
      above: true,
      default: 0.1,
      help: `Share of the layers’ matrix weights that ${methodsWhere((row) => row.bounded)} train, 0 to 1.`,
    },
    cost: {
      type: 'number',
      min: 0,
      max: 1,
      above: true,
      help: 'Upper bound of the predicted cost (operations of a run) as a share of full finetuning, 0 to 1; replaces the budget.',
    },
    floor: {
      type: 'integer',
      min: 0,
      max: 1023,
      default: 0,
      value: 'N',
      help: `Lowest layer of which ${methodsWhere((row) => row.bounded)} train units, counted from 0: higher is cheaper, and the budget falls to the layers from there up.`,
    },
    layers: {
      type: 'integer',
      min: 1,
      max: 1024,
      value: 'N',
      help: 'Whole layers that layers trains. Default: a third of them.',
    },
    layersBy: {
      type: 'choice',
      choices: ['top', 'sensitive'],
      default: 'top',
      help: 'Which ones. top: the uppermost. sensitive: those with the highest mean score of their units.',
    },
  }),
  ...grouped('Low-rank adapters (lora)', {
    loraR: { type: 'integer', min: 1, max: 1024, default: 8, value: 'N', help: 'Rank of the adapters.' },
    loraAlpha: {
      type: 'number',
      min: 0,
      max: 1e6,
      above: true,
      default: 16,
      value: 'X',
      help: 'The adapters’ products are multiplied with alpha / r.',
    },
    loraDropout: {
      type: 'number',
      min: 0,
      max: 0.99,
      default: 0.05,
      value: 'X',
      help: 'Dropout of the adapters’ input.',
    },
    loraTargets: {
      type: 'list',
      items: ADAPTER_TARGETS,
      default: ['query', 'value'],
      help: 'Matrices with an adapter: query, key, value and output of attention, up and down of the feed-forward part.',
    },
  }),
  ...grouped('New tokens', {
    newTokens: {
      type: 'integer',
      min: 0,
      max: 100_000,
      words: ['auto'],
      value: 'auto|N',
      help: `Number of mined tokens. Default: auto for ${methodsWhere((row) => row.newTokens === 'auto')}, 0 for the others.`,
    },
    ...TOKEN_OPTIONS,
    init: {
      type: 'choice',
      choices: ['mean', 'random', 'noisy-mean'],
      default: 'mean',
      help: 'First value of a new token’s embedding; mean: of its pieces.',
    },
    tokenPhase: {
      type: 'number',
      min: 0,
      max: 1,
      default: 0.3,
      value: 'X',
      help: 'Share of the steps, from the first, in which the embeddings of new tokens train too.',
    },
  }),
  ...grouped('Selection of units', {
    score: {
      type: 'choice',
      choices: ['random', ...SCORES],
      value: 'NAME',
      help: `What decides which units train. random: the lot, and calibration falls away; no score was better (docs/results.md). ${SCORES.join(', ')}: how index of dispersion and gradient norm combine. Default: random; rank for the methods ${methodsWhere(({ score }) => score === 'rank')}.`,
    },
    beta: {
      type: 'number',
      min: 0,
      max: 1000,
      default: 1,
      value: 'X',
      help: 'Weight of the gradient norm in zscore and sum.',
    },
    spread: {
      type: 'choice',
      choices: ['layer', 'model'],
      help: 'Share the budget equally among layers, or rank over the whole model. Default: layer; model for whole modules, of which a layer’s share seldom holds one.',
    },
    dispersion: {
      type: 'choice',
      choices: ['norm', 'ratio', 'feature'],
      default: 'norm',
      help: 'Form of the index of dispersion.',
    },
    importance: {
      type: 'choice',
      choices: ['gradient', 'fisher'],
      default: 'gradient',
      help: 'What of the gradients counts beside it. gradient: the norm of that of the mean loss. fisher: the root of the mean square over the calibration texts, each by itself (empirical Fisher information), which takes longer.',
    },
    reselect: {
      type: 'integer',
      min: 1,
      max: 10_000,
      words: ['tokens'],
      value: 'N|tokens',
      help: `Once more calibration, and units chosen anew (${methodsWhere((row) => row.bounded && row.followsScores)}): after epoch N, or when the token phase ends. Units that are left out keep what they learned. Nothing where that moment does not come before the last step.`,
    },
  }),
  ...grouped('Training', {
    epochs: {
      type: 'integer',
      min: 1,
      max: 10_000,
      default: 4,
      value: 'N',
      help: 'Passes over the training texts.',
    },
    batch: { type: 'integer', min: 1, max: 4096, default: 32, value: 'N', help: 'Texts in a step.' },
    maxLength: {
      type: 'integer',
      min: 4,
      max: 8192,
      default: 128,
      value: 'N',
      help: 'Longest text in tokens, [CLS] and [SEP] included; the rest is cut.',
    },
    lr: {
      type: 'number',
      min: 0,
      max: 1e9,
      value: 'X',
      help: `Peak learning rate of the encoder. Default: ${defaultRatesText()}.`,
    },
    headLr: {
      type: 'number',
      min: 0,
      max: 1e9,
      default: 1e-3,
      value: 'X',
      help: 'Peak learning rate of pooler and classifier.',
    },
    tokenLr: {
      type: 'number',
      min: 0,
      max: 1e9,
      default: 1e-3,
      value: 'X',
      help: 'Peak learning rate of the embeddings of new tokens.',
    },
    weightDecay: {
      type: 'number',
      min: 0,
      max: 1,
      default: 0.01,
      value: 'X',
      help: 'Decoupled weight decay of the encoder’s trained matrices.',
    },
    clip: {
      type: 'number',
      min: 0,
      max: 1e9,
      default: 1,
      value: 'X',
      help: 'Largest global gradient norm; 0 switches clipping off.',
    },
    warmup: {
      type: 'number',
      min: 0,
      max: 1,
      default: 0.06,
      value: 'X',
      help: 'Share of the steps in which the rates rise to their peak; then they fall to 0.',
    },
    dropout: {
      type: 'number',
      min: 0,
      max: 0.99,
      value: 'X',
      help: 'Replaces the dropout rates of config.json.',
    },
    prefixCache: {
      type: 'choice',
      choices: ['auto', 'off'],
      default: 'auto',
      help: 'auto: the states that frozen lower layers compute of the texts are kept for the next epochs, in at most half of the memory that the run leaves free. off: they are computed each time. The steps train the same weights; with --cost, the choice of units counts on what is kept.',
    },
    seed: {
      type: 'integer',
      min: 0,
      max: 4_294_967_295,
      default: 1,
      value: 'N',
      help: 'Seed of initial values, order, dropout and samples.',
    },
  }),
  ...grouped('Run', {
    saveEvery: {
      type: 'integer',
      min: 1,
      max: 1_000_000_000,
      default: 200,
      value: 'N',
      help: 'Steps between checkpoints.',
    },
    resume: { type: 'boolean', default: false, help: 'Continue the unfinished run in --out.' },
    device: { type: 'choice', choices: ['auto', 'cpu'], default: 'auto', help: 'Where to compute.' },
    ...THREAD_OPTIONS,
  }),
} satisfies OptionTable;

/** Options that change neither the weights nor the report: free to differ when a run is resumed. Files are compared by content. */
export const NEUTRAL_OPTIONS: ReadonlySet<string> = new Set([
  'model',
  'train',
  'validation',
  'test',
  'unlabelled',
  'tokens',
  'stopWords',
  'out',
  'text',
  'label',
  'saveEvery',
  'resume',
  'device',
  'threads',
  // Acts through other options.
  'preset',
] satisfies (keyof typeof TRAIN_OPTIONS)[]);

type Input = OptionsOf<typeof TRAIN_OPTIONS>;
type Resolved = ResolvedOf<typeof TRAIN_OPTIONS>;

const SOURCES = ['train', 'validation', 'test'] as const;
type Source = (typeof SOURCES)[number];

export type TrainOptions = Omit<Input, Source> & {
  train: string | LabelledTexts;
  validation?: string | LabelledTexts | null | undefined;
  test?: string | LabelledTexts | null | undefined;
};
export type ResolvedOptions = Omit<Resolved, Source | 'newTokens' | 'score' | 'spread'> & {
  train: string | LabelledTexts;
  validation: string | LabelledTexts | null;
  test: string | LabelledTexts | null;
  newTokens: number | 'auto';
  score: MethodOptions['score'];
  spread: 'layer' | 'model';
};

/** Of what `random` measures nothing for. */
const OF_SCORES = ['dispersion', 'beta', 'importance', 'reselect'] as const;

/** E_ARGUMENT for options that would have no effect on which units are chosen. */
function checkScore(options: Resolved, score: ResolvedOptions['score']): void {
  const { bounded, followsScores } = methodOf(options.method);
  if (!bounded) return;
  for (const name of OF_SCORES) {
    const spec: OptionSpec = TRAIN_OPTIONS[name];
    if (options[name] === ('default' in spec ? spec.default : null)) continue;
    const flag = `${name} (--${kebab(name)})`;
    if (score === 'random')
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected one of ${SCORES.join(', ')} for score (--score) with ${flag} but received random, which measures nothing`,
      );
    if (name === 'reselect' && !followsScores)
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected no ${flag} with ${options.method}, which does not choose by score, but received ${options.reselect}`,
      );
  }
}

/** Defaults filled in, every value checked (E_ARGUMENT). */
export function resolveTrainOptions(input: TrainOptions): ResolvedOptions {
  const memory = new Map<string, LabelledTexts>();
  const paths: Record<string, unknown> = { ...input };
  for (const name of SOURCES) {
    const source = input[name];
    if (typeof source !== 'object' || source === null) continue;
    checkTypes(name, source);
    memory.set(name, source);
    paths[name] = `${name} texts in memory`;
  }
  const resolved = resolveOptions(TRAIN_OPTIONS, paths);
  const score = resolved.score ?? methodOf(resolved.method).score;
  checkScore(resolved, score);
  const newTokens = resolved.newTokens ?? methodOf(resolved.method).newTokens;
  const spread = resolved.spread ?? (resolved.granularity === 'module' ? 'model' : 'layer');
  return { ...resolved, ...Object.fromEntries(memory), newTokens, score, spread };
}

/** The options as they are saved: texts of a program by their number only. */
export function describeSources(options: ResolvedOptions): Record<string, unknown> {
  const shown = (source: ResolvedOptions['test']) =>
    typeof source === 'object' && source !== null ? `${source.texts.length} texts in memory` : source;
  return { ...options, train: shown(options.train), validation: shown(options.validation), test: shown(options.test) };
}
