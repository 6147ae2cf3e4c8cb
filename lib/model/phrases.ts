/**
 * Phrases as vocabulary entries. A grown tokenizer.json holds each phrase ("named entity") as an entry of the WordPiece
 * vocabulary, and one `Split` pre-tokenizer whose pattern prefers the longest phrase that begins at a word's start and
 * ends at a word's end over the single word: so the Rust library, transformers and transformers.js all merge alike.
 *
 * The pattern is a function of the list of phrases: a file's pattern is never trusted, it is written anew and compared.
 * Its cost is linear: each alternative begins with another character, so that a position is left after reading at most
 * one phrase (100 characters).
 */

/**
 * What BertPreTokenizer makes a piece of its own: punctuation of Unicode and of ASCII. They differ in 142 characters of
 * 1.1 million: the library's table of `\p{P}` for BertPreTokenizer is that of Unicode 8, its regular expressions know
 * later ones (and no longer count U+166D as punctuation).
 */
const PUNCTUATION = '\\p{P}$+<=>^`|~';
const WORD = `[^\\s${PUNCTUATION}]`;
const WORD_ENDS = `(?=[\\s${PUNCTUATION}]|$)`;
const HEAD = `(?<!${WORD})(?:`;
const TAIL = `)|${WORD}+|[${PUNCTUATION}]`;

const WORD_CHARACTER = new RegExp(WORD, 'u');

/** Only these: with the flag `u`, JavaScript refuses escapes of other characters. */
const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

interface Node {
  children: Map<string, Node>;
  /** A phrase ends here. */
  ends: boolean;
}

/** Longer matches stand first: children before the end of a phrase. Children are ordered by UTF-16 code unit. */
function write(node: Node): string {
  const alternatives = [...node.children]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([character, child]) => escape(character) + write(child));
  if (node.ends) alternatives.push(WORD_ENDS);
  return alternatives.length === 1 ? alternatives[0]! : `(?:${alternatives.join('|')})`;
}

/** The pattern of the `Split` pre-tokenizer (behavior `Removed`, invert true) for phrases as the normalizer leaves them. */
export function phrasePattern(phrases: readonly string[]): string {
  const root: Node = { children: new Map(), ends: false };
  for (const phrase of phrases) {
    let node = root;
    for (const character of phrase) {
      let child = node.children.get(character);
      if (!child) node.children.set(character, (child = { children: new Map(), ends: false }));
      node = child;
    }
    node.ends = true;
  }
  return HEAD + write(root) + TAIL;
}

/** How many phrases a pattern of `phrasePattern` holds: each has one end, and escaped text never reads like it. */
export function countPhrases(pattern: string): number {
  return pattern.split(WORD_ENDS).length - 1;
}

/** Begins and ends with a character of a word: elsewhere a match could begin or end within a word. */
export function isBoundedByWords(text: string): boolean {
  const characters = [...text];
  return characters.length > 0 && [characters[0]!, characters.at(-1)!].every((c) => WORD_CHARACTER.test(c));
}

/** Can the pattern match this text? WordPiece takes a word of more than `maxWord` characters as unknown. */
export function isPhrase(text: string, maxWord: number): boolean {
  return isBoundedByWords(text) && [...text].length <= maxWord;
}

/** WordPiece vocabulary of one tokenizer, as far as cutting a word needs it. */
export interface WordPieces {
  ids: ReadonlyMap<string, number>;
  unknown: number;
  continuation: string;
  /** In Unicode characters; longer words are unknown. */
  maxWord: number;
}

/** Greedy longest match from the left; a word with a part that is in no entry is unknown as a whole. */
export function cutWord(word: string, { ids, unknown, continuation, maxWord }: WordPieces): number[] {
  const characters = [...word];
  if (characters.length > maxWord) return [unknown];
  const pieces: number[] = [];
  for (let begin = 0; begin < characters.length;) {
    let end = characters.length;
    let id: number | undefined;
    for (; end > begin; end--) {
      id = ids.get((begin > 0 ? continuation : '') + characters.slice(begin, end).join(''));
      if (id !== undefined) break;
    }
    if (id === undefined) return [unknown];
    pieces.push(id);
    begin = end;
  }
  return pieces;
}
