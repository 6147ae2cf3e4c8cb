/** Closed sequence mining and the choice of new tokens, over integers: usable alone, without the addon and without a tokenizer. */
export { mineClosedSequences, mineSequences, type MiningResult, throwIfAborted } from './mine.js';
export {
  MINING_DEFAULTS,
  type MiningOptions,
  type MiningProgress,
  type ResolvedMiningOptions,
  resolveSupport,
} from './options.js';
export { comparePatterns, type Pattern } from './packed-patterns.js';
export { formatSpmf, parseSpmf, spmfChunks } from './spmf.js';
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
  type ChoiceOptions,
  chooseTokens,
  cohesiveCandidates,
  reportPhrases,
  singleWordCandidates,
  termCandidates,
  tokenCap,
} from './choose.js';
export { LONGEST_PHRASE, phraseText } from './phrase-text.js';
export { type Rank } from './rank.js';
export { lengthRatio, type TokenReport, trainingPieces } from './report.js';
export { type PiecesWithEntry, withoutSpoilers } from './single-words.js';
export { type Candidate, type Phrase } from './phrase-trie.js';
export { type Association, LabelTable } from './association.js';
export { WindowCohesion } from './window-cohesion.js';
export { ENGLISH_STOP_WORDS, parseStopWords } from './stop-words.js';
