import type { Metrics } from '../../train/metrics.js';
import type { DeviceOptions } from '../../native/device.js';
import type { TokenReport } from '../../mining/index.js';
import { TRAIN_OPTIONS } from '../../train/options.js';
import type { ResolvedOf } from '../../util/options.js';
import { count, note, percent } from '../output.js';
import { table } from '../table.js';
import { contextText, type TokenInContext } from '../tokens.js';

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

/** Associations above are as likely chance as not: not shown. */
const Q_SHOWN = 0.05;
/** UTF-16 units of text around a phrase, on either side. */
const SIDE_SHOWN = 20;

/**
 * New tokens as people read them.
 * @param pieces Base pieces of the texts; absent: pieces saved are not put in relation to them.
 */
export function tokensText(
  tokens: readonly (TokenReport & Partial<Pick<TokenInContext, 'context'>>)[],
  most: number,
  pieces?: number,
): string {
  const shown = tokens.slice(0, most);
  const contexts = shown.some(({ context }) => context);
  const rows = shown.map(({ phrase, support, uses, pplU, saved, association, context }) => [
    phrase,
    count(support),
    count(uses),
    pplU.toFixed(2),
    pieces === undefined ? count(saved) : ((1000 * saved) / pieces).toFixed(2),
    // The share is measured on texts that had no part in choosing the label.
    association === null || association.q > Q_SHOWN || association.share <= association.base
      ? ''
      : `${association.label} ${percent(association.share, 0)} (else ${percent(association.base, 0)})`,
    ...(contexts ? [contextText(context ?? null, SIDE_SHOWN)] : []),
  ]);
  const head = ['token', 'texts', 'uses', 'PPL_u', pieces === undefined ? 'pieces saved' : 'saved/1000', 'goes with'];
  const more = tokens.length > most ? `\n… and ${count(tokens.length - most)} more` : '';
  return table([...head, ...(contexts ? ['for example'] : [])], rows) + more;
}
