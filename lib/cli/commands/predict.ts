import type { Classifier, Prediction } from '../../serve/classifier.js';
import { readTexts } from '../../util/data.js';
import { writeAtomic } from '../../util/files.js';
import type { OptionTable } from '../../util/options.js';
import { escapeControls } from '../../util/terminal.js';
import type { CommandSpec, Invocation } from '../command.js';
import { checkOutput, endingOf } from '../output-file.js';
import { duration, note, say } from '../output.js';
import { row } from '../table.js';
import { DEVICE_OPTIONS, deviceOptions, noteTruncated } from './shared.js';

const OPTIONS = {
  out: { type: 'path', value: 'FILE', help: 'Write .jsonl, .csv or .tsv instead of printing.' },
  topK: { type: 'integer', min: 1, max: 10_000, default: 1, value: 'N', help: 'Labels per text, best first.' },
  text: { type: 'string', default: 'text', value: 'NAME', help: 'Column with the text.' },
  ...DEVICE_OPTIONS,
} as const satisfies OptionTable;

interface Result {
  predictions: Prediction[][];
  texts: number;
  /** Texts longer than the model reads. */
  truncated: number;
  seconds: number;
  out: string | null;
}

/** Texts per call: enough for full batches, few enough that results flow and an interrupt is heeded. */
const CHUNK = 2048;

const FORMATS = ['.jsonl', '.csv', '.tsv'] as const;
type Format = (typeof FORMATS)[number];

/** One line per text; labels beyond the first get columns of their own (label_2, score_2, ...). */
function* lines(format: Format, texts: readonly string[], predictions: Prediction[][]): Generator<string> {
  const labels = predictions[0]!.length;
  if (format === '.jsonl') {
    for (const [i, best] of predictions.entries())
      yield `${JSON.stringify({ text: texts[i], ...best[0], ...(labels > 1 ? { top: best } : {}) })}\n`;
    return;
  }
  const columns = Array.from({ length: labels }, (_, k) => (k === 0 ? '' : `_${k + 1}`));
  yield row(['text', ...columns.flatMap((suffix) => [`label${suffix}`, `score${suffix}`])], format);
  for (const [i, best] of predictions.entries())
    yield row([texts[i]!, ...best.flatMap(({ label, score }) => [label, score.toFixed(6)])], format);
}

/** For people: controls are escaped, tabs and newlines too, so that a text is one line. */
const shown = (text: string, best: Prediction[]) =>
  [...best.flatMap(({ label, score }) => [escapeControls(label), score.toFixed(4)]), escapeControls(text)].join('\t');

async function inputTexts({ args, options, signal }: Invocation<typeof OPTIONS>): Promise<string[]> {
  const path = args[1] ?? '-';
  if (path === '-') {
    signal.throwIfAborted();
    if (process.stdin.isTTY) note('reading texts from the terminal, one a line; Ctrl-D ends them');
    // A read that waits for a person or another program ends with the interrupt.
    signal.addEventListener('abort', () => process.stdin.destroy(signal.reason as Error), { once: true });
  }
  return (await readTexts(path, { text: options.text, labels: 'none' })).texts;
}

async function predictAll(
  classifier: Classifier,
  texts: readonly string[],
  { options, json, signal, progress }: Invocation<typeof OPTIONS>,
): Promise<Pick<Result, 'predictions' | 'truncated'>> {
  const predictions: Prediction[][] = [];
  let truncated = 0;
  const onTruncated = () => void truncated++;
  for (let first = 0; first < texts.length; first += CHUNK) {
    const part = texts.slice(first, first + CHUNK);
    const scored = await classifier.predict(part, { topK: options.topK, onTruncated, signal });
    for (const best of scored) predictions.push(best);
    if (options.out === null && !json) for (const [i, best] of scored.entries()) say(shown(part[i]!, best));
    else progress.update({ stage: 'predict', done: predictions.length, total: texts.length, unit: 'texts' });
  }
  return { predictions, truncated };
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'predict',
  summary:
    'Labels texts with a saved classifier: a JSONL, CSV, TSV or text file, or standard input (one text or JSON object a line). ' +
    'Prints label, score and text, separated by tabs.',
  arguments: '<dir> [file]',
  options: OPTIONS,
  example: `echo 'I lost my card' | adaptune predict runs/intents --top-k 3`,
  async run(invocation) {
    const { args, options } = invocation;
    const format = options.out === null ? null : endingOf(options.out, FORMATS);
    if (options.out !== null) await checkOutput(options.out, [args[1] ?? null]);
    const { Classifier } = await import('../../serve/classifier.js');
    await using classifier = await Classifier.load(args[0]!, deviceOptions(options));
    const texts = await inputTexts(invocation);
    const started = performance.now();
    const { predictions, truncated } = await predictAll(classifier, texts, invocation);
    const seconds = (performance.now() - started) / 1000;
    if (options.out !== null && format !== null) await writeAtomic(options.out, lines(format, texts, predictions));
    return { predictions, texts: texts.length, truncated, seconds, out: options.out };
  },
  print({ texts, truncated, seconds, out }) {
    noteTruncated(truncated);
    if (out !== null) note(`${texts} texts labelled in ${duration(seconds)}, written to ${escapeControls(out)}`);
  },
};
