import type { OptionTable } from '../../util/options.js';

export const DEVICE_OPTIONS = {
  device: { type: 'choice', choices: ['auto', 'cpu'], default: 'auto', help: 'where to compute' },
  threads: {
    type: 'integer',
    min: 1,
    max: 256,
    value: 'N',
    help: 'threads; default: what CPU quota and affinity allow',
  },
} as const satisfies OptionTable;
