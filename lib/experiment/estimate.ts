/** How long runs will take: as long, by epoch and text, as the finished ones of the same data and method. */
import { TRAIN_OPTIONS } from '../train/options.js';
import { presetOptions } from '../util/options.js';
import type { ExperimentConfig } from './config.js';
import type { RunSpec } from './grid.js';
import type { RunResult } from './result.js';

type Timed = Pick<RunSpec, 'data' | 'method' | 'sample' | 'options'>;

/** Epochs over all training texts. */
function passes({ sample, options }: Timed): number {
  const epochs = options['epochs'] ?? presetOptions(TRAIN_OPTIONS, options)['epochs'];
  return (typeof epochs === 'number' ? epochs : TRAIN_OPTIONS.epochs.default) * (sample?.share ?? 1);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

export class Estimator {
  /** Seconds a pass, of finished runs, by data set and method. */
  readonly #measured = new Map<string, Map<string, number[]>>();

  constructor(private readonly told: ExperimentConfig['seconds']) {}

  learn({ data, method, sample, options, metrics, same_as }: RunResult): void {
    if (!metrics || same_as !== null) return;
    const methods = this.#measured.get(data) ?? new Map<string, number[]>();
    this.#measured.set(data, methods);
    const epochs = { epochs: options['epochs'] as number };
    const pace = metrics.seconds / passes({ data, method, sample, options: epochs });
    methods.set(method, [...(methods.get(method) ?? []), pace]);
  }

  /** Seconds; null when nothing is known of the data set. A method that nothing is known of takes as long as the slowest. */
  expected(run: Timed): number | null {
    const measured = this.#measured.get(run.data);
    const told = this.told.get(run.data);
    const own = measured?.get(run.method);
    const paces = [...(measured?.values() ?? [])].map(mean);
    const known = own ? mean(own) : told?.get(run.method);
    const pace = known ?? Math.max(...paces, ...(told?.values() ?? []));
    return Number.isFinite(pace) ? pace * passes(run) : null;
  }

  /** Null when one of them is not known. */
  total(runs: readonly Timed[]): number | null {
    return runs.reduce<number | null>((sum, run) => {
      const seconds = this.expected(run);
      return sum === null || seconds === null ? null : sum + seconds;
    }, 0);
  }
}
