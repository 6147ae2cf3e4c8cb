/** Times kernels, training steps and inference, beside other engines, and says what became slower. */
import type { Summary } from '../../bench/bench.js';
import type { Comparison } from '../../bench/compare.js';
import type { BenchOptions } from '../../bench/contenders.js';
import type { Report, Result } from '../../bench/report.js';
import { SHAPE_NAMES, WHATS } from '../../bench/settings.js';
import { AdaptuneError } from '../../errors.js';
import { writeAtomic } from '../../util/files.js';
import { grouped, type OptionTable } from '../../util/options.js';
import { escapeControls } from '../../util/terminal.js';
import type { CommandSpec } from '../command.js';
import { checkOutput, endingOf } from '../output-file.js';
import { count, note, percent, say } from '../output.js';
import { table } from '../table.js';

const OPTIONS = {
  rounds: { type: 'integer', min: 1, max: 100, default: 3, help: 'Processes for each figure; they take turns.' },
  threads: {
    type: 'integer',
    min: 1,
    max: 256,
    help: 'Default: what quota and affinity allow; kernels with one thread besides.',
  },
  only: { type: 'string', help: 'Only what has this in its name.' },
  out: { type: 'path', help: 'Write the result to a .json file.' },
  compare: { type: 'path', help: 'An earlier result: say what became slower. Exit status 1 when something did.' },
  ...grouped('kernels', {
    seconds: { type: 'number', min: 0, above: true, max: 60, default: 0.15, help: 'Seconds of runs in a trial.' },
    blas: { type: 'path', help: 'A shared library with cblas_sgemm (OpenBLAS) to time beside.' },
  }),
  ...grouped('train and infer', {
    shape: {
      type: 'choice',
      choices: SHAPE_NAMES,
      value: 'SIZE',
      default: 'minilm',
      help: `Size of the encoder (${SHAPE_NAMES.join(', ')}); its weights are random.`,
    },
    lengths: {
      type: 'string',
      value: 'SPEC',
      default: 'uniform:16:128',
      help: 'Tokens of a text: fixed:N, uniform:LOW:HIGH, or data:FOLDER, whose train.jsonl is read with the tokenizer of --model and cut at 128.',
    },
    model: { type: 'path', value: 'DIR', help: 'Whose tokenizer reads the texts of data:FOLDER.' },
    batch: { type: 'integer', min: 1, max: 4096, default: 32, help: 'Texts in a step.' },
    steps: { type: 'integer', min: 1, max: 10_000, default: 8, help: 'Timed steps in a trial.' },
    peerCommand: {
      type: 'string',
      value: 'COMMAND',
      help: 'Times PyTorch beside: called with SHAPE METHOD --batch N --lengths SPEC --steps N, and once more with --by-length; prints JSON with step_s and tokens_per_s.',
    },
    peerMethods: { type: 'list', default: ['full', 'lora'], help: 'METHOD of the peer command in training.' },
    ortCommand: {
      type: 'string',
      value: 'COMMAND',
      help: 'The same for ONNX Runtime, without METHOD; a line for each engine with batch_s.',
    },
  }),
} as const satisfies OptionTable;

type BenchResult = Report & { comparison?: Comparison };

const milliseconds = (seconds: number) => (1000 * seconds).toPrecision(4);
const number = (value: unknown, shown: (value: number) => string) => (typeof value === 'number' ? shown(value) : '');
const one = (value: number) => value.toFixed(1);
const two = (value: number) => value.toFixed(2);

/** Columns that nothing is known for are left out. */
function filled(head: readonly string[], rows: (string | number)[][]): string {
  const kept = head.map((_, column) => column).filter((column) => rows.some((row) => row[column] !== ''));
  return table(
    kept.map((column) => head[column]!),
    rows.map((row) => kept.map((column) => row[column]!)),
  );
}

const spreadOf = ({ spread, trials }: Result) => (trials.length > 1 ? percent(spread, 0) : '');

function kernelRow(result: Result): (string | number)[] {
  return [
    result.name,
    result.engine,
    result.threads,
    milliseconds(result.seconds),
    spreadOf(result),
    number(result['gflops'], one),
    number(result['share_of_peak'], (share) => percent(share, 0)),
    number(result['gbytes'], one),
    number(result['speedup'], two),
    number(result['over_plain'], (ratio) => percent(ratio - 1)),
  ];
}
const KERNEL_HEAD = ['kernel', 'engine', 'threads', 'ms', 'spread', 'GFLOP/s', 'of peak', 'GB/s', 'x BLAS', 'more'];

function summaryText({ threads, peak_gflops: peak, over_blas: blas, scaling }: Summary): string {
  return [
    `${threads} ${threads === 1 ? 'thread' : 'threads'}: multiply-adds in registers ${number(peak, one)} GFLOP/s`,
    ...(blas ? [`products over BLAS ${two(blas.geometric_mean)} (geometric mean), least ${two(blas.least)}`] : []),
    ...(scaling === null ? [] : [`gain of the threads ${percent(scaling, 0)} of the multiply-adds' gain (median)`]),
  ].join('; ');
}

function stepRow(result: Result): (string | number)[] {
  return [
    result.name,
    result.engine,
    milliseconds(result.seconds),
    spreadOf(result),
    number(result['tokens_per_s'], count),
    number(result['share_of_peak'], (share) => percent(share, 0)),
    number(result['cost'], two),
    number(result['predicted_cost'], two),
    number(result['three_epochs'], two),
    number(result['predicted_three_epochs'], two),
    number(result['peak_rss_mb'], count),
  ];
}
const STEP_HEAD = [
  'run',
  'engine',
  'ms',
  'spread',
  'tokens/s',
  'of peak',
  'cost',
  'predicted',
  '3 epochs',
  'predicted',
  'MiB',
];

function comparisonText({ differences, fresh, notes }: Comparison): string {
  const order = ['slower', 'faster', 'same'];
  const rows = differences
    .toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || b.ratio - a.ratio)
    .map(({ name, threads, ratio, verdict }) => [name, threads, two(ratio), verdict]);
  const tally = order.map((verdict) => `${differences.filter((row) => row.verdict === verdict).length} ${verdict}`);
  return [
    table(['', 'threads', 'time / before', 'verdict'], rows),
    `${tally.join(', ')}${fresh.length > 0 ? `, ${fresh.length} not in the earlier result` : ''}`,
    ...notes.map((text) => `note: ${text}`),
  ].join('\n');
}

export const command: CommandSpec<typeof OPTIONS, BenchResult> = {
  name: 'bench',
  summary:
    'Times kernels, training steps or inference: each trial a fresh process, ours and other engines by turns, medians with ' +
    'spread, and the share of what multiply-adds in registers reach in the same process.',
  arguments: '<kernels|train|infer>',
  options: OPTIONS,
  example: 'adaptune bench kernels --only minilm --out before.json',
  async run({ args, options, signal, progress }) {
    const what = WHATS.find((known) => known === args[0]);
    if (what === undefined)
      throw new AdaptuneError('E_ARGUMENT', `expected kernels, train or infer but received ${JSON.stringify(args[0])}`);
    const { out, compare: earlier, ...rest } = options;
    if (out !== null) {
      endingOf(out, ['.json']);
      await checkOutput(out, [earlier]);
    }
    const [{ bench }, { compare }, { readReport }] = await Promise.all([
      import('../../bench/bench.js'),
      import('../../bench/compare.js'),
      import('../../bench/report.js'),
    ]);
    const before = earlier === null ? null : await readReport(earlier);
    const report = await bench(what, rest satisfies BenchOptions, {
      signal,
      onTrial: (done, total, name) => progress.update({ stage: what, done, total, unit: 'trials', detail: name }),
    });
    if (out !== null) await writeAtomic(out, `${JSON.stringify(report, null, 1)}\n`);
    return before === null ? report : { ...report, comparison: compare(before, report) };
  },
  print(report, { options }) {
    const { what, results, machine, comparison } = report;
    say(`${machine.cpu}, ${machine.isa}\n`);
    if (what === 'kernels') {
      say(filled(KERNEL_HEAD, results.map(kernelRow)));
      say(`\n${(report['summary'] as Summary[]).map(summaryText).join('\n')}`);
    } else say(filled(STEP_HEAD, results.map(stepRow)));
    if (comparison) say(`\n${comparisonText(comparison)}`);
    if (options.out !== null) note(`written to ${escapeControls(options.out)}`);
  },
  exitCode: ({ comparison }) => (comparison?.differences.some(({ verdict }) => verdict === 'slower') ? 1 : 0),
};
