/** Names and settings of low-rank adapters, as the addon takes them. */

/** Matrices of a layer that can have a low-rank adapter, in the order of a pass; native/model/adapters.h. */
export const ADAPTER_TARGETS = ['query', 'key', 'value', 'output', 'up', 'down'] as const;
export type AdapterTarget = (typeof ADAPTER_TARGETS)[number];

export interface AdapterSettings {
  rank: number;
  /** The adapter's product is multiplied with alpha / rank. */
  alpha: number;
  /** Of the adapters' input. */
  dropout: number;
}
