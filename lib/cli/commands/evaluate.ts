import type { Evaluation } from '../../train/evaluate.js';
import type { OptionTable } from '../../util/options.js';
import type { CommandSpec } from '../command.js';
import { count, duration, say } from '../output.js';
import { DEVICE_OPTIONS, deviceOptions, metricsText, noteTruncated } from './shared.js';

const OPTIONS = {
  data: { type: 'path', required: true, value: 'FILE', help: 'Labelled texts: JSONL, CSV or TSV.' },
  text: { type: 'string', default: 'text', value: 'NAME', help: 'Column with the text.' },
  label: { type: 'string', default: 'label', value: 'NAME', help: 'Column with the label.' },
  ...DEVICE_OPTIONS,
} as const satisfies OptionTable;

export const command: CommandSpec<typeof OPTIONS, Evaluation> = {
  name: 'evaluate',
  summary: 'Scores a saved classifier on labelled texts: macro-F1, accuracy, per-class report, confusion matrix.',
  arguments: '<dir>',
  options: OPTIONS,
  example: 'adaptune evaluate runs/intents --data test.csv',
  async run({ args, options, signal, progress }) {
    const { evaluate } = await import('../../train/evaluate.js');
    return evaluate(args[0]!, options.data, {
      ...deviceOptions(options),
      text: options.text,
      label: options.label,
      signal,
      onProgress: (event) => progress.update({ ...event, unit: 'texts' }),
    });
  },
  print({ labels, truncated, seconds, ...metrics }) {
    noteTruncated(truncated);
    say(`${count(metrics.rows)} texts in ${duration(seconds)}: ${metricsText(metrics, labels)}`);
  },
};
