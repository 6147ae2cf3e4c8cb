/** From what a run's process answers to the result that is kept. */
import { cpus } from 'node:os';
import type { TrainResult } from '../train/result.js';
import type { Scores } from '../train/metrics.js';
import { withoutFolders } from '../util/provenance.js';
import type { RunSpec } from './grid.js';
import type { Key } from './key.js';
import type { RunMetrics, RunResult } from './result.js';
import type { Answer, PlanFacts } from './worker.js';

/** What is known before a run. */
export interface Origins {
  experiment: string;
  spec: RunSpec;
  key: Key;
  search: RunResult['search'];
  model: string;
  options: Record<string, unknown>;
}

type Done = Extract<Answer, { type: 'done' }>;

function common({ experiment, spec, key, search, model, options }: Origins, plan: PlanFacts | null) {
  const { id, kind, data, sample, name, method, seed } = spec;
  return {
    version: 1,
    experiment,
    id,
    kind,
    data,
    sample,
    name,
    method,
    seed,
    options: options as RunResult['options'],
    key,
    search,
    model,
    finished: new Date().toISOString(),
    plan_hash: plan?.hash ?? '',
    selection: plan?.diagnostics ? { spearman: plan.diagnostics.spearman, jaccard: plan.diagnostics.jaccard } : null,
    units: plan?.units ?? null,
  } as const;
}

export const processor = (): string => cpus()[0]?.model.trim() ?? 'unknown';

const machineOf = (isa: string, threads: number): RunResult['machine'] => ({
  cpu: processor(),
  isa,
  threads,
  node: process.version,
});

export function finishedResult(origins: Origins, { plan, result, predicted, cpuSeconds }: Done): RunResult {
  return {
    ...common(origins, plan),
    machine: machineOf(result.isa, result.threads),
    resumed: result.resumed,
    same_as: null,
    failed: null,
    metrics: metricsOf(result, result.resumed ? null : cpuSeconds),
    predicted: predicted.length > 0 ? predicted.join(' ') : null,
    notes: result.notes.map(withoutFolders),
  };
}

/** The figures are those of the run that was trained; what led to the plan is this run's own. */
export function repeatedResult(origins: Origins, plan: PlanFacts, trained: RunResult): RunResult {
  const { machine, resumed, metrics, predicted, notes } = trained;
  return { ...common(origins, plan), machine, resumed, same_as: trained.id, failed: null, metrics, predicted, notes };
}

export function failedResult(
  origins: Origins,
  failed: { code: string; message: string },
  plan: PlanFacts | null,
): RunResult {
  return {
    ...common(origins, plan),
    machine: machineOf('', 0),
    resumed: false,
    same_as: null,
    failed: { ...failed, message: withoutFolders(failed.message) },
    metrics: null,
    predicted: null,
    notes: [],
  };
}

const scoresOf = ({ rows, macroF1, accuracy, loss }: Scores) => ({
  rows,
  macro_f1: macroF1,
  micro_f1: accuracy,
  loss,
});

function metricsOf(result: TrainResult, cpuSeconds: number | null): RunMetrics {
  const { trainable, encoder_trainable, parameters, encoder_parameters, train_s, stages } = result;
  const { predicted_cost, predicted_memory_mb, peak_rss_mb, new_tokens, length_ratio, chosen, rows } = result;
  return {
    validation: scoresOf(result.validation),
    test: result.test && scoresOf(result.test),
    texts_seen: rows.train * result.epochs,
    base_tokens_seen: result.tokens,
    rows,
    trainable,
    encoder_trainable,
    parameters,
    encoder_parameters,
    seconds: Object.values(stages).reduce((sum, seconds) => sum + seconds, 0),
    cpu_s: cpuSeconds,
    train_s,
    stages,
    predicted_cost,
    predicted_memory_mb,
    peak_rss_mb,
    new_tokens,
    length_ratio,
    chosen,
    evaluations: [...result.evaluations],
  };
}
