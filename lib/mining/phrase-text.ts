import type { Corpus } from './corpus.js';
import type { Phrase } from './phrase-trie.js';

/** WordPiece turns longer words, and so longer phrases, into [UNK]. In Unicode characters. */
export const LONGEST_PHRASE = 100;

/** The phrase as text: words stand apart by one space, but for those that are glued. */
export function phraseText(corpus: Corpus, { words, glued }: Phrase): string {
  let text = '';
  words.forEach((word, i) => {
    text += (i === 0 || glued?.[i] ? '' : ' ') + (corpus.lexicon.words[word]?.text ?? '');
  });
  return text;
}

/** Base pieces of these words. */
export function pieceCount(corpus: Corpus, words: Int32Array): number {
  return words.reduce((sum, word) => sum + (corpus.lexicon.words[word]?.pieces.length ?? 0), 0);
}
