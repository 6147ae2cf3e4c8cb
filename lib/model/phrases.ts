/**
 * Phrases as vocabulary entries. A grown tokenizer.json holds each phrase ("named entity") as an entry of the WordPiece
 * vocabulary, and one `Split` pre-tokenizer whose pattern prefers the longest phrase that begins at a word's start and
 * ends at a word's end over the single word: so the Rust library, transformers and transformers.js all merge alike.
 *
 * The pattern is a function of the set of phrases: a file's pattern is never trusted, it is written anew and compared.
 * It is the trie of the phrases, each end but the deepest optional and greedy, so that the longest phrase is tried first,
 * and one test for the end of the word behind it all. Its cost is linear: alternatives begin with different characters,
 * so that a position is left after reading at most one phrase (100 characters); and a node of thousands of children
 * (ideographs) is searched like a B-tree, through look-aheads for ranges of characters.
 */

/**
 * What BertPreTokenizer makes a piece of its own: punctuation of Unicode and of ASCII. They differ in 142 characters of
 * 1.1 million: the library's table of `\p{P}` for BertPreTokenizer is that of Unicode 8, its regular expressions know
 * later ones (and no longer count U+166D as punctuation).
 */
export const PUNCTUATION = '\\p{P}$+<=>^`|~';
const WORD = `[^\\s${PUNCTUATION}]`;
const HEAD = `(?<!${WORD})(?:`;
const TAIL = `)(?=[\\s${PUNCTUATION}]|$)|${WORD}+|[${PUNCTUATION}]`;
/** Alternatives that are tried one after the other. Regular expression engines do not look ahead over more. */
const FAN = 8;

const WORD_CHARACTER = new RegExp(WORD, 'u');

/** Only these: with the flag `u`, JavaScript refuses escapes of other characters. */
const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
const escapeInClass = (character: string) => (character === '-' ? '\\-' : escape(character));

interface Node {
  children: Map<string, Node>;
  /** A phrase ends here. */
  ends: boolean;
}
type Edge = [character: string, child: Node];

const write = ([character, child]: Edge): string => escape(character) + writeRest(child);

/** What may follow a prefix. Children are ordered by code point. */
function writeRest({ children, ends }: Node): string {
  const edges = [...children].sort(([a], [b]) => a.codePointAt(0)! - b.codePointAt(0)!);
  if (edges.length === 0) return '';
  if (edges.length === 1 && !ends) return write(edges[0]!);
  return `(?:${writeAlternatives(edges)})${ends ? '?' : ''}`;
}

function writeAlternatives(edges: readonly Edge[]): string {
  if (edges.length <= FAN) return edges.map(write).join('|');
  let size = FAN;
  while (size * FAN < edges.length) size *= FAN;
  const groups: string[] = [];
  for (let begin = 0; begin < edges.length; begin += size) {
    const group = edges.slice(begin, begin + size);
    const [first, last] = [group[0]!, group.at(-1)!];
    if (group.length === 1) groups.push(write(first));
    else {
      const range = `(?=[${escapeInClass(first[0])}-${escapeInClass(last[0])}])`;
      groups.push(`${range}(?:${writeAlternatives(group)})`);
    }
  }
  return groups.join('|');
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
  return HEAD + writeRest(root) + TAIL;
}

/** How many phrases a pattern of `phrasePattern` holds: one for each alternative and one for each optional rest. */
export function countPhrases(pattern: string): number {
  const trie = pattern.slice(HEAD.length, -TAIL.length).replace(/\\./gsu, '');
  return trie === '' ? 0 : 1 + (trie.match(/\||\)\?/g)?.length ?? 0);
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

/** End of the longest entry that stands at `begin`, or 0. */
function longestEntry(characters: readonly string[], begin: number, { ids, continuation }: WordPieces): number {
  const mark = begin > 0 ? continuation : '';
  for (let end = characters.length; end > begin; end--) {
    if (ids.has(mark + characters.slice(begin, end).join(''))) return end;
  }
  return 0;
}

/** Greedy longest match from the left; a word with a part that is in no entry is unknown as a whole. */
export function cutWord(word: string, wordPieces: WordPieces): number[] {
  const characters = [...word];
  if (characters.length > wordPieces.maxWord) return [wordPieces.unknown];
  return cutFrom(characters, 0, wordPieces) ?? [wordPieces.unknown];
}

function cutFrom(characters: readonly string[], first: number, wordPieces: WordPieces): number[] | null {
  const pieces: number[] = [];
  for (let begin = first; begin < characters.length;) {
    const end = longestEntry(characters, begin, wordPieces);
    if (end === 0) return null;
    pieces.push(
      wordPieces.ids.get((begin > 0 ? wordPieces.continuation : '') + characters.slice(begin, end).join(''))!,
    );
    begin = end;
  }
  return pieces;
}

/**
 * Number of pieces of a word if `entry`, with which it begins, were in the vocabulary. Null: that changes nothing, the word begins
 * with a longer entry or is unknown. Infinity: the rest cannot be cut, so that the word would become unknown.
 */
export function piecesWithEntry(word: string, entry: string, wordPieces: WordPieces): number | null {
  const characters = [...word];
  const begin = [...entry].length;
  if (characters.length > wordPieces.maxWord || cutFrom(characters, 0, wordPieces) === null) return null;
  if (longestEntry(characters, 0, wordPieces) > begin) return null;
  const rest = cutFrom(characters, begin, wordPieces);
  return rest === null ? Infinity : 1 + rest.length;
}
