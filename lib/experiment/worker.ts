/**
 * The process of one run, started by process.ts: trains, and answers with figures. A process of its own, so that its peak
 * memory is the run's, and so that what goes wrong in it ends nothing else.
 */
import { AdaptuneError, type ErrorCode } from '../errors.js';
import { groupWeights, neuronWeights } from '../select/units.js';
import { train } from '../train/job.js';
import type { TrainOptions } from '../train/options.js';
import type { TrainResult } from '../train/result.js';
import type { PlanEvent, TestEvent, TrainEvent } from '../train/run.js';
import { ranges, type RunUnits } from './result.js';

export interface Request {
  options: TrainOptions;
  /** Plans that are trained already, with the run that did: `options` are not trained again for one of these. */
  known: [hash: string, id: string][];
}

export type Answer =
  | { type: 'progress'; event: TrainEvent }
  | { type: 'note'; text: string }
  | { type: 'done'; plan: PlanFacts; result: TrainResult; gold: number[]; predicted: number[]; cpuSeconds: number }
  | { type: 'same'; plan: PlanFacts; id: string }
  | { type: 'failed'; code: ErrorCode; message: string; plan: PlanFacts | null };

export interface PlanFacts {
  hash: string;
  units: RunUnits;
  diagnostics: PlanEvent['diagnostics'];
}

/** Thrown out of `train` when another run has the same plan. */
class SamePlan extends Error {
  constructor(readonly id: string) {
    super(`the plan of ${id}`);
  }
}

const send = (answer: Answer) => process.send!(answer);

function factsOf({ plan, hash, config, diagnostics }: PlanEvent): PlanFacts {
  return {
    hash,
    diagnostics,
    units: {
      groups: plan.layers.map((layer) => ranges(layer.groups)),
      neurons: plan.layers.map((layer) => ranges(layer.neurons)),
      of: { groups: config.kvHeads, neurons: config.feedForward },
      weights: { group: groupWeights(config), neuron: neuronWeights(config) },
    },
  };
}

async function work({ options, known }: Request, signal: AbortSignal): Promise<Answer> {
  const trained = new Map(known);
  let plan: PlanFacts | null = null;
  let test: TestEvent | null = null;
  try {
    const result = await train({
      ...options,
      signal,
      onProgress: (event) => send({ type: 'progress', event }),
      onNote: (text) => send({ type: 'note', text }),
      onPlan: (event) => {
        plan = factsOf(event);
        const id = trained.get(event.hash);
        if (id !== undefined) throw new SamePlan(id);
      },
      onTest: (event) => (test = event),
    });
    const { gold, predicted } = (test as TestEvent | null) ?? { gold: [], predicted: [] };
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    return { type: 'done', plan: plan!, result, gold: Array.from(gold), predicted: Array.from(predicted), cpuSeconds };
  } catch (error) {
    if (error instanceof SamePlan) return { type: 'same', plan: plan!, id: error.id };
    const code = error instanceof AdaptuneError ? error.code : 'E_INTERNAL';
    return { type: 'failed', code, message: error instanceof Error ? error.message : String(error), plan };
  }
}

const controller = new AbortController();
// A terminal sends Ctrl-C to all its processes: the one that started this one decides.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
// The channel closes when that process ends: at once after it said stop, with a checkpoint otherwise.
process.on('disconnect', () => (controller.signal.aborted ? process.exit() : controller.abort()));
async function answer(request: Request): Promise<void> {
  const last = await work(request, controller.signal);
  process.removeAllListeners('disconnect');
  if (process.connected) process.send!(last, () => process.disconnect());
}

process.on('message', (message: Request | 'stop') => {
  if (message === 'stop') controller.abort();
  else void answer(message);
});
