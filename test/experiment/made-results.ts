/** Results that no run made. */
import { ranges, type RunResult } from '../../lib/experiment/result.js';

/** sha256 of the test texts. */
export const TEST = 'c'.repeat(64);

/** A finished run of two layers with two groups and eight neurons each. */
export function made(
  name: string,
  seed: number,
  score: number,
  more: Partial<RunResult> & { seconds?: number } = {},
): RunResult {
  const { seconds = 100, ...rest } = more;
  const scores = { rows: 4, macro_f1: score, micro_f1: score + 0.01, loss: 0.5 };
  return {
    version: 1,
    experiment: 'x',
    id: `d_${name}_seed-${seed}`,
    kind: 'run',
    data: 'd',
    sample: null,
    name,
    method: name,
    seed,
    options: { lr: null, epochs: 4 },
    key: { config: '', model: '', data: { 'test.jsonl': TEST }, version: '0.1.0', commit: 'abc' },
    search: null,
    model: 'm',
    machine: { cpu: 'c', isa: 'avx2', threads: 2, node: 'v20' },
    finished: '2020-01-02T00:00:00.000Z',
    resumed: false,
    plan_hash: '',
    same_as: null,
    failed: null,
    metrics: {
      validation: { ...scores, macro_f1: score - 0.1 },
      test: scores,
      texts_seen: 40,
      base_tokens_seen: 400,
      rows: { train: 10, validation: 4, test: 4 },
      trainable: 10,
      encoder_trainable: 5,
      parameters: 100,
      encoder_parameters: 50,
      seconds,
      cpu_s: null,
      train_s: 50,
      stages: {},
      predicted_cost: 0.5,
      predicted_memory_mb: 100,
      peak_rss_mb: 200,
      new_tokens: 0,
      length_ratio: 1,
      chosen: { epoch: 4, by: 'last epoch' },
      evaluations: [],
    },
    units: null,
    selection: null,
    predicted: null,
    notes: [],
    ...rest,
  };
}

export const units = (neurons: number[][], groups: number[][]): RunResult['units'] => ({
  neurons: neurons.map(ranges),
  groups: groups.map(ranges),
  of: { groups: 2, neurons: 8 },
  weights: { group: 10, neuron: 1 },
});
