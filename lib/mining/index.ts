export { type Pattern, comparePatterns } from './collector.js';
export { MINING_DEFAULTS, type MiningOptions, type MiningProgress, resolveSupport } from './options.js';
export { mineClosedSequences, mineSequences, type MiningResult } from './mine.js';
export { formatSpmf, parseSpmf } from './spmf.js';
