import type { Metrics } from '../../train/metrics.js';
import type { DeviceOptions } from '../../native/device.js';
import type { TokenReport } from '../../mining/index.js';
import { TRAIN_OPTIONS } from '../../train/options.js';
import type { ResolvedOf } from '../../util/options.js';
import { count, note } from '../output.js';
import { table } from '../table.js';

export const DEVICE_OPTIONS = { device: TRAIN_OPTIONS.device, threads: TRAIN_OPTIONS.threads };

export const deviceOptions = ({ device, threads }: ResolvedOf<typeof DEVICE_OPTIONS>): DeviceOptions => ({
  device,
  ...(threads === null ? {} : { threads }),
});

/** Says so when texts were longer than the model reads. */
export function noteTruncated(texts: number): void {
  if (texts > 0)
    note(
      `note: ${count(texts)} ${texts === 1 ? 'text is' : 'texts are'} longer than the model reads, and cut to its length`,
    );
}

/** Most classes that a confusion matrix is printed for; larger ones are in --json. */
const MATRIX_CLASSES = 16;
const three = (value: number) => value.toFixed(3);

/** Per-class report and confusion matrix. */
export function metricsText({ macroF1, accuracy, perClass, confusion }: Metrics, labels: readonly string[]): string {
  const report = table(
    ['label', 'precision', 'recall', 'F1', 'texts'],
    perClass.map(({ label, precision, recall, f1, support }) => [
      label,
      three(precision),
      three(recall),
      three(f1),
      support,
    ]),
  );
  const matrix =
    labels.length > MATRIX_CLASSES
      ? `(confusion matrix of ${labels.length} labels: see --json)`
      : `confusion matrix, a row for each gold label, a column for each predicted one\n${table(
          ['', ...labels],
          confusion.map((row, i) => [labels[i]!, ...row]),
        )}`;
  return `macro-F1 ${three(macroF1)}, accuracy ${three(accuracy)}\n\n${report}\n\n${matrix}`;
}

/** New tokens as people read them. */
export function tokensText(tokens: readonly TokenReport[], most: number): string {
  const rows = tokens.slice(0, most).map(({ phrase, support, uses, pplU, saved, association }) => [
    phrase,
    count(support),
    count(uses),
    three(pplU),
    count(saved),
    // Measured on texts that had no part in choosing the label: a share below the base is no association.
    association === null || association.share <= association.base
      ? ''
      : `${association.label} (${three(association.share)}, base ${three(association.base)})`,
  ]);
  const more = tokens.length > most ? `\n… and ${tokens.length - most} more` : '';
  return table(['token', 'texts', 'uses', 'PPL_u', 'pieces saved', 'goes with'], rows) + more;
}
