/** The report of `mine` as a table for spreadsheets, which `train --tokens` reads back after a person has edited it. */
import type { MinedToken } from '../train/mine.js';
import { spreadsheetCell } from '../util/spreadsheet.js';
import { row } from './table.js';

/** UTF-16 units of text on either side of a phrase. */
const SIDE = 40;
/** Labels of a token that are listed. */
const LABELS = 3;

export interface TokenInContext extends MinedToken {
  /** A text that contains the phrase, cut to its surroundings; null when none does. */
  context: { before: string; phrase: string; after: string } | null;
}

export function inContext(token: MinedToken, texts: readonly string[]): TokenInContext {
  const { example } = token;
  const text = example === null ? undefined : texts[example.row];
  if (example === null || text === undefined) return { ...token, context: null };
  const { begin, end } = example;
  const context = {
    before: lastOf(words(text.slice(0, begin)), SIDE),
    phrase: words(text.slice(begin, end)),
    after: firstOf(words(text.slice(end)), SIDE),
  };
  return { ...token, context };
}

/** As one line, with « and » around the phrase. */
export function contextText(context: TokenInContext['context'], side = SIDE + 1): string {
  if (context === null) return '';
  return `${lastOf(context.before, side)}«${context.phrase}»${firstOf(context.after, side)}`;
}

/** Cut at a space where there is one; a surrogate pair is not torn. */
function lastOf(text: string, side: number): string {
  if (text.length <= side) return text;
  const space = text.indexOf(' ', text.length - side);
  return `…${(space === -1 ? text.slice(-side) : text.slice(space + 1)).replace(/^\p{Surrogate}/u, '')}`;
}

function firstOf(text: string, side: number): string {
  if (text.length <= side) return text;
  const space = text.lastIndexOf(' ', side);
  return `${text.slice(0, space > 0 ? space : side).replace(/\p{Surrogate}$/u, '')}…`;
}

/** Line breaks and runs of white space as one space. */
const words = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** The labels with most of a token's texts: "uses 38, compares 12". */
export const topLabels = ({ labels }: MinedToken): string =>
  labels
    .slice(0, LABELS)
    .map(({ label, texts }) => `${label} ${texts}`)
    .join(', ');

type Column = [string, (token: TokenInContext, pieces: number) => string | number];
/** `id` and `phrase` are read back; the rest is for the person. */
const COLUMNS: Column[] = [
  ['id', ({ id }) => id],
  ['phrase', ({ phrase }) => spreadsheetCell(phrase)],
  ['pieces', ({ pieces }) => pieces],
  ['support', ({ support }) => support],
  ['occurrences', ({ occurrences }) => occurrences],
  ['uses', ({ uses }) => uses],
  ['ppl_u', ({ pplU }) => pplU.toFixed(4)],
  ['pieces_saved', ({ saved }) => saved],
  ['saved_per_1000', ({ saved }, pieces) => ((1000 * saved) / pieces).toFixed(3)],
  ['label', ({ association }) => spreadsheetCell(association?.label ?? '')],
  ['label_share', ({ association }) => association?.share.toFixed(4) ?? ''],
  ['label_base', ({ association }) => association?.base.toFixed(4) ?? ''],
  ['label_bits', ({ association }) => association?.bits.toFixed(4) ?? ''],
  ['label_q', ({ association }) => association?.q.toPrecision(3) ?? ''],
  ['top_labels', (token) => spreadsheetCell(topLabels(token))],
  ['example', ({ context }) => spreadsheetCell(contextText(context))],
];

/** A byte order mark tells spreadsheets that this is UTF-8. Lines end as RFC 4180 has them. */
export function* tokensTable(
  tokens: readonly TokenInContext[],
  pieces: number,
  extension: '.csv' | '.tsv',
): Generator<string> {
  const line = (values: (string | number)[]): string => row(values, extension, '\r\n');
  yield `\ufeff${line(COLUMNS.map(([name]) => name))}`;
  for (const token of tokens) yield line(COLUMNS.map(([, value]) => value(token, pieces)));
}
