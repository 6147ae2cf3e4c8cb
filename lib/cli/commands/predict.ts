import type { Classifier, Prediction } from '../../serve/classifier.js';
import { readRows } from '../../util/data.js';
import { writeAtomic } from '../../util/files.js';
import type { OptionTable } from '../../util/options.js';
import { escapeControls } from '../../util/terminal.js';
import { windows } from '../../util/windows.js';
import type { CommandSpec, Invocation } from '../command.js';
import { checkOutput, endingOf } from '../output-file.js';
import { duration, note, sayPaced } from '../output.js';
import { row } from '../table.js';
import { DEVICE_OPTIONS, deviceOptions, noteTruncated } from './shared.js';

const OPTIONS = {
  out: { type: 'path', value: 'FILE', help: 'Write .jsonl, .csv or .tsv instead of printing.' },
  topK: { type: 'integer', min: 1, max: 10_000, default: 1, value: 'N', help: 'Labels per text, best first.' },
  text: { type: 'string', default: 'text', value: 'NAME', help: 'Column with the text.' },
  ...DEVICE_OPTIONS,
} as const satisfies OptionTable;

interface Result {
  /** With --json only. */
  predictions: Prediction[][];
  texts: number;
  /** Texts longer than the model reads. */
  truncated: number;
  /** Of labelling, without waiting for texts. */
  seconds: number;
  out: string | null;
}

/** Texts of one call, and characters of these, at most: enough for full batches, and an interrupt is heeded. */
const WINDOW = { items: 2048, weight: 2 ** 22, weigh: (text: string) => text.length };

const FORMATS = ['.jsonl', '.csv', '.tsv'] as const;
type Format = (typeof FORMATS)[number];

/** Texts that were labelled together. */
interface Part {
  texts: readonly string[];
  predictions: Prediction[][];
}

/** One line per text; labels beyond the first get columns of their own (label_2, score_2, ...). */
async function* lines(format: Format, parts: AsyncIterable<Part>): AsyncGenerator<string> {
  let header = true;
  for await (const { texts, predictions } of parts) {
    const labels = predictions[0]!.length;
    if (format === '.jsonl') {
      for (const [i, best] of predictions.entries())
        yield `${JSON.stringify({ text: texts[i], ...best[0], ...(labels > 1 ? { top: best } : {}) })}\n`;
      continue;
    }
    const columns = Array.from({ length: labels }, (_, k) => (k === 0 ? '' : `_${k + 1}`));
    if (header) yield row(['text', ...columns.flatMap((suffix) => [`label${suffix}`, `score${suffix}`])], format);
    header = false;
    for (const [i, best] of predictions.entries())
      yield row([texts[i]!, ...best.flatMap(({ label, score }) => [label, score.toFixed(6)])], format);
  }
}

/** For people: controls are escaped, tabs and newlines too, so that a text is one line. */
const shown = (text: string, best: Prediction[]) =>
  [...best.flatMap(({ label, score }) => [escapeControls(label), score.toFixed(4)]), escapeControls(text)].join('\t');

async function* inputTexts({ args, options, signal }: Invocation<typeof OPTIONS>): AsyncGenerator<string> {
  const path = args[1] ?? '-';
  if (path === '-') {
    signal.throwIfAborted();
    if (process.stdin.isTTY) note('reading texts from the terminal, one a line; Ctrl-D ends them');
    // A read that waits for a person or another program ends with the interrupt.
    signal.addEventListener('abort', () => process.stdin.destroy(signal.reason as Error), { once: true });
  }
  for await (const { text } of readRows(path, { text: options.text, labels: 'none' })) yield text;
}

/** Labels the texts as they come, and counts them in `result`. */
async function* label(
  classifier: Classifier,
  invocation: Invocation<typeof OPTIONS>,
  result: Result,
): AsyncGenerator<Part> {
  const { options, json, signal, progress } = invocation;
  const onTruncated = () => void result.truncated++;
  try {
    for await (const texts of windows(inputTexts(invocation), WINDOW)) {
      const begin = performance.now();
      const predictions = await classifier.predict(texts, { topK: options.topK, onTruncated, signal });
      result.seconds += (performance.now() - begin) / 1000;
      result.texts += texts.length;
      if (options.out !== null || json)
        progress.update({ stage: 'predict', done: result.texts, total: null, unit: 'texts' });
      if (json) for (const best of predictions) result.predictions.push(best);
      yield { texts, predictions };
    }
  } finally {
    // A read of standard input that nobody waits for any more would keep the process.
    if ((invocation.args[1] ?? '-') === '-') process.stdin.destroy();
  }
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'predict',
  summary:
    'Labels texts with a saved classifier: a JSONL, CSV, TSV or text file, or standard input (one text or JSON object a line). ' +
    'Prints label, score and text, separated by tabs, as the texts come: a line that is not valid ends it after the labels of ' +
    'those before. --out FILE is written whole or not at all.',
  arguments: '<dir> [file]',
  options: OPTIONS,
  example: `echo 'I lost my card' | adaptune predict runs/intents --top-k 3`,
  async run(invocation) {
    const { args, options, json } = invocation;
    const { out } = options;
    const format = out === null ? null : endingOf(out, FORMATS);
    if (out !== null) await checkOutput(out, [args[1] ?? null]);
    const { Classifier } = await import('../../serve/classifier.js');
    await using classifier = await Classifier.load(args[0]!, deviceOptions(options));
    const result: Result = { predictions: [], texts: 0, truncated: 0, seconds: 0, out };
    const parts = label(classifier, invocation, result);
    if (out !== null && format !== null) await writeAtomic(out, lines(format, parts));
    else
      for await (const { texts, predictions } of parts)
        if (!json) await sayPaced(predictions.map((best, i) => shown(texts[i]!, best)).join('\n'));
    return result;
  },
  print({ texts, truncated, seconds, out }) {
    noteTruncated(truncated);
    if (out !== null) note(`${texts} texts labelled in ${duration(seconds)}, written to ${escapeControls(out)}`);
  },
};
