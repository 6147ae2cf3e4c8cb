import { extname } from 'node:path';
import { Classifier, type Prediction } from '../../serve/classifier.js';
import { AdaptuneError } from '../../errors.js';
import { readTexts } from '../../util/data.js';
import { writeAtomic } from '../../util/files.js';
import { escapeControls } from '../../util/terminal.js';
import type { OptionTable } from '../../util/options.js';
import { DEVICE_OPTIONS, deviceOptions } from './shared.js';
import type { CommandSpec } from '../command.js';
import { csvCell, duration, note, say, tsvCell } from '../output.js';

const OPTIONS = {
  out: { type: 'path', value: 'FILE', help: 'write .jsonl, .csv or .tsv instead of printing' },
  topK: { type: 'integer', min: 1, max: 10_000, default: 1, value: 'N', help: 'labels per text, best first' },
  text: { type: 'string', default: 'text', value: 'NAME', help: 'column with the text' },
  ...DEVICE_OPTIONS,
} as const satisfies OptionTable;

interface Result {
  predictions: Prediction[][];
  texts: number;
  seconds: number;
  out: string | null;
}

/** Texts per call: enough for full batches, few enough that results flow and an interrupt is heeded. */
const CHUNK = 2048;

/** One line per text; top-k labels beyond the first get columns of their own (label_2, score_2, ...). */
function* lines(
  extension: string,
  texts: readonly string[],
  predictions: Prediction[][],
  topK: number,
): Generator<string> {
  const score = (value: number) => value.toFixed(6);
  if (extension === '.jsonl') {
    for (const [i, row] of predictions.entries()) {
      const best = row[0]!;
      yield `${JSON.stringify({ text: texts[i], label: best.label, score: best.score, ...(topK > 1 ? { top: row } : {}) })}\n`;
    }
    return;
  }
  const [cell, comma] = extension === '.csv' ? [csvCell, ','] : [tsvCell, '\t'];
  const columns = Array.from({ length: topK }, (_, k) =>
    k === 0 ? ['label', 'score'] : [`label_${k + 1}`, `score_${k + 1}`],
  ).flat();
  yield `${['text', ...columns].join(comma)}\n`;
  for (const [i, row] of predictions.entries())
    yield `${[cell(texts[i]!), ...row.flatMap((item) => [cell(item.label), score(item.score)])].join(comma)}\n`;
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'predict',
  summary:
    'Labels texts with a saved classifier. Reads JSONL, CSV or TSV, or standard input (one text or JSON object a line).',
  arguments: '<dir> [file]',
  options: OPTIONS,
  example: `echo 'I lost my card' | adaptune predict runs/intents --top-k 3`,
  async run({ args, options, json, signal, progress }) {
    const extension = options.out === null ? null : extname(options.out).toLowerCase();
    if (extension !== null && !['.jsonl', '.csv', '.tsv'].includes(extension))
      throw new AdaptuneError(
        'E_ARGUMENT',
        `--out: expected a file ending in .jsonl, .csv or .tsv but received "${options.out}"`,
      );
    const started = performance.now();
    await using classifier = await Classifier.load(args[0]!, deviceOptions(options));
    const { texts } = await readTexts(args[1] ?? '-', { text: options.text, labels: 'none' });
    const predictions: Prediction[][] = [];
    for (let first = 0; first < texts.length; first += CHUNK) {
      const part = texts.slice(first, first + CHUNK);
      const scored = await classifier.predict(part, { topK: options.topK, signal });
      for (const row of scored) predictions.push(row);
      if (extension === null && !json)
        for (const [i, row] of scored.entries())
          say(
            `${row.map(({ label, score }) => `${tsvCell(label)}\t${score.toFixed(4)}`).join('\t')}\t${tsvCell(part[i]!)}`,
          );
      else progress.update({ stage: 'predict', done: predictions.length, total: texts.length });
    }
    if (options.out !== null && extension !== null)
      await writeAtomic(options.out, lines(extension, texts, predictions, options.topK));
    return { predictions, texts: texts.length, seconds: (performance.now() - started) / 1000, out: options.out };
  },
  print({ texts, seconds, out }) {
    if (out !== null) note(`${texts} texts labelled in ${duration(seconds)}, written to ${escapeControls(out)}`);
  },
};
