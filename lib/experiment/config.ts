/** The description of an experiment as a person writes it: data sets, samples of them, methods with options, seeds. */
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { TRAIN_OPTIONS } from '../train/options.js';
import { camel, checkOption, checkOptions, suggest, type OptionValue } from '../util/options.js';
import { BIASES } from './sample.js';

/** Options of `train` by name, checked. */
export type Options = Readonly<Record<string, OptionValue>>;

/** Printed in tables and part of file names. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} .,=+_-]{0,59}$/u;
const name = z
  .string()
  .regex(NAME, 'expected a name of letters, digits, spaces and . , = + _ -, at most 60 characters');
const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const some = <T extends z.ZodType>(item: T) => z.array(item).min(1);
const options = z.record(z.string(), z.unknown());

const schema = z.strictObject({
  name: name.optional(),
  about: z.string().max(10_000).default(''),
  model: z.string().min(1),
  data: z.record(name, z.string().min(1)).refine((sets) => Object.keys(sets).length > 0, 'expected a data set'),
  seeds: some(seed).default([1]),
  methods: some(z.string()).optional(),
  base: options.default({}),
  grid: z.record(z.string(), some(z.unknown())).default({}),
  runs: some(
    z.strictObject({
      name: name.optional(),
      method: z.string(),
      options: options.default({}),
      seeds: some(seed).optional(),
    }),
  ).default([]),
  samples: z
    .strictObject({
      share: some(z.number().gt(0).max(1)).default([1]),
      bias: some(z.enum(BIASES)).default(['none']),
    })
    .optional(),
  search: z
    .object({
      share: z
        .number()
        .gt(0)
        .max(1)
        .default(1 / 3),
      seed: seed.default(1),
    })
    .catchall(some(z.unknown()))
    .optional(),
  reference: name.optional(),
  seconds: z.record(name, z.record(z.string(), z.number().positive())).default({}),
});

export interface Search {
  /** Of the training texts, stratified by label. */
  share: number;
  seed: number;
  /** What is tried, every combination. */
  grid: ReadonlyMap<string, readonly OptionValue[]>;
}

export interface ExperimentConfig {
  name: string;
  about: string;
  /** A folder, or scratch:SIZE. */
  model: string;
  /** Folders by the name of the data set. */
  data: ReadonlyMap<string, string>;
  seeds: readonly number[];
  methods: readonly string[];
  /** Of every run. */
  base: Options;
  grid: ReadonlyMap<string, readonly OptionValue[]>;
  runs: readonly {
    name: string | null;
    method: string;
    options: Options;
    /** Some of the experiment's; null: all. */
    seeds: readonly number[] | null;
  }[];
  samples: { share: readonly number[]; bias: readonly (typeof BIASES)[number][] };
  search: Search | null;
  /** Which runs the others are compared with; null: `full` where it is there, else the first. */
  reference: string | null;
  /** Seconds an epoch of all training texts takes, by data set and method, before any run says so. */
  seconds: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Decided by the experiment for each run. */
const OWN: ReadonlySet<string> = new Set(['model', 'train', 'validation', 'test', 'out', 'seed', 'method', 'resume']);

/** Options that name files; relative paths start where those of the data do. */
export const PATH_OPTIONS: readonly string[] = Object.entries(TRAIN_OPTIONS)
  .filter(([option, { type }]) => type === 'path' && !OWN.has(option))
  .map(([option]) => option);

/** Checks the value of a configuration file. E_CONFIG, its message beginning with `where`. */
export function checkConfig(value: unknown, where: string): ExperimentConfig {
  const fail = (message: string) => new AdaptuneError('E_CONFIG', `${where}: ${message}`);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw fail(wording(parsed.error.issues[0]!));
  const { data, base, grid, runs, samples, search, seconds, methods, reference, name: given, ...rest } = parsed.data;

  const own = (option: string, place: string) => {
    if (OWN.has(option)) throw fail(`expected no ${option} in ${place}: the experiment sets it for each run`);
  };
  const checked = (input: object, place: string): Options => {
    for (const option of Object.keys(input)) own(camel(option), place);
    return checkOptions(TRAIN_OPTIONS, input, { code: 'E_CONFIG', where: `${where}: ${place}`, partial: true });
  };
  const lists = (input: Readonly<Record<string, unknown>>, place: string) =>
    new Map(
      Object.entries(input).map(([key, values]) => {
        const option = camel(key);
        own(option, place);
        if (!Object.hasOwn(TRAIN_OPTIONS, option)) {
          const near = suggest(option, Object.keys(TRAIN_OPTIONS));
          throw fail(
            `unknown option ${JSON.stringify(key)} in ${place}${near === null ? '' : `; did you mean ${near}?`}`,
          );
        }
        const spec = TRAIN_OPTIONS[option as keyof typeof TRAIN_OPTIONS];
        const how = { code: 'E_CONFIG', where: `${where}: ${place}` } as const;
        return [option, (values as unknown[]).map((item) => checkOption(option, spec, item, how))];
      }),
    );
  const method = (input: string, place: string) =>
    String(checkOption('method', TRAIN_OPTIONS.method, input, { code: 'E_CONFIG', where: `${where}: ${place}` }));

  for (const set of Object.keys(seconds)) {
    if (!Object.hasOwn(data, set))
      throw fail(`expected a data set of this file in seconds, came ${JSON.stringify(set)}`);
  }
  for (const [i, run] of runs.entries()) {
    const strange = run.seeds?.find((one) => !rest.seeds.includes(one));
    if (strange !== undefined) throw fail(`expected seeds of this file in runs[${i}], came ${strange}`);
  }
  if (methods === undefined && runs.length === 0) throw fail('expected methods or runs, came neither');
  if (methods === undefined && Object.keys(grid).length > 0) throw fail('expected methods beside grid, came none');
  const { share, seed: searchSeed, ...tried } = search ?? { share: 1, seed: 1 };
  if (search && Object.keys(tried).length === 0) throw fail('expected lists of options in search, came none');
  return {
    ...rest,
    name: given ?? nameOf(where),
    data: new Map(Object.entries(data)),
    methods: (methods ?? []).map((item) => method(item, 'methods')),
    base: checked(base, 'base'),
    grid: lists(grid, 'grid'),
    runs: runs.map((run, i) => ({
      name: run.name ?? null,
      method: method(run.method, `runs[${i}]`),
      options: checked(run.options, `runs[${i}]`),
      seeds: run.seeds ?? null,
    })),
    samples: samples ?? { share: [1], bias: ['none'] },
    search: search ? { share, seed: searchSeed, grid: lists(tried, 'search') } : null,
    reference: reference ?? null,
    seconds: new Map(Object.entries(seconds).map(([set, by]) => [set, new Map(Object.entries(by))])),
  };
}

/** The file's own name, without what no name may hold. */
function nameOf(path: string): string {
  const base = path.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');
  return (
    base
      .replaceAll(/[^\p{L}\p{N}.=+_-]/gu, '-')
      .replace(/^[^\p{L}\p{N}]+/u, '')
      .slice(0, 60) || 'experiment'
  );
}

function wording(issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const near = suggest(key, place === '' ? Object.keys(schema.shape) : []);
    return `unknown key ${JSON.stringify(key)}${place === '' ? '' : ` in ${place}`}${near === null ? '' : `; did you mean ${near}?`}`;
  }
  return `${place === '' ? '' : `${place}: `}${issue.message.replace(/^Invalid input: /, '')}`;
}
