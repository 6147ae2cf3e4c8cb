/** The report of `mine` as a table for spreadsheets, which `train --tokens` reads back after a person has edited it. */
import type { MinedToken } from '../train/mine.js';
import { CONTEXT_SIDE, contextOf, firstOf, lastOf, type TokenContext } from '../train/token-context.js';
import { spreadsheetCell } from '../util/spreadsheet.js';
import { row } from './table.js';

/** Labels of a token that are listed. */
const LABELS = 3;

export interface TokenInContext extends MinedToken {
  context: TokenContext | null;
}

export const inContext = (token: MinedToken, texts: readonly string[]): TokenInContext => ({
  ...token,
  context: contextOf(token.example, texts),
});

/** As one line, with « and » around the phrase. */
export function contextText(context: TokenInContext['context'], side = CONTEXT_SIDE + 1): string {
  if (context === null) return '';
  return `${lastOf(context.before, side)}«${context.phrase}»${firstOf(context.after, side)}`;
}

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
