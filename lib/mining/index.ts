/** Closed sequence mining and the choice of new tokens, over integers: usable alone, without the addon and without a tokenizer. */
export { mineClosedSequences, mineSequences, type MiningResult, throwIfAborted } from './mine.js';
export {
  MINING_DEFAULTS,
  type MiningOptions,
  type MiningProgress,
  type ResolvedMiningOptions,
  resolveSupport,
} from './options.js';
export { comparePatterns, type Pattern } from './collector.js';
export { formatSpmf, parseSpmf } from './spmf.js';
export {
  buildCorpus,
  type Corpus,
  type CorpusOptions,
  Lexicon,
  miningKey,
  type TokenizedText,
  uniqueTexts,
  type Word,
  type WordSequence,
  wordSequence,
  wordSequences,
} from './corpus.js';
export {
  chooseTokens,
  cohesiveCandidates,
  lengthRatio,
  LONGEST_PHRASE,
  phraseText,
  reportPhrases,
  termCandidates,
  tokenCap,
  type TokenReport,
} from './choose.js';
export { type Candidate } from './elimination.js';
export { type Phrase } from './phrase-trie.js';
export { type Association } from './association.js';
export { ENGLISH_STOP_WORDS, parseStopWords } from './stop-words.js';
