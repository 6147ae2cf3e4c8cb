/** What report.json holds of a run: all that its report needs and adaptune.json does not say. */
import type { TokenReport } from '../mining/index.js';
import type { Encoding } from '../model/tokenization.js';
import type { EncoderConfig } from '../native/binding.js';
import type { Details, Mistake } from '../report/data.js';
import { predictCostParts } from '../select/cost.js';
import { tokenStepsOf, type Plan } from '../select/plan.js';
import type { UnitMap } from '../select/unit-map.js';
import { meansOf, stepsOfPoint } from './curve.js';
import { corpusOf, type Inputs } from './inputs.js';
import { lengthsOf } from './lengths.js';
import type { MemoryPlan } from './memory.js';
import type { ResolvedOptions } from './options.js';
import { workloadOf } from './planning.js';
import type { RunProgress } from './state.js';
import { contextOf } from './token-context.js';

/** Tokens that are shown with an example. */
const EXAMPLES = 100;

export interface ReportParts {
  options: ResolvedOptions;
  inputs: Inputs;
  /** Of the training texts. */
  encodings: readonly Encoding[];
  config: EncoderConfig;
  plan: Plan;
  progress: RunProgress;
  units: UnitMap | null;
  mined: readonly TokenReport[];
  memory: MemoryPlan;
  scored: Details['scored'];
  mistakes: Mistake[];
}

export function runDetails(parts: ReportParts): Details {
  const { options, inputs, encodings, config, plan, progress, units, mined, memory, scored, mistakes } = parts;
  const steps = plan.phases.reduce((sum, phase) => sum + phase.steps, 0);
  const tokenSteps = tokenStepsOf(plan);
  const lora = plan.lora ? { rank: plan.lora.rank, targets: plan.layers[0]!.adapters ?? [] } : null;
  const work = workloadOf(encodings, options, tokenSteps / steps);
  const texts = corpusOf(inputs);
  return {
    version: 1,
    losses: { steps: stepsOfPoint(steps), means: meansOf(progress.curve) },
    scored,
    mistakes,
    lengths: lengthsOf(encodings),
    sizes: { groups: config.kvHeads, neurons: config.feedForward },
    units,
    examples: mined.slice(0, EXAMPLES).map(({ example }) => contextOf(example, texts)),
    predictedCost: predictCostParts(config, plan.layers, work, plan.embeddings, lora),
    memory,
  };
}
