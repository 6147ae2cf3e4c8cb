import type { Association } from './association.js';
import type { Corpus } from './corpus.js';
import type { Phrase } from './phrase-trie.js';

/** `telling`: terms of the subject that go with a label first. `saved`: what saves most pieces first. */
export type Rank = 'telling' | 'saved';

/** Bits that a term is worth although it goes with no label. */
const TERM_BITS = 0.2;

/**
 * What one use of a phrase tells: held-out bits about the label, more for content words than for function words, whose phrases ("in
 * this paper", "can you tell me") are frequent and cohesive everywhere. Measured against other orders in docs/decisions/0011-rank.md.
 */
export function tellingWeight(corpus: Corpus, { words }: Phrase, association: Association | null): number {
  const content = words.reduce((sum, word) => sum + (corpus.lexicon.words[word]?.content ? 1 : 0), 0) / words.length;
  return (Math.max(0, association?.bits ?? 0) + TERM_BITS) * content ** 2;
}
