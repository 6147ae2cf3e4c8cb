/**
 * The loop over steps: token phase, units phase, an evaluation at each epoch's end, checkpoints. Everything that decides a
 * step (rows, rates, dropout) is a function of the seed and the step's number, so that a run continued from a checkpoint
 * takes the same steps as one that was never stopped.
 */
import { AdaptuneError } from '../errors.js';
import type { Encoder } from '../model/encoder.js';
import type { StepOptions, StepResult } from '../native/binding.js';
import { tokenStepsOf, trainsEncoder, type Plan } from '../select/plan.js';
import type { TrainBatches } from './batches.js';
import { addToCurve } from './curve.js';
import { evaluateEncoded, type EncodedPart } from './evaluate.js';
import type { ResolvedOptions } from './options.js';
import type { Report, Run, TrainStage } from './run.js';
import { ratesAt } from './schedule.js';
import { checkpointName } from './checkpoint.js';
import { checkLoss, soundLoss } from './divergence.js';
import type { Trainer } from './trainer.js';

/** Steps in a row without a finite loss and gradient that end the run. */
const SKIPPED_MAX = 3;

export interface Finetuning {
  run: Run;
  encoder: Encoder;
  trainer: Trainer;
  plan: Plan;
  batches: TrainBatches;
  validation: EncodedPart;
  labels: readonly string[];
  options: Pick<ResolvedOptions, 'epochs' | 'seed' | 'weightDecay' | 'clip' | 'warmup' | 'saveEvery'>;
  /** Steps done before. */
  step: number;
  /** Steps that there are to be done: all of the run, or those before units are chosen again. */
  until: number;
  /** Writes a checkpoint after `step` steps; false when it failed and training may go on without it. */
  save(step: number, why: 'periodic' | 'required'): Promise<boolean>;
}

export async function finetune(job: Finetuning): Promise<void> {
  const { run, trainer, plan, batches, options } = job;
  const steps = batches.perEpoch * options.epochs;
  const tokenSteps = tokenStepsOf(plan);
  let step = job.step;
  let saved = step > 0 ? step : -1;
  const save = async (why: 'periodic' | 'required'): Promise<void> => {
    if (saved === step) return;
    await job.encoder.trim(); // saving and evaluating take memory where steps have theirs
    if (await job.save(step, why)) saved = step;
  };

  if (trainer.rowsActive && step >= tokenSteps) await trainer.freezeRows();
  for (;;) {
    const evaluated = run.progress.evaluations.length;
    if (step > 0 && step % batches.perEpoch === 0 && evaluated < step / batches.perEpoch) {
      await save('required');
      await run.stage('evaluate', (report) => evaluateEpoch(job, step, report));
    }
    if (step === job.until) return;
    // Up to the next thing that is not a step: the end of the phase, of the epoch, or of this part of the run.
    const phaseEnd = step < tokenSteps ? tokenSteps : steps;
    const end = Math.min(job.until, phaseEnd, (Math.floor(step / batches.perEpoch) + 1) * batches.perEpoch);
    const stage: TrainStage = step < tokenSteps ? 'tokens' : 'units';
    await run.stage(stage, async (report) => {
      while (step < end) {
        if (run.signal?.aborted) {
          await save('required');
          run.signal.throwIfAborted();
        }
        await takeStep(job, step, steps, tokenSteps, report);
        step++;
        if (step === tokenSteps) await trainer.freezeRows();
        if (step === tokenSteps) await save('required');
        else if (step % options.saveEvery === 0 && step < end) await save('periodic');
      }
    });
  }
}

async function takeStep(
  job: Finetuning,
  step: number,
  steps: number,
  tokenSteps: number,
  report: Report,
): Promise<void> {
  const { run, trainer, plan, batches, options } = job;
  const lr = ratesAt(step, steps, tokenSteps, options.warmup, plan.rates);
  const begin = performance.now();
  const batch = batches.at(step);
  const { seed, weightDecay, clip } = options;
  const how: StepOptions = { seed, step, lr, weightDecay, clip, dropout: true };
  const result = await trainer.step(batch, how);
  run.progress.trainSeconds += (performance.now() - begin) / 1000;
  run.progress.baseTokens += batch.baseTokens;
  run.progress.cachedTexts += result.cached;
  countStep(job, step, steps, result);
  report(step + 1, steps, {
    loss: result.loss,
    lr: trainsEncoder(plan) ? lr.units : lr.head,
    epoch: Math.floor(step / batches.perEpoch) + 1,
    cached: result.cached,
  });
}

function countStep({ run, labels }: Finetuning, step: number, steps: number, result: StepResult): void {
  const { progress } = run;
  if (result.finite) {
    if (soundLoss(result.loss, labels.length)) run.confirmCheckpoint();
    progress.skipped = 0;
    progress.lossSum += result.loss;
    progress.lossSteps += 1;
    addToCurve(progress.curve, step, steps, result.loss);
    return;
  }
  progress.skipped += 1;
  run.note(
    `step ${step + 1}: no update, because loss ${result.loss} or gradient norm ${result.gradNorm} is not finite`,
  );
  if (progress.skipped < SKIPPED_MAX) return;
  throw new AdaptuneError(
    'E_DIVERGED',
    `expected a finite loss and gradient but ${SKIPPED_MAX} steps in a row up to step ${step + 1} had none`,
  );
}

/** Appends to the history; the best epoch is the first with the highest validation macro-F1. */
async function evaluateEpoch(job: Finetuning, step: number, report: Report): Promise<void> {
  const { run, encoder, validation, labels, batches } = job;
  const { progress } = run;
  const metrics = await evaluateEncoded(encoder, validation, labels, {
    signal: run.signal,
    onProgress: (done) => report(done, validation.encodings.length),
  }).catch((error: unknown) => {
    if (!(error instanceof AdaptuneError && error.code === 'E_MODEL_VALUE')) throw error;
    throw new AdaptuneError(
      'E_DIVERGED',
      `expected finite logits of the validation texts after step ${step}, came others`,
      { cause: error },
    );
  });
  checkLoss(metrics.loss, labels.length, `for the validation texts after step ${step}`);
  run.confirmCheckpoint();
  const epoch = step / batches.perEpoch;
  const loss = progress.lossSteps > 0 ? progress.lossSum / progress.lossSteps : 0;
  const { loss: validationLoss, macroF1, accuracy } = metrics;
  const evaluation = { epoch, step, loss, validationLoss, macroF1, accuracy };
  progress.evaluations.push(evaluation);
  progress.lossSum = 0;
  progress.lossSteps = 0;
  if (progress.best === null || macroF1 > progress.best.macroF1) {
    progress.best = { epoch, step, macroF1, checkpoint: checkpointName({ stage: 'train', step }) };
  }
  run.hooks.onEpoch?.({ ...evaluation });
}
