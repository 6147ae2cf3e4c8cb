/** What a result depends on: equal keys, equal results. Files count by content, and by name where a person reads of them. */
import { sha256, sha256File } from '../util/hash.js';
import { canonicalJson } from '../util/json.js';
import { lastCommit } from '../util/provenance.js';
import { packageVersion } from '../util/version.js';
import { modelIdentity } from '../train/inputs.js';
import { NEUTRAL_OPTIONS, resolveTrainOptions } from '../train/options.js';
import { PATH_OPTIONS, type Options } from './config.js';
import type { DataSet } from './data-sets.js';
import type { RunSpec } from './grid.js';

export interface Key {
  /** Of everything that is decided before the run: options with their defaults, sample, seed, files named by options. */
  config: string;
  model: string;
  /** sha256 by file name. */
  data: Record<string, string>;
  version: string;
  /** The last one that changed what runs; null where adaptune is not run from a clone. */
  commit: string | null;
}

/** What decides the weights that come out; the experiment's own code does not. */
const ENGINE = [
  'native',
  ...['errors.ts', 'util', 'native', 'model', 'select', 'mining', 'train'].map((room) => `lib/${room}`),
];

export interface Origin {
  model: string;
  version: string;
  commit: string | null;
}

export async function originOf(model: string): Promise<Origin> {
  return { model: await modelIdentity(model), version: packageVersion(), commit: lastCommit(ENGINE) };
}

/** Every option of a run that decides its result, defaults filled in; files by their hash. */
export async function decidingOptions(spec: RunSpec): Promise<Record<string, unknown>> {
  const resolved: Record<string, unknown> = {
    ...resolveTrainOptions({
      ...spec.options,
      method: spec.method,
      seed: spec.seed,
      model: '-',
      train: '-',
      out: '-',
    } as never),
  };
  const kept = Object.entries(resolved).filter(([option]) => !NEUTRAL_OPTIONS.has(option));
  const files = PATH_OPTIONS.filter((option) => (resolved[option] ?? null) !== null);
  const hashes = await Promise.all(
    files.map(async (option) => [option, `sha256 ${await sha256File(resolved[option] as string)}`]),
  );
  return Object.fromEntries([...kept, ...hashes]) as Options;
}

export async function keyOf(spec: RunSpec, set: DataSet, { model, version, commit }: Origin): Promise<Key> {
  const config = sha256(canonicalJson([spec.kind, spec.sample, await decidingOptions(spec)]));
  // Test texts have no part in a search.
  const parts = spec.kind === 'search' ? [set.train, set.validation] : [set.train, set.validation, set.test];
  const data = Object.fromEntries(parts.flatMap((file) => (file ? [[file.name, file.sha256]] : [])));
  return { config, model, data, version, commit };
}

/** In what a result of then differs from one of now; none: it need not be made again. */
export function differences(then: Key, now: Key): string[] {
  const short = (text: string | null) =>
    text === null ? 'no commit' : text.replace(/^([0-9a-f]{12})[0-9a-f]+$/, '$1');
  const files = new Set([...Object.keys(then.data), ...Object.keys(now.data)]);
  return [
    ...(then.config === now.config ? [] : ['options']),
    ...(then.model === now.model ? [] : ['the model']),
    ...[...files].filter((file) => then.data[file] !== now.data[file]).map((file) => `the contents of ${file}`),
    ...(then.version === now.version ? [] : [`the version (${then.version} then, ${now.version} now)`]),
    ...(then.commit === now.commit ? [] : [`the code (${short(then.commit)} then, ${short(now.commit)} now)`]),
  ];
}
