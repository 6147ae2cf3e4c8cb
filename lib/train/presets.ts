/** Presets: defaults of several options under one name. A new one is a row here, and nothing else. */
import { kebab, type OptionValue, type Presets } from '../util/options.js';

export const PRESETS = {
  // docs/results.md: half the epochs cost less F1 than any other way to halve the work.
  fast: { epochs: 2, newTokens: 0 },
  // The most literal reading of AdaPT (arXiv 2508.08635), where it leaves its formulas open; its budgets are 0.05 to 0.2.
  paper: { gapped: 'first', init: 'random', dispersion: 'feature', score: 'sum', granularity: 'module' },
} satisfies Presets;

export const PRESET_NAMES = Object.keys(PRESETS) as (keyof typeof PRESETS)[];

/** "--gapped first, --init random, ..." */
export function presetText(name: string): string {
  const set: Readonly<Record<string, OptionValue>> = PRESETS[name as keyof typeof PRESETS];
  return Object.entries(set)
    .map(([option, value]) => `--${kebab(option)} ${String(value)}`)
    .join(', ');
}

export const presetsText = (): string => PRESET_NAMES.map((name) => `${name}: ${presetText(name)}.`).join(' ');
