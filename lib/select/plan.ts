/**
 * The plan file: what trains, in which phases, at which rates. Every method emits one, the trainer reads nothing else.
 */
export interface LayerPlan {
  /** Attention groups (a key/value head with its query heads), ascending. */
  groups: number[];
  /** Feed-forward neurons, ascending. */
  neurons: number[];
  /** All biases and both LayerNorms: true in layers at or above the floor. */
  extras: boolean;
}

export interface Plan {
  version: 1;
  method: string;
  layers: LayerPlan[];
  /** The lowest layer with a selected unit; `layers.length` when none is selected. */
  floor: number;
  /** Word, position and type tables and the embedding LayerNorm train (`full` only). */
  embeddings: boolean;
  /** First new row of the word table, -1 without new tokens. */
  newRowsFirst: number;
  head: boolean;
  /** In order; new rows train in `tokens` only, all else in both. */
  phases: { name: 'tokens' | 'units'; steps: number }[];
  rates: { units: number; head: number; rows: number };
  counts: { trainable: number; parameters: number; encoderTrainable: number; encoderParameters: number };
  /** Fraction of full finetuning's cost, METHOD.md 4. */
  predictedCost: number;
}
