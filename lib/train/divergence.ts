/**
 * When a run has diverged although every number is finite. AdamW moves each weight by up to the rate in a step, whatever the
 * gradient. An encoder that this destroyed is not seen in the loss: LayerNorm takes the scale away and tanh bounds what the
 * head gets, so that the loss stays near that of guessing. Its matrices are measured instead. Those of the head are
 * not: on separable texts they may grow for ever; but the loss of a head that is out of bounds is out of bounds too.
 *
 * The bounds are far from what useful runs do: at the default rates a matrix grows by a few percent, and where the rates
 * are too high for anything to be learned, but not absurd, by up to 80 times.
 */
import { AdaptuneError } from '../errors.js';
import type { TensorSource } from '../model/safetensors.js';
import type { Plan } from '../select/plan.js';
import type { Metrics } from './metrics.js';

/** Growth of a matrix's root mean square, and multiple of the loss of guessing, that end a run. */
const GROWTH_MAX = 100;
/** Standard deviation of BERT's first weights: the size of a matrix that is smaller, such as one of zeros, for its growth. */
const USUAL_SIZE = 0.02;

function rootMeanSquare(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum / Math.max(1, values.length));
}

/** Lets only sound weights pass into a checkpoint. */
export class WeightWatch {
  private constructor(private readonly sizes: ReadonlyMap<string, number>) {}

  /** `matrices`: the encoder's trained ones before the first step, under the names that checkpoints give them. */
  static async begin(matrices: readonly TensorSource[]): Promise<WeightWatch> {
    const sizes = new Map<string, number>();
    for (const matrix of matrices) sizes.set(matrix.name, rootMeanSquare(await matrix.read()));
    return new WeightWatch(sizes);
  }

  /** The same tensors; reading one is E_DIVERGED when a value is not finite or the matrix has outgrown its bound. */
  watched(tensors: readonly TensorSource[]): TensorSource[] {
    return tensors.map((tensor) => ({ ...tensor, read: async () => this.#check(tensor.name, await tensor.read()) }));
  }

  #check(name: string, values: Float32Array): Float32Array {
    const size = rootMeanSquare(values);
    if (!Number.isFinite(size)) {
      throw new AdaptuneError('E_DIVERGED', `expected finite weights and moments, came ${size} as the size of ${name}`);
    }
    const first = this.sizes.get(name);
    if (first !== undefined && size > GROWTH_MAX * Math.max(first, USUAL_SIZE)) {
      throw new AdaptuneError(
        'E_DIVERGED',
        `expected weights of about the size that they had, but the root mean square of ${name.replace('value/', '')} went from ${first.toPrecision(2)} to ${size.toPrecision(2)}`,
      );
    }
    return values;
  }
}

export const soundLoss = (loss: number, classes: number): boolean => loss <= GROWTH_MAX * Math.log(classes);

/** E_DIVERGED unless `loss`, a mean over texts, is within bounds. `what`: where it comes from. */
export function checkLoss(loss: number, classes: number, what: string): void {
  if (soundLoss(loss, classes)) return;
  const guessing = Math.log(classes);
  throw new AdaptuneError(
    'E_DIVERGED',
    `expected a loss near or below ${guessing.toPrecision(2)}, that of guessing one of ${classes} labels, ` +
      `came ${loss.toPrecision(3)} ${what}`,
  );
}

export const isDiverged = (error: unknown): error is AdaptuneError =>
  error instanceof AdaptuneError && error.code === 'E_DIVERGED';

/** `error` with what to do: a run keeps its rates, and resumed at these it takes the same steps again. */
export function diverged(error: AdaptuneError, rates: Partial<Plan['rates']>, lastGood: string | null): AdaptuneError {
  const options = { units: 'lr', head: 'headLr', rows: 'tokenLr' } satisfies Record<keyof Plan['rates'], string>;
  const shown = Object.entries(rates).map(([group, rate]) => `${options[group as keyof Plan['rates']]} ${rate}`);
  return new AdaptuneError(
    'E_DIVERGED',
    `${error.message} (${shown.join(', ')}). The last good checkpoint, ${lastGood}, is kept; --resume would take ` +
      'the same steps from it: begin anew with a lower rate, after deleting the folder or in another one',
    { cause: error },
  );
}

/** A remark when nothing was learned, else null: training loss and validation labels are those of a guess. */
export function nothingLearned(trainLabels: Int32Array, loss: number, { perClass, rows }: Metrics): string | null {
  const counts = new Map<number, number>();
  for (const label of trainLabels) counts.set(label, (counts.get(label) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / trainLabels.length) * Math.log(count / trainLabels.length);
  if (loss < entropy || !perClass.some(({ predicted }) => predicted === rows)) return null;
  return (
    `nothing was learned: the last epoch's training loss, ${loss.toFixed(3)}, is not below that of guessing by the labels' ` +
    `frequencies, ${entropy.toFixed(3)}, and all validation texts get one label; other rates or more epochs may help`
  );
}
