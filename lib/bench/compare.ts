/** Whether something became slower, in spite of noise. */
import { AdaptuneError } from '../errors.js';
import type { Report, Result, Trial } from './report.js';
import { median } from './statistics.js';

export interface Difference {
  name: string;
  threads: number;
  /** Medians now and before, each as a multiple of what multiply-adds in registers took in the same process where both know. */
  ratio: number;
  /** same: the trials overlap, or the medians differ by less than `LEAST`. */
  verdict: 'slower' | 'faster' | 'same';
}

export interface Comparison {
  differences: Difference[];
  /** Of what was run now: not in the older result. */
  fresh: string[];
  notes: string[];
}

/** Smaller differences have no consequence, however well they are measured. */
const LEAST = 0.03;
/** A single trial says nothing of its noise: such differences have to be larger. */
const LEAST_ALONE = 0.1;

/**
 * A shared machine is now faster, now slower, as a whole. The seconds of a trial times the FLOP/s of multiply-adds, measured in
 * the same process, is what the trial cost in units that such changes leave alone.
 */
function costs(trials: readonly Trial[], relative: boolean): number[] {
  return trials.map(({ seconds, peak }) => (relative ? seconds * peak! : seconds));
}

function difference(before: Result, now: Result): Difference {
  const relative = [...before.trials, ...now.trials].every(({ peak }) => peak !== undefined);
  const [old, recent] = [costs(before.trials, relative), costs(now.trials, relative)];
  const ratio = median(recent) / median(old);
  const least = Math.min(old.length, recent.length) > 1 ? LEAST : LEAST_ALONE;
  const slower = ratio > 1 + least && Math.min(...recent) > Math.max(...old);
  const faster = ratio < 1 / (1 + least) && Math.max(...recent) < Math.min(...old);
  return {
    name: now.name,
    threads: now.threads,
    ratio,
    verdict: slower ? 'slower' : faster ? 'faster' : 'same',
  };
}

const keyOf = ({ name, engine, threads }: Result) => JSON.stringify([name, engine, threads]);

/** Our own results; E_ARGUMENT when the two are not of the same work. */
export function compare(before: Report, now: Report): Comparison {
  const settings = (report: Report) => JSON.stringify(report['settings'] ?? null);
  if (before.what !== now.what || settings(before) !== settings(now))
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected an earlier result of ${now.what} with the settings ${settings(now)} but received ${before.what} with ${settings(before)}`,
    );
  const known = new Map(before.results.map((result) => [keyOf(result), result]));
  const ours = now.results.filter(({ engine }) => engine === 'adaptune');
  const pairs = ours.flatMap((result) => {
    const old = known.get(keyOf(result));
    return old ? [difference(old, result)] : [];
  });
  const machine = ({ machine }: Report) => `${machine.cpu}, ${machine.isa}`;
  return {
    differences: pairs,
    fresh: ours.filter((result) => !known.has(keyOf(result))).map(({ name, threads }) => `${name}, ${threads} threads`),
    notes:
      machine(before) === machine(now)
        ? []
        : [`measured on another machine: ${machine(before)} then, ${machine(now)} now; memory and caches differ too`],
  };
}
