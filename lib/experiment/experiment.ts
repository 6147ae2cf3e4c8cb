/**
 * `adaptune experiment`: one run after another, each in a process of its own and each leaving one file, so that it can be
 * stopped at any time and goes on from there. Searches come first: their winners are options of the runs.
 */
import { join, resolve } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { isScratch } from '../train/scratch.js';
import { exists, list, makeDirectory, remove } from '../util/files.js';
import { sha256 } from '../util/hash.js';
import { canonicalJson } from '../util/json.js';
import { lockFolder } from '../train/run-folder.js';
import type { TrainEvent } from '../train/run.js';
import { PATH_OPTIONS, type ExperimentConfig, type Options } from './config.js';
import { openDataSet, trainingFile, type DataSet } from './data-sets.js';
import { Estimator } from './estimate.js';
import { expand, withWinner, type Grid, type RunSpec, type SearchSpec } from './grid.js';
import { decidingOptions, differences, keyOf, originOf, type Key, type Origin } from './key.js';
import { runInProcess, type Outcome } from './process.js';
import { failedResult, finishedResult, processor, repeatedResult, type Origins } from './record.js';
import type { RunResult } from './result.js';
import { winnerOf } from './search.js';
import { ResultStore } from './store.js';
import type { OptionValue } from '../util/options.js';

export interface ExperimentOptions {
  /** Folder of the results. */
  out: string;
  /** Folder of checkpoints and samples; what is in it may be deleted at any time between runs. */
  work: string;
  /** Where relative paths of the configuration start. */
  root: string;
  /** Only runs with this in their id. */
  only: string | null;
  /** Do what has a result of other code, data or options again. */
  force: boolean;
  /** Keep the trained models in `work`. */
  keep: boolean;
  dryRun: boolean;
  threads: number | null;
}

export interface ExperimentHooks {
  signal: AbortSignal;
  onProgress: (place: Place, event: TrainEvent) => void;
  onNote: (text: string) => void;
  onResult: (place: Place, result: RunResult) => void;
}

/** Where an experiment stands. */
export interface Place {
  /** From 1. */
  run: number;
  of: number;
  id: string;
  /** Seconds of all runs that are to come after this one, null while nothing is known of them. */
  left: number | null;
}

/** kept: there already. stale: there, but of other code, data or options. search: its options are found first. */
export type Status = 'to do' | 'kept' | 'stale' | 'done' | 'same' | 'failed';

export interface RunStatus {
  id: string;
  status: Status;
  /** What is different, or what went wrong; the run that was trained in its stead. */
  detail: string;
  /** Of a run to do, expected; else what the run took. */
  seconds: number | null;
  test_macro_f1: number | null;
}

export interface ExperimentSummary {
  experiment: string;
  dry_run: boolean;
  runs: RunStatus[];
  /** Seconds that what is to do is expected to take. */
  left_s: number | null;
}

export async function runExperiment(
  given: ExperimentConfig,
  options: ExperimentOptions,
  hooks: ExperimentHooks,
): Promise<ExperimentSummary> {
  const config = rooted(given, options.root);
  const grid = selected(expand(config), options.only);
  const sets = new Map<string, DataSet>();
  for (const [name, folder] of config.data) sets.set(name, await openDataSet(name, folder));
  const experiment = new Experiment(config, grid, sets, await originOf(config.model), options, hooks);
  if (options.dryRun) return experiment.preview();
  await makeDirectory(options.out);
  await makeDirectory(options.work);
  const release = await lockFolder(options.work);
  try {
    return await experiment.run();
  } finally {
    release();
  }
}

class Experiment {
  readonly #store: ResultStore;
  readonly #estimator: Estimator;
  readonly #statuses = new Map<string, RunStatus>();
  /** Of finished runs of the same code: what has been trained, by its plan. */
  readonly #trained = new Map<string, string>();
  /** Runs as they are expected to be. */
  readonly #expected = new Map<string, RunSpec>();
  readonly #told = new Set<string>();
  #at = 0;

  constructor(
    readonly config: ExperimentConfig,
    readonly grid: Grid,
    readonly sets: ReadonlyMap<string, DataSet>,
    readonly origin: Origin,
    readonly options: ExperimentOptions,
    readonly hooks: ExperimentHooks,
  ) {
    this.#store = new ResultStore(options.out);
    this.#estimator = new Estimator(config.seconds);
  }

  get #all(): RunSpec[] {
    return [...this.grid.searches.flatMap(({ trials }) => trials), ...this.grid.runs];
  }

  /** What there is and what there is to do, without doing it. */
  async preview(): Promise<ExperimentSummary> {
    const results = await this.#learn();
    const winners = this.#winners((id) => results.get(id) ?? null);
    for (const spec of this.#all) {
      const final = this.#final(spec, winners);
      const found = results.get(spec.id);
      if (!found) this.#todo(final ?? this.#guess(spec), '');
      else if (final === null) this.#set(spec.id, 'kept', 'if the search finds the same', found);
      else {
        const reasons = differences(found.key, await this.#key(final));
        if (reasons.length === 0) this.#set(spec.id, 'kept', '', found);
        else if (this.options.force) this.#todo(final, `again: ${reasons.join(', ')}`);
        else this.#set(spec.id, 'stale', reasons.join(', '), found);
      }
    }
    return this.#summary();
  }

  async run(): Promise<ExperimentSummary> {
    const results = await this.#learn();
    const { name, about, reference } = this.config;
    const runs = expand(this.config).runs.map(({ id }) => id);
    await this.#store.writeDescription({ version: 1, name, about, reference, runs });
    for (const spec of this.#all) this.#todo(this.#guess(spec), '');
    for (const { trials } of this.grid.searches)
      for (const trial of trials) {
        const result = await this.#step(trial, null, results);
        if (result) results.set(trial.id, result);
      }
    const winners = this.#winners((id) => results.get(id) ?? null);
    for (const spec of this.grid.runs) this.#todo(this.#final(spec, winners) ?? this.#guess(spec), '');
    for (const spec of this.grid.runs) {
      const final = this.#final(spec, winners);
      if (final === null) this.#set(spec.id, 'failed', 'its search has no winner', null);
      else await this.#step(final, winners.get(searchKey(spec)) ?? null, results);
    }
    return this.#summary();
  }

  /** Results that are there, whatever they are of. */
  async #learn(): Promise<Map<string, RunResult>> {
    const results = new Map<string, RunResult>();
    for (const { id } of this.#all) {
      const result = await this.#store.read(id);
      if (!result) continue;
      results.set(id, result);
      const { commit, version } = result.key;
      // Another processor may have other instruction sets, which differ in the last bits, and other seconds.
      const same = commit === this.origin.commit && version === this.origin.version;
      if (same && result.machine.cpu === processor()) this.#trainedBy(result);
      this.#estimator.learn(result);
    }
    return results;
  }

  #trainedBy({ plan_hash, id, same_as, metrics }: RunResult): void {
    if (metrics && same_as === null) this.#trained.set(plan_hash, id);
  }

  #winners(read: (id: string) => RunResult | null): Map<string, NonNullable<RunResult['search']>> {
    return new Map(
      this.grid.searches.flatMap((search) => {
        const winner = winnerOf(search, [...this.config.search!.grid.keys()], read);
        return winner ? [[searchKey(search), winner] as const] : [];
      }),
    );
  }

  /** With what the search found; null while that is not known. */
  #final(spec: RunSpec, winners: ReadonlyMap<string, NonNullable<RunResult['search']>>): RunSpec | null {
    if (spec.kind === 'search' || this.config.search === null) return spec;
    const found = winners.get(searchKey(spec));
    return found ? withWinner(this.config, spec, found.winner as Options) : null;
  }

  #key(spec: RunSpec): Promise<Key> {
    return keyOf(spec, this.sets.get(spec.data)!, this.origin);
  }

  /** Makes one result, unless it is there. Null when the run went wrong in a way that another time it may not. */
  async #step(
    spec: RunSpec,
    search: RunResult['search'],
    results: ReadonlyMap<string, RunResult>,
  ): Promise<RunResult | null> {
    this.hooks.signal.throwIfAborted();
    this.#at++;
    const key = await this.#key(spec);
    const found = results.get(spec.id);
    if (found) {
      const reasons = differences(found.key, key);
      if (reasons.length === 0 || !this.options.force) {
        this.#set(spec.id, reasons.length === 0 ? 'kept' : 'stale', reasons.join(', '), found);
        return found;
      }
    }
    const result = await this.#make(spec, key, search);
    if (!result) return null;
    await this.#store.write(result);
    if (!this.options.keep) await this.#clear(spec.id, null);
    this.#trainedBy(result);
    this.#estimator.learn(result);
    const { failed, same_as } = result;
    const status = failed ? 'failed' : same_as === null ? 'done' : 'same';
    this.#set(spec.id, status, failed?.message ?? same_as ?? '', result);
    this.hooks.onResult(this.#place(spec.id), result);
    return result;
  }

  async #make(spec: RunSpec, key: Key, search: RunResult['search']): Promise<RunResult | null> {
    const origins: Origins = {
      spec,
      key,
      search,
      experiment: this.config.name,
      model: isScratch(this.config.model) ? this.config.model : this.config.model.replace(/^.*[\\/](?=.)/, ''),
      options: await decidingOptions(spec),
    };
    const outcome = await this.#train(spec, key);
    switch (outcome.type) {
      case 'done': {
        const set = this.sets.get(spec.data)!;
        if (outcome.gold.length > 0)
          await this.#store.writeGold({
            version: 1,
            data: spec.data,
            sha256: set.test.sha256,
            labels: [...outcome.result.labels],
            gold: outcome.gold.join(' '),
          });
        return finishedResult(origins, outcome);
      }
      case 'same':
        return repeatedResult(origins, outcome.plan, (await this.#store.read(outcome.id))!);
      case 'failed': {
        const { code, message, plan } = outcome;
        // It would diverge again: that is the result.
        if (code === 'E_DIVERGED') return failedResult(origins, { code, message }, plan);
        this.#set(spec.id, 'failed', `${code}: ${message}`, null);
        this.hooks.onNote(`${spec.id}: ${code}: ${message}`);
        return null;
      }
    }
  }

  /** In a folder that is named by all that the run depends on: what it holds is the beginning of this run, or nothing. */
  async #train(spec: RunSpec, key: Key): Promise<Outcome> {
    const set = this.sets.get(spec.data)!;
    const { text = 'text', label = 'label' } = spec.options as { text?: string; label?: string };
    const samples = join(this.options.work, 'samples', spec.data);
    const train = await trainingFile(set, spec.sample, spec.seed, samples, { text, label });
    const out = await this.#clear(spec.id, key);
    const { threads } = this.options;
    const request = (resume: boolean) => ({
      options: {
        ...spec.options,
        method: spec.method as never,
        seed: spec.seed,
        model: this.config.model,
        train,
        ...(set.validation ? { validation: set.validation.path } : {}),
        ...(spec.kind === 'run' ? { test: set.test.path } : {}),
        ...(threads === null ? {} : { threads }),
        out,
        resume,
      },
      known: [...this.#trained],
    });
    const place = this.#place(spec.id);
    const hooks = {
      signal: this.hooks.signal,
      onProgress: (event: TrainEvent) => this.hooks.onProgress(place, event),
      onNote: (text: string) => this.#note(spec.id, text),
    };
    const begun = await exists(out);
    const outcome = await runInProcess(request(begun), hooks);
    const again =
      outcome.type === 'failed' && begun && (outcome.code === 'E_RESUME' || outcome.code === 'E_OUTPUT_EXISTS');
    if (!again) return outcome;
    // Finished without a result, or of other options: of no use.
    await remove(out);
    return runInProcess(request(false), hooks);
  }

  /** Most remarks are made by every run on the same data: once is enough. */
  #note(id: string, text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.hooks.onNote(`${id}: ${text}`);
  }

  /** Removes what other runs of this id have left; where the run with this key works, or null. */
  async #clear(id: string, key: null): Promise<null>;
  async #clear(id: string, key: Key): Promise<string>;
  async #clear(id: string, key: Key | null): Promise<string | null> {
    const folder = join(this.options.work, 'runs');
    await makeDirectory(folder);
    const own = key === null ? null : folderName(id, key);
    for (const name of await list(folder))
      if (name.startsWith(`${id}@`) && name !== own) await remove(join(folder, name));
    return own === null ? null : join(folder, own);
  }

  #place(id: string): Place {
    return { run: this.#at, of: this.#all.length, id, left: this.#left(id) };
  }

  /** Of a run whose search is not done: as long as it may be found best. */
  #guess(spec: RunSpec): RunSpec {
    const epochs = this.config.search?.grid.get('epochs');
    if (spec.kind === 'search' || epochs === undefined) return spec;
    return { ...spec, options: { ...spec.options, epochs: Math.max(...epochs.map(Number)) } };
  }

  #todo(spec: RunSpec, detail: string): void {
    this.#expected.set(spec.id, spec);
    const seconds = this.#estimator.expected(spec);
    this.#statuses.set(spec.id, { id: spec.id, status: 'to do', detail, seconds, test_macro_f1: null });
  }

  #set(id: string, status: Status, detail: string, result: RunResult | null): void {
    const { metrics = null } = result ?? {};
    this.#statuses.set(id, {
      id,
      status,
      detail,
      seconds: metrics?.seconds ?? null,
      test_macro_f1: metrics?.test?.macro_f1 ?? null,
    });
  }

  /** Seconds of what is to do, besides one run. */
  #left(but: string | null): number | null {
    const todo = [...this.#statuses.values()].filter(({ id, status }) => id !== but && status === 'to do');
    return this.#estimator.total(todo.map(({ id }) => this.#expected.get(id)!));
  }

  #summary(): ExperimentSummary {
    const runs = [...this.#statuses.values()];
    return { experiment: this.config.name, dry_run: this.options.dryRun, runs, left_s: this.#left(null) };
  }
}

const searchKey = ({ data, method }: Pick<SearchSpec, 'data' | 'method'>) => JSON.stringify([data, method]);

const folderName = (id: string, key: Key) => `${id}@${sha256(canonicalJson(key)).slice(0, 12)}`;

/** Runs with `only` in their ids, and the searches that they need. E_ARGUMENT when there is none. */
function selected({ searches, runs }: Grid, only: string | null): Grid {
  if (only === null) return { searches, runs };
  const kept = runs.filter(({ id }) => id.includes(only));
  const needed = new Set(kept.map(searchKey));
  const left = searches.filter(
    (search) => needed.has(searchKey(search)) || search.trials.some(({ id }) => id.includes(only)),
  );
  if (kept.length > 0 || left.length > 0) return { searches: left, runs: kept };
  throw new AdaptuneError(
    'E_ARGUMENT',
    `expected a part of the name of a run for --only (such as ${runs[0]!.id}) but received ${JSON.stringify(only)}`,
  );
}

/** Paths start at `root`. */
function rooted(config: ExperimentConfig, root: string): ExperimentConfig {
  const at = (option: string, value: OptionValue) =>
    PATH_OPTIONS.includes(option) && typeof value === 'string' ? resolve(root, value) : value;
  const all = (options: Options): Options =>
    Object.fromEntries(Object.entries(options).map(([option, value]) => [option, at(option, value)]));
  return {
    ...config,
    model: isScratch(config.model) ? config.model : resolve(root, config.model),
    data: new Map([...config.data].map(([name, folder]) => [name, resolve(root, folder)])),
    base: all(config.base),
    grid: new Map([...config.grid].map(([option, values]) => [option, values.map((value) => at(option, value))])),
    runs: config.runs.map((run) => ({ ...run, options: all(run.options) })),
  };
}
