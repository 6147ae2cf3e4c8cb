/** The runs of an experiment: every data set, sample, method with options, and seed; and those of the search before them. */
import { AdaptuneError } from '../errors.js';
import { kebab, type OptionValue } from '../util/options.js';
import type { ExperimentConfig, Options } from './config.js';
import type { Sample } from './sample.js';

export interface RunSpec {
  /** File name without ending; unique in the experiment. */
  id: string;
  kind: 'run' | 'search';
  data: string;
  /** Null: all training texts. */
  sample: Sample | null;
  /** Of the method with its options: what the report has a row for. */
  name: string;
  method: string;
  seed: number;
  /** Of train, besides data, method and seed. */
  options: Options;
}

/** A method with the options that are its own. */
export interface Variant {
  name: string;
  method: string;
  options: Options;
  /** Null: all of the experiment's. */
  seeds: readonly number[] | null;
}

/** For one data set and method: trials whose best gives the options of the runs that name these two. */
export interface SearchSpec {
  data: string;
  method: string;
  trials: RunSpec[];
}

export interface Grid {
  searches: SearchSpec[];
  /** Without what a search decides. */
  runs: RunSpec[];
}

/** E_CONFIG when two runs would have one name. */
export function expand(config: ExperimentConfig): Grid {
  const variants = variantsOf(config);
  const samples = samplesOf(config);
  const runs = config.seeds.flatMap((seed) =>
    [...config.data.keys()].flatMap((data) =>
      samples.flatMap((sample) =>
        variants
          .filter(({ seeds }) => seeds === null || seeds.includes(seed))
          .map(({ name, method, options }): RunSpec => ({
            id: idOf([data, sampleName(sample), name, `seed-${seed}`]),
            kind: 'run',
            data,
            sample,
            name,
            method,
            seed,
            options: { ...config.base, ...options },
          })),
      ),
    ),
  );
  const searches = config.search ? searchesOf(config, variants) : [];
  const ids = new Map<string, RunSpec>();
  for (const run of [...searches.flatMap(({ trials }) => trials), ...runs]) {
    const other = ids.get(run.id.toLowerCase());
    if (other)
      throw new AdaptuneError(
        'E_CONFIG',
        `expected runs that differ in their names but two are called ${JSON.stringify(run.id)} (${JSON.stringify(other.name)} and ${JSON.stringify(run.name)})`,
      );
    ids.set(run.id.toLowerCase(), run);
  }
  return { searches, runs };
}

/** What a search found goes before the options of the variant itself, behind those of all runs. */
export function withWinner(config: ExperimentConfig, run: RunSpec, winner: Options): RunSpec {
  const own = variantsOf(config).find(({ name }) => name === run.name)!;
  return { ...run, options: { ...config.base, ...winner, ...own.options } };
}

function variantsOf({ methods, grid, runs }: ExperimentConfig): Variant[] {
  const combined = combinations(grid);
  const varied = [...grid].filter(([, values]) => values.length > 1).map(([option]) => option);
  return [
    ...methods.flatMap((method) =>
      combined.map((options) => ({
        name: [method, ...varied.map((option) => `${kebab(option)} ${valueName(options[option]!)}`)].join(', '),
        method,
        options,
        seeds: null,
      })),
    ),
    ...runs.map(({ name, method, options, seeds }) => ({
      name:
        name ??
        [method, ...Object.entries(options).map(([key, value]) => `${kebab(key)} ${valueName(value)}`)].join(', '),
      method,
      options,
      seeds,
    })),
  ];
}

/** All training texts once, whatever the bias: it would choose among none. */
function samplesOf({ samples: { share, bias } }: ExperimentConfig): (Sample | null)[] {
  return share.flatMap((part): (Sample | null)[] =>
    part === 1 ? [null] : bias.map((kind) => ({ share: part, bias: kind })),
  );
}

/** The trials of a method have the options of its first variant. */
function searchesOf(config: ExperimentConfig, variants: readonly Variant[]): SearchSpec[] {
  const { share, seed, grid } = config.search!;
  const sample: Sample | null = share === 1 ? null : { share, bias: 'none' };
  const first = new Map(variants.toReversed().map((variant) => [variant.method, variant]));
  const methods = [...new Set(variants.map(({ method }) => method))];
  return [...config.data.keys()].flatMap((data) =>
    methods.map((method) => ({
      data,
      method,
      trials: combinations(grid).map((tried): RunSpec => {
        const name = [method, ...Object.entries(tried).map(([key, value]) => `${kebab(key)} ${valueName(value)}`)].join(
          ', ',
        );
        return {
          id: idOf(['search', data, name]),
          kind: 'search',
          data,
          sample,
          name,
          method,
          seed,
          options: { ...config.base, ...first.get(method)!.options, ...tried },
        };
      }),
    })),
  );
}

/** Every combination of the values, the last option varying fastest. */
function combinations(grid: ReadonlyMap<string, readonly OptionValue[]>): Options[] {
  let all: Options[] = [{}];
  for (const [option, values] of grid)
    all = all.flatMap((options) => values.map((value) => ({ ...options, [option]: value })));
  return all;
}

const valueName = (value: OptionValue): string =>
  Array.isArray(value) ? value.join('+') : String(value).replace(/^.*[\\/](?=.)/, '');

export function sampleName(sample: Sample | null): string {
  if (sample === null) return '';
  const share = `${Number((100 * sample.share).toPrecision(4))} %`;
  return sample.bias === 'none' ? share : `${share}, biased by ${sample.bias}`;
}

const idOf = (parts: readonly string[]): string =>
  parts
    .filter((part) => part !== '')
    .map((part) => part.replaceAll(/[^A-Za-z0-9.=+]+/g, '-').replaceAll(/^-+|-+$/g, ''))
    .join('_');
