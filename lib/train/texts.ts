/** Labelled texts, from a file or from a program's memory: checked alike, and named alike in messages. */
import { AdaptuneError } from '../errors.js';
import { readTexts } from '../util/data.js';
import { checkTypes, type LabelledTexts } from './labelled-texts.js';

export interface SourcedTexts extends LabelledTexts {
  /** For messages: the path, or which texts these are. */
  source: string;
  /** Line of each text, where they come from a file. */
  lines?: readonly number[];
}

export interface Columns {
  text: string;
  label: string;
}

/** `name`: what texts in memory are called. E_FILE, E_DATA; E_ARGUMENT for what is not a path or such texts. */
export async function readLabelled(
  data: string | LabelledTexts,
  name: string,
  columns: Columns,
): Promise<SourcedTexts> {
  if (typeof data === 'string') {
    const { texts, labels, lines } = await readTexts(data, { ...columns, labels: 'required' });
    return { texts, labels: labels!, lines, source: data };
  }
  checkTypes(name, data);
  const source = `the ${name} texts`;
  const { texts, labels } = data;
  if (texts.length === 0) throw new AdaptuneError('E_DATA', `${source}: expected at least one, came none`);
  for (const [kind, list] of [
    ['text', texts],
    ['label', labels],
  ] as const) {
    const empty = list.findIndex((item) => item.trim() === '');
    if (empty >= 0)
      throw new AdaptuneError('E_DATA', `${source}: index ${empty}: expected a ${kind}, came an empty one`);
  }
  return { texts, labels, source };
}
