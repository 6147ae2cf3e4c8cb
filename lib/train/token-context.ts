/** A text that contains a token, cut to what stands around it. */
import type { TokenReport } from '../mining/index.js';

/** UTF-16 units of text on either side of a phrase. */
export const CONTEXT_SIDE = 40;

export interface TokenContext {
  before: string;
  phrase: string;
  after: string;
}

/** `texts`: those that were mined. Null where the token has no example, or its text is not among them. */
export function contextOf(example: TokenReport['example'], texts: readonly string[]): TokenContext | null {
  const text = example === null ? undefined : texts[example.row];
  if (example === null || text === undefined) return null;
  const { begin, end } = example;
  return {
    before: lastOf(words(text.slice(0, begin)), CONTEXT_SIDE),
    phrase: words(text.slice(begin, end)),
    after: firstOf(words(text.slice(end)), CONTEXT_SIDE),
  };
}

/** Cut at a space where there is one; a surrogate pair is not torn. */
export function lastOf(text: string, side: number): string {
  if (text.length <= side) return text;
  const space = text.indexOf(' ', text.length - side);
  return `…${(space === -1 ? text.slice(-side) : text.slice(space + 1)).replace(/^\p{Surrogate}/u, '')}`;
}

export function firstOf(text: string, side: number): string {
  if (text.length <= side) return text;
  const space = text.lastIndexOf(' ', side);
  return `${text.slice(0, space > 0 ? space : side).replace(/\p{Surrogate}$/u, '')}…`;
}

/** Line breaks and runs of white space as one space. */
const words = (text: string): string => text.replaceAll(/\s+/g, ' ');
