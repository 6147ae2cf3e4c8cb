/** Runs a grid of trainings, one after another, and says what it shows. */
import { basename, dirname, extname, join } from 'node:path';
import type { ExperimentSummary } from '../../experiment/experiment.js';
import type { WrittenReport } from '../../experiment/write-report.js';
import { AdaptuneError } from '../../errors.js';
import { TRAIN_OPTIONS } from '../../train/options.js';
import { grouped, type OptionTable } from '../../util/options.js';
import { escapeControls } from '../../util/terminal.js';
import type { CommandSpec, Invocation } from '../command.js';
import { readConfigValue } from '../config-file.js';
import { duration, note, say } from '../output.js';
import { table } from '../table.js';

const OPTIONS = {
  ...grouped('Running FILE', {
    out: {
      type: 'path',
      value: 'DIR',
      help: 'Folder of the results; what is there is not run again. Default: FILE without its ending.',
    },
    root: { type: 'path', value: 'DIR', help: 'Where relative paths in FILE start. Default: the folder of FILE.' },
    only: { type: 'string', help: 'Only runs with this in their names, and the searches that they need.' },
    dryRun: { type: 'boolean', default: false, help: 'Print the runs and how long they take; run nothing.' },
    force: {
      type: 'boolean',
      default: false,
      help: 'Run again what has a result of other options, data or code; without it such results are kept, and named.',
    },
    work: {
      type: 'path',
      value: 'DIR',
      help: 'Folder of checkpoints and samples, of no use later. Default: work in --out.',
    },
    keep: { type: 'boolean', default: false, help: 'Keep the trained models, in --work.' },
    threads: TRAIN_OPTIONS.threads,
  }),
  ...grouped('report DIR', {
    reference: {
      type: 'string',
      value: 'NAME',
      help: 'Runs that the others are compared with. Default: the file’s reference, else full, else the first.',
    },
  }),
} as const satisfies OptionTable;

type Result = ({ kind: 'runs' } & ExperimentSummary) | ({ kind: 'report' } & WrittenReport);

async function run(file: string, { options, signal, progress }: Invocation<typeof OPTIONS>): Promise<Result> {
  const [{ checkConfig }, { runExperiment }] = await Promise.all([
    import('../../experiment/config.js'),
    import('../../experiment/experiment.js'),
  ]);
  const config = checkConfig(await readConfigValue(file), file);
  const { out: given, work, root, reference: _, ...rest } = options;
  const out = given ?? join(dirname(file), basename(file, extname(file)));
  let steps = { done: 0, total: null as number | null };
  const summary = await runExperiment(
    config,
    { ...rest, out, work: work ?? join(out, 'work'), root: root ?? dirname(file) },
    {
      signal,
      onNote: (text) => progress.note(`note: ${escapeControls(text)}`),
      onProgress: ({ run: at, of, id }, { stage, done, total, loss }) => {
        if (stage === 'tokens' || stage === 'units') steps = { done, total };
        const detail = loss === undefined ? stage : `${stage}, loss ${loss.toFixed(4)}`;
        progress.update({ stage: `run ${at} of ${of}, ${id}`, ...steps, unit: 'steps', detail });
      },
      onResult: ({ left }, { metrics, failed, same_as }) => {
        progress.end();
        steps = { done: 0, total: null };
        const scores = metrics && `validation macro-F1 ${metrics.validation.macro_f1.toFixed(3)}`;
        const test = metrics?.test && `, test ${metrics.test.macro_f1.toFixed(3)}`;
        const how = same_as === null ? '' : `same plan as ${same_as}, not trained again; `;
        const what = failed ? `${failed.code}: ${failed.message}` : `${scores}${test ?? ''}`;
        const rest = left === null || left === 0 ? '' : `; about ${duration(left)} left`;
        note(`${how}${what}${rest}`);
      },
    },
  );
  return { kind: 'runs', ...summary };
}

function printRuns({ runs, left_s: left, dry_run: dry }: ExperimentSummary, out: string): void {
  const three = (value: number | null) => (value === null ? '' : value.toFixed(3));
  say(
    table(
      ['run', '', 'test macro-F1', dry ? 'takes' : 'took', ''],
      runs.map(({ id, status, detail, seconds, test_macro_f1 }) => [
        id,
        status,
        three(test_macro_f1),
        seconds === null ? '' : duration(seconds),
        detail,
      ]),
    ),
  );
  const number = (status: string) => runs.filter((one) => one.status === status).length;
  if (dry) {
    const time = left === null ? 'nobody knows how long they take yet' : `about ${duration(left)}`;
    say(`\n${number('to do')} of ${runs.length} runs are to do: ${time}`);
  } else
    say(`\n${out}: ${runs.length - number('failed')} of ${runs.length} results; adaptune experiment report ${out}`);
  if (number('stale') > 0)
    note(`${number('stale')} results are of other options, data or code and were kept; --force runs them again`);
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'experiment',
  summary:
    'Trains a grid of methods, options, data sets and seeds, one run after another in a process of its own, and goes on where it ' +
    'was stopped. With report DIR: means, intervals, costs and plots of the results.',
  arguments: '<file> [dir]',
  usage: 'FILE|report DIR [options]',
  options: OPTIONS,
  example: 'adaptune experiment bench/experiments/baselines.yaml --root ../shared --out results/baselines',
  async run(invocation) {
    const [file, folder] = invocation.args as [string, string?];
    if (file === 'report') {
      if (folder === undefined) throw new AdaptuneError('E_ARGUMENT', 'expected report DIR but received report alone');
      const { writeReport } = await import('../../experiment/write-report.js');
      return { kind: 'report', ...(await writeReport(folder, invocation.options.reference)) };
    }
    if (folder !== undefined)
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected one FILE, or report DIR, but received ${JSON.stringify(folder)} too`,
      );
    return run(file, invocation);
  },
  async print(result, { args, options }) {
    if (result.kind === 'runs') {
      const file = args[0]!;
      printRuns(result, options.out ?? join(dirname(file), basename(file, extname(file))));
      return;
    }
    const { sectionsOf } = await import('../../experiment/tables.js');
    for (const { title, text, tables } of sectionsOf(result.report)) {
      say(`\n${title}\n`);
      for (const paragraph of text) say(paragraph);
      for (const { head, rows } of tables) say(`${table(head, rows)}\n`);
    }
    note(`written: ${result.files.join(', ')}`);
  },
  exitCode: (result) => (result.kind === 'runs' && result.runs.some(({ status }) => status === 'failed') ? 1 : 0),
};
