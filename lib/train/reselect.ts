/**
 * Choosing the units again in the middle of a run. What trained and is not chosen any more keeps the weights that it has and
 * trains no further; from then on checkpoints hold the layers whole, because their plan does not say what moved before it.
 */
import type { Encoder } from '../model/encoder.js';
import type { TensorSource } from '../model/safetensors.js';
import { methodOf } from '../select/methods.js';
import { tokenStepsOf, type Plan } from '../select/plan.js';
import type { ResolvedOptions } from './options.js';

type Options = Pick<ResolvedOptions, 'method' | 'layersBy' | 'score' | 'reselect' | 'epochs'>;

/** Does the moment come, and is there a step after it? `tokenPhase`: share of the steps. */
export function choosesAgain(options: Options, tokenPhase: number): boolean {
  const { bounded, followsScores, measures } = methodOf(options.method);
  const { reselect, epochs } = options;
  if (reselect === null || !bounded || !followsScores || !measures(options)) return false;
  return reselect === 'tokens' ? tokenPhase > 0 && tokenPhase < 1 : reselect < epochs;
}

/** Steps before the second choice; null where there is none. */
export function reselectStep(options: Options, plan: Pick<Plan, 'phases'>, perEpoch: number): number | null {
  const tokenSteps = tokenStepsOf(plan);
  const steps = plan.phases.reduce((sum, phase) => sum + phase.steps, 0);
  if (!choosesAgain(options, tokenSteps / steps)) return null;
  return options.reselect === 'tokens' ? tokenSteps : options.reselect! * perEpoch;
}

/**
 * Does a slice of this name train the same weights under both plans? Then its moments go on. A slice whose units changed
 * begins anew: its moments are kept in one block with one count of steps, and have no meaning for a unit that just came.
 */
export function sameSlice(name: string, before: Pick<Plan, 'layers'>, after: Pick<Plan, 'layers'>): boolean {
  const place = /^encoder\.layer\.(\d+)\.(.*)$/.exec(name);
  if (!place || place[2]!.endsWith('.bias') || place[2]!.includes('LayerNorm')) return true;
  const kind = place[2]!.startsWith('attention.') ? 'groups' : 'neurons';
  const [a, b] = [before, after].map(({ layers }) => layers[Number(place[1])]![kind]);
  return a!.length === b!.length && a!.every((unit, i) => unit === b![i]);
}

/** Of a tensor of the layers in a checkpoint. */
export const wholeName = (name: string): string => `whole/${name}`;

/** All weights of all layers, for checkpoints. */
export function layerTensors(encoder: Encoder): TensorSource[] {
  const layers = encoder.parameters().filter(({ name }) => name.startsWith('encoder.layer.'));
  return layers.map(({ name, shape }) => ({ name: wholeName(name), shape, read: () => encoder.get(name) }));
}

/** What `layerTensors` put into a checkpoint; nothing where it put in none. */
export async function restoreLayers(encoder: Encoder, tensors: ReadonlyMap<string, Float32Array>): Promise<void> {
  for (const { name } of encoder.parameters()) {
    const values = tensors.get(wholeName(name));
    if (values) await encoder.set(name, values);
  }
}
