/** Learning-rate schedules: linear warm-up, then linear decay to (almost) zero. Steps count from 0. */
import type { Plan } from '../select/plan.js';

/** Steps of warm-up: at least one, so that the first step is never taken at rate 0. */
export const warmupSteps = (steps: number, warmup: number): number => Math.max(1, Math.round(warmup * steps));

/** min((s + 1) / warm, (steps - s) / (steps - warm)), the factor that the peak rate is multiplied with in step s. */
export function linearSchedule(step: number, steps: number, warmup: number): number {
  const warm = warmupSteps(steps, warmup);
  return Math.max(0, Math.min((step + 1) / warm, (steps - step) / Math.max(1, steps - warm)));
}

/** Units and head follow one schedule over the whole run; new rows have their own inside the token phase. */
export function ratesAt(
  step: number,
  steps: number,
  tokenSteps: number,
  warmup: number,
  peak: Plan['rates'],
): Plan['rates'] {
  const factor = linearSchedule(step, steps, warmup);
  return {
    units: peak.units * factor,
    head: peak.head * factor,
    rows: step < tokenSteps ? peak.rows * linearSchedule(step, tokenSteps, warmup) : 0,
  };
}
