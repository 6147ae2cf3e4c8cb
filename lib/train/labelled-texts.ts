/** Labelled texts of a program, and their check: apart from the readers of files, so that a table of options loads none. */
import { AdaptuneError } from '../errors.js';

/** Texts that a program has in memory; files are named by a path instead. */
export interface LabelledTexts {
  texts: readonly string[];
  labels: readonly string[];
}

/** E_ARGUMENT for what is no {texts, labels}. */
export function checkTypes(name: string, data: unknown, how: { labels: 'required' | 'optional' } = REQUIRED): void {
  const { texts, labels } = (data ?? {}) as Partial<Record<keyof LabelledTexts, unknown>>;
  const without = (labels ?? null) === null && how.labels === 'optional';
  if (isStrings(texts) && (without || (isStrings(labels) && texts.length === labels.length))) return;
  throw new AdaptuneError(
    'E_ARGUMENT',
    `expected a path or {texts, labels} with two lists of strings of one length for ${name}`,
  );
}
const REQUIRED = { labels: 'required' } as const;

const isStrings = (list: unknown): list is string[] =>
  Array.isArray(list) && list.every((item) => typeof item === 'string');
