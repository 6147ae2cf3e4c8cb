/** `adaptune bench`: the contenders take turns, and their trials become figures. */
import { AdaptuneError } from '../errors.js';
import { type BenchOptions, contendersOf } from './contenders.js';
import { provenance, type Report, type Result, type Trial } from './report.js';
import { takeTurns, type Timed } from './rounds.js';
import type { What } from './settings.js';
import { geometricMean, median, spread } from './statistics.js';

export interface Hooks {
  signal: AbortSignal;
  onTrial: (done: number, total: number, name: string) => void;
}

export async function bench(what: What, options: BenchOptions, hooks: Hooks): Promise<Report> {
  const origin = provenance(['adaptune', ...process.argv.slice(2)]);
  const contenders = contendersOf(what, options).filter(
    ({ name, engine }) => options.only === null || `${name}, ${engine}`.includes(options.only),
  );
  if (contenders.length === 0)
    throw new AdaptuneError('E_ARGUMENT', `expected a part of a name for --only but received ${options.only}`);
  const timed = await takeTurns(contenders, options.rounds, hooks);
  const results = what === 'kernels' ? kernelResults(timed) : stepResults(timed);
  const { rounds, shape, lengths, batch, steps } = options;
  // What a later result must have in common to be compared.
  const settings = what === 'kernels' ? {} : { shape, lengths: lengthsWithoutFolder(lengths), batch, steps };
  return { what, ...origin, rounds, settings, ...summary(what, results), results };
}

const lengthsWithoutFolder = (text: string) => text.replace(/^data:.*\/(?=[^/])/, 'data:');

const four = (value: number) => Number(value.toPrecision(4));
const medianOf = (trials: readonly Trial[], value: (trial: Trial) => number) => four(median(trials.map(value)));

function basics({ contender, trials }: Timed): Result {
  const { name, engine, threads, facts } = contender;
  const seconds = trials.map((trial) => trial.seconds);
  return { name, engine, threads, seconds: four(median(seconds)), spread: four(spread(seconds)), ...facts, trials };
}

/** The same case by another engine, or with another number of threads. */
function sibling(timed: readonly Timed[], { contender }: Timed, engine: string, threads: number): Timed | undefined {
  return timed.find(
    ({ contender: other }) => other.name === contender.name && other.engine === engine && other.threads === threads,
  );
}

/** Median over the rounds, whose trials stood side by side. */
const ratioOf = (a: Timed, b: Timed, value: (trial: Trial) => number) =>
  four(median(a.trials.map((trial, i) => value(trial) / value(b.trials[i]!))));

function kernelResults(timed: readonly Timed[]): Result[] {
  return timed.map((one) => {
    const { contender, trials } = one;
    const { flops, bytes } = contender.facts as { flops: number; bytes: number };
    const rates = {
      ...basics(one),
      gflops: medianOf(trials, ({ seconds }) => flops / seconds / 1e9),
      gbytes: medianOf(trials, ({ seconds }) => bytes / seconds / 1e9),
    };
    if (contender.engine !== 'adaptune') return rates;
    const rival = sibling(timed, one, 'blas', contender.threads);
    const alone = contender.threads > 1 ? sibling(timed, one, 'adaptune', 1) : undefined;
    return {
      ...rates,
      share_of_peak: medianOf(trials, ({ seconds, peak }) => flops / seconds / peak!),
      peak_gflops: medianOf(trials, ({ peak }) => peak! / 1e9),
      ...(trials[0]!['plain_seconds'] !== undefined && {
        over_plain: four(median(trials.map((trial) => trial.seconds / Number(trial['plain_seconds'])))),
      }),
      ...(rival && { speedup: ratioOf(rival, one, ({ seconds }) => seconds) }),
      // 1: the threads gain what they gain in multiply-adds.
      ...(alone && { scaling: ratioOf(alone, one, ({ seconds, peak }) => seconds * peak!) }),
    };
  });
}

function stepResults(timed: readonly Timed[]): Result[] {
  const full = timed.find(({ contender }) => contender.engine === 'adaptune' && contender.name === 'full');
  return timed.map((one) => {
    const { contender, trials } = one;
    const common = {
      ...basics(one),
      tokens_per_s: medianOf(trials, (trial) => Number(trial['tokens_per_s'])),
      ...(trials.every((trial) => trial['peak_rss_mb'] !== undefined) && {
        peak_rss_mb: medianOf(trials, (trial) => Number(trial['peak_rss_mb'])),
      }),
    };
    if (contender.engine !== 'adaptune') return common;
    return {
      ...common,
      texts_per_s: medianOf(trials, (trial) => Number(trial['texts_per_s'])),
      gflops: medianOf(trials, (trial) => Number(trial['flops_per_s']) / 1e9),
      share_of_peak: medianOf(trials, (trial) => Number(trial['flops_per_s']) / trial.peak!),
      peak_gflops: medianOf(trials, ({ peak }) => peak! / 1e9),
      ...(full && {
        cost: four(median(trials.map(({ seconds }, i) => seconds / full.trials[i]!.seconds))),
        predicted_cost: medianOf(trials, (trial) => Number(trial['cost'])),
        ...(trials[0]!['three_epochs_cost'] !== undefined && {
          three_epochs: four(
            median(trials.map((trial, i) => Number(trial['three_epochs_seconds']) / full.trials[i]!.seconds)),
          ),
          predicted_three_epochs: medianOf(trials, (trial) => Number(trial['three_epochs_cost'])),
        }),
      }),
    };
  });
}

/** By number of threads: what multiply-adds reach, how products stand beside the other library's, and how cases scale. */
function summary(what: What, results: readonly Result[]): { summary?: Summary[] } {
  if (what !== 'kernels') return {};
  const counts = [...new Set(results.map(({ threads }) => threads))];
  return {
    summary: counts.map((threads) => {
      const values = (key: string) =>
        results.flatMap((result) => (result.threads === threads && key in result ? [Number(result[key])] : []));
      const [peaks, speedups, scaling] = [values('peak_gflops'), values('speedup'), values('scaling')];
      return {
        threads,
        peak_gflops: peaks.length > 0 ? four(median(peaks)) : null,
        over_blas:
          speedups.length > 0 ? { geometric_mean: four(geometricMean(speedups)), least: Math.min(...speedups) } : null,
        scaling: scaling.length > 0 ? four(median(scaling)) : null,
      };
    }),
  };
}

export interface Summary {
  threads: number;
  peak_gflops: number | null;
  over_blas: { geometric_mean: number; least: number } | null;
  scaling: number | null;
}
