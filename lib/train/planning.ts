/** From an encoder and the training texts to the plan: head fit, sensitivity and selection, as the method asks for them. */
import type { Encoder } from '../model/encoder.js';
import type { TensorSource } from '../model/safetensors.js';
import { ADAPTER_TARGETS } from '../native/adapters.js';
import type { Encoding } from '../model/tokenization.js';
import { leastCost, unreachable, type Workload } from '../select/cost.js';
import { diagnoseSelection, type SelectionDiagnostics } from '../select/diagnostics.js';
import { methodOf } from '../select/methods.js';
import { defaultRates, makePlan, type Plan, type PlanRequest, tokenPhaseSteps } from '../select/plan.js';
import { moduleSensitivity, randomScores, scoreUnits, type LayerScores } from '../select/scores.js';
import { unitMap, type UnitMap } from '../select/unit-map.js';
import type { LayerSelection } from '../select/units.js';
import { CALIBRATION_TEXTS, measureSensitivity, type Sensitivity } from './calibrate.js';
import { checkLoss } from './divergence.js';
import type { EncodedPart } from './evaluate.js';
import { fitHead, HEAD_FIT_PASSES, HEAD_FIT_TEXTS } from './head-fit.js';
import type { ResolvedOptions } from './options.js';
import { choosesAgain } from './reselect.js';
import type { Run } from './run.js';
import { stratifiedHalves } from './split.js';

export interface Planning {
  run: Run;
  encoder: Encoder;
  train: EncodedPart;
  options: ResolvedOptions;
  /** First new row of the word table, -1 without new tokens. */
  newRowsFirst: number;
  /** Of the whole run. */
  steps: number;
}

const HEAD_PARAMETERS = ['pooler.dense.weight', 'pooler.dense.bias', 'classifier.weight', 'classifier.bias'] as const;

/** Pooler and classifier, for checkpoints before the first step. */
export function headTensors(encoder: Encoder): TensorSource[] {
  const shapes = new Map(encoder.parameters().map(({ name, shape }) => [name, shape]));
  return HEAD_PARAMETERS.map((name) => ({ name, shape: shapes.get(name)!, read: () => encoder.get(name) }));
}

/** E_COST_UNREACHABLE when no selection is as cheap as asked for: known before anything is measured. */
export function checkReachable(planning: Planning): void {
  const { method, cost, granularity } = planning.options;
  if (!methodOf(method).bounded || cost === null) return;
  const work = workload(planning);
  const least = leastCost(planning.encoder.config, work, granularity);
  if (cost < least) throw unreachable(cost, least, work);
}

export async function fitHeadStage({ run, encoder, train, options }: Planning): Promise<void> {
  const { encodings, labels } = train;
  const [a, b] = stratifiedHalves(labels, HEAD_FIT_TEXTS, { seed: options.seed, stream: 'sample' });
  const rows = [...a, ...b];
  const sample = rows.map((row) => encodings[row]!);
  const gold = Int32Array.from(rows, (row) => labels[row]!);
  const loss = await run.stage('head fit', (report) =>
    fitHead(encoder, sample, gold, options, {
      signal: run.signal,
      onProgress: (done, total, loss) => report(done, total, loss === undefined ? {} : { loss }),
    }),
  );
  checkLoss(loss, encoder.config.classes, 'at the end of the head fit');
}

interface Selected {
  /** Null: the method does not choose among units. */
  selection: LayerSelection[] | null;
  diagnostics: SelectionDiagnostics | null;
  /** Null: the method measures none. */
  units: UnitMap | null;
}

const ofModules = ({ whole, halves: [first, second] }: Sensitivity): Sensitivity => ({
  whole: moduleSensitivity(whole),
  halves: [moduleSensitivity(first), moduleSensitivity(second)],
});

/** The units that the method trains. */
export async function selectStage(planning: Planning): Promise<Selected> {
  const { run, encoder, train, options } = planning;
  const { config } = encoder;
  const method = methodOf(options.method);
  const { units } = method;
  if (typeof units === 'string') return { selection: null, diagnostics: null, units: null };
  const work = workload(planning);
  const choose = (scores: readonly LayerScores[]) => units({ config, options, scores, work });
  const { score } = options;
  if (score === 'random' || !method.measures(options))
    return { selection: choose(randomScores(config, options.seed)), diagnostics: null, units: null };
  const halves = stratifiedHalves(train.labels, CALIBRATION_TEXTS, { seed: options.seed, stream: 'calibration' });
  const measured = await run.stage('calibrate', (report) =>
    measureSensitivity(encoder, train.encodings, train.labels, halves, options, {
      signal: run.signal,
      onProgress: report,
    }),
  );
  return run.stage<Selected>('select', () => {
    const { whole, halves } = options.granularity === 'module' ? ofModules(measured) : measured;
    const form = { ...options, score };
    const scores = scoreUnits(whole, form);
    const selection = choose(scores);
    const units = unitMap(whole, scores, selection, options.dispersion);
    if (!method.followsScores) return Promise.resolve({ selection, diagnostics: null, units });
    const diagnostics = diagnoseSelection(config, whole, halves, form, choose);
    for (const warning of diagnostics.warnings) run.note(warning);
    return Promise.resolve({ selection, diagnostics, units });
  });
}

const loraOf = ({ loraR, loraAlpha, loraDropout, loraTargets }: ResolvedOptions): PlanRequest['lora'] & {} => ({
  rank: loraR,
  alpha: loraAlpha,
  dropout: loraDropout,
  targets: ADAPTER_TARGETS.filter((target) => loraTargets.includes(target)),
});

export function planOf(planning: Planning, selection: readonly LayerSelection[] | null): Plan {
  const { encoder, options, newRowsFirst, steps } = planning;
  const { method, lr, headLr, tokenLr } = options;
  return makePlan(encoder.config, {
    method,
    ...(selection ? { selection } : {}),
    newRowsFirst,
    steps,
    ...(methodOf(method).adapters && { lora: loraOf(options) }),
    rates: { units: lr ?? defaultRates(method, encoder.config.hidden).units, head: headLr, rows: tokenLr },
    work: workload(planning),
  });
}

/** With the token phase in whole steps, as the plan will have it. */
function workload({ train, options, newRowsFirst, steps }: Planning): Workload {
  const tokenSteps = newRowsFirst < 0 ? 0 : tokenPhaseSteps(steps, options.tokenPhase);
  return workloadOf(train.encodings, options, tokenSteps / steps);
}

/** What a run on these texts works through. */
export function workloadOf(
  encodings: readonly Encoding[],
  options: Pick<ResolvedOptions, 'method' | 'layersBy' | 'score' | 'maxLength' | 'epochs' | 'prefixCache' | 'reselect'>,
  tokenPhase: number,
): Workload {
  const texts = encodings.length;
  const { headFit, measures } = methodOf(options.method);
  const calibrations = measures(options) ? (choosesAgain(options, tokenPhase) ? 2 : 1) : 0;
  return {
    lengths: encodings.map(({ ids }) => ids.length),
    baseLengths: encodings.map(({ baseTokens }) => Math.min(baseTokens, options.maxLength)),
    epochs: options.epochs,
    headFitTexts: headFit ? Math.min(texts, HEAD_FIT_TEXTS) : 0,
    headFitPasses: headFit ? HEAD_FIT_PASSES : 0,
    calibrationTexts: calibrations * Math.min(texts, CALIBRATION_TEXTS),
    tokenPhase,
    prefixCache: options.prefixCache === 'auto',
  };
}
