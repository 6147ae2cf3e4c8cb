/** What a search found: the trial with the highest validation macro-F1. Test texts have no part in it. */
import type { OptionValue } from '../util/options.js';
import type { SearchSpec } from './grid.js';
import type { RunResult } from './result.js';

export type Found = NonNullable<RunResult['search']>;

/** Null while a trial has no result, and when every one diverged. Of equal ones the first, in the order of the configuration. */
export function winnerOf(
  { trials }: SearchSpec,
  options: readonly string[],
  read: (id: string) => RunResult | null,
): Found | null {
  const tried: Found['tried'] = [];
  for (const trial of trials) {
    const result = read(trial.id);
    if (!result) return null;
    const own = Object.fromEntries(options.map((option) => [option, trial.options[option] as OptionValue & Json]));
    tried.push({ options: own, validation_macro_f1: result.metrics?.validation.macro_f1 ?? null });
  }
  const best = Math.max(...tried.map(({ validation_macro_f1: score }) => score ?? -Infinity));
  const winner = tried.find(({ validation_macro_f1: score }) => score === best);
  return winner ? { winner: winner.options, tried } : null;
}

type Json = Found['winner'][string];
