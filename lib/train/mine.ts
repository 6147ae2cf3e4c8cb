/** The mining job, from texts to new tokens: closed word sequences, of these the cohesive ones, of these those that merging uses. */
import { AdaptuneError } from '../errors.js';
import {
  buildCorpus,
  type Candidate,
  chooseTokens,
  cohesiveCandidates,
  type Corpus,
  type CorpusOptions,
  ENGLISH_STOP_WORDS,
  lengthRatio,
  mineSequences,
  parseStopWords,
  phraseText,
  reportPhrases,
  termCandidates,
  tokenCap,
  type TokenReport,
  uniqueTexts,
  wordSequence,
  wordSequences,
} from '../mining/index.js';
import type { Tokenizer } from '../model/tokenizer.js';
import { readText } from '../util/files.js';
import { checkPhrases, readTokenList, type RejectedEntry, type TokenEntry } from './token-list.js';

export { miningKey, type TokenReport } from '../mining/index.js';

/** The options of `train` that bear on mining, with the same names and defaults. */
export interface TokenOptions {
  /** Unique texts that must contain a pattern: a count (5) or a fraction (0.01). */
  minSupport?: number | string | null | undefined;
  /** Longest pattern, in words. */
  maxPattern?: number | null | undefined;
  /** Occurrences after merging that a new token needs. */
  minUses?: number | null | undefined;
  /** Largest unigram-normalized perplexity. */
  pplMax?: number | null | undefined;
  /** `auto`: a tenth of the vocabulary, at most a quarter of the unique texts. */
  newTokens?: number | 'auto' | null | undefined;
  /** Path of a stop word file, or the words. */
  stopWords?: string | Iterable<string> | null | undefined;
  protect?: readonly string[] | null | undefined;
  /** Path of a token list, or its phrases, to use instead of mining. */
  tokens?: string | readonly string[] | null | undefined;
  /** More closed patterns than this are E_MINING. */
  maxPatterns?: number | null | undefined;
}

export const TOKEN_DEFAULTS = {
  minSupport: 5,
  maxPattern: 7,
  minUses: 10,
  pplMax: 0.3,
  protect: ['<<', '>>', '[[', ']]'],
} as const;

export type MiningStage = 'encode' | 'mine' | 'choose';

export interface MineTokensInput {
  texts: readonly string[];
  labels?: readonly string[] | null | undefined;
  /** More texts of the domain: they support patterns, uses are counted in `texts`. */
  unlabelled?: readonly string[] | null | undefined;
  tokenizer: Pick<Tokenizer, 'normalize' | 'encodeForMining' | 'baseVocabularySize' | 'special'>;
  options?: TokenOptions | undefined;
  signal?: AbortSignal | undefined;
  /** `done`: share of the stage, 0 to 1. */
  onProgress?: ((progress: { stage: MiningStage; done: number }) => void) | undefined;
}

export interface MineTokensResult {
  /** Those that save the most pieces first. */
  chosen: TokenReport[];
  corpus: { texts: number; unique: number; words: number; distinctWords: number };
  /** How many were left after each step; null when the tokens were given. */
  mined: {
    /** Word sequences of two or more words with the minimum support, barriers in force. */
    frequent: number;
    /** Of these: closed. */
    closed: number;
    /** Of these: with a content word, and short enough. */
    terms: number;
    /** Of these: at most `pplMax`. */
    cohesive: number;
    /** Largest number of tokens allowed. */
    cap: number;
  } | null;
  /** Entries of a given list that cannot be tokens. */
  rejected: RejectedEntry[];
  /** Tokens after merging per base piece, over the unique texts. */
  lengthRatio: number;
  seconds: Record<MiningStage, number>;
}

/** Throws E_ARGUMENT, E_MINING, E_ABORTED; with files also E_FILE and E_DATA. */
export async function mineTokens(input: MineTokensInput): Promise<MineTokensResult> {
  const { tokenizer, signal, onProgress } = input;
  const options = input.options ?? {};
  if (input.labels && input.labels.length !== input.texts.length)
    throw new AdaptuneError(
      'E_ARGUMENT',
      `labels: expected ${input.texts.length}, one for each text, came ${input.labels.length}`,
    );
  const seconds: Record<MiningStage, number> = { encode: 0, mine: 0, choose: 0 };
  const stage = async <T>(name: MiningStage, work: () => Promise<T> | T): Promise<T> => {
    if (signal?.aborted) throw new AdaptuneError('E_ABORTED', 'mining was cancelled', { cause: signal.reason });
    onProgress?.({ stage: name, done: 0 });
    const begin = performance.now();
    const result = await work();
    seconds[name] += (performance.now() - begin) / 1000;
    onProgress?.({ stage: name, done: 1 });
    return result;
  };

  const corpusOptions = await resolveCorpusOptions(tokenizer, options);
  const corpus = await stage('encode', () => tokenizedCorpus(input, corpusOptions));
  const distinctWords = corpus.lexicon.words.length;
  let chosen: TokenReport[] = [];
  let mined: MineTokensResult['mined'] = null as MineTokensResult['mined'];
  let rejected: RejectedEntry[] = [];
  if (options.tokens != null) {
    ({ chosen, rejected } = await stage('choose', () =>
      givenTokens(corpus, options.tokens!, tokenizer, corpusOptions),
    ));
  } else {
    const { patterns, visited } = await stage('mine', () =>
      mineSequences(wordSequences(corpus), {
        minSupport: options.minSupport ?? TOKEN_DEFAULTS.minSupport,
        maxPattern: options.maxPattern ?? TOKEN_DEFAULTS.maxPattern,
        maxPatterns: options.maxPatterns ?? undefined,
        signal,
        onProgress: ({ done }) => onProgress?.({ stage: 'mine', done }),
      }),
    );
    const cap =
      options.newTokens == null || options.newTokens === 'auto'
        ? tokenCap(tokenizer.baseVocabularySize, corpus.trainingTexts)
        : options.newTokens;
    await stage('choose', async () => {
      const terms = termCandidates(corpus, patterns);
      const close = cohesiveCandidates(corpus, terms, options.pplMax ?? TOKEN_DEFAULTS.pplMax);
      const cohesive = await retokenized(corpus, close, tokenizer);
      chosen = chooseTokens(corpus, cohesive, { minUses: options.minUses ?? TOKEN_DEFAULTS.minUses, cap });
      mined = {
        frequent: visited.slice(2).reduce((a, b) => a + b, 0),
        closed: patterns.filter(({ items }) => items.length >= 2).length,
        terms: terms.length,
        cohesive: cohesive.length,
        cap,
      };
    });
  }
  return {
    chosen,
    corpus: {
      texts: input.texts.length + (input.unlabelled?.length ?? 0),
      unique: corpus.rows.length,
      words: corpus.words.length,
      distinctWords,
    },
    mined,
    rejected,
    lengthRatio: lengthRatio(corpus, chosen),
    seconds,
  };
}

async function resolveCorpusOptions(
  tokenizer: MineTokensInput['tokenizer'],
  { stopWords, protect }: TokenOptions,
): Promise<CorpusOptions> {
  const { special } = tokenizer;
  let words: ReadonlySet<string> = ENGLISH_STOP_WORDS;
  if (typeof stopWords === 'string') words = parseStopWords(await readText(stopWords));
  else if (stopWords != null) words = new Set(Array.from(stopWords, (word) => word.toLowerCase()));
  return {
    protect: protect ?? TOKEN_DEFAULTS.protect,
    stopWords: words,
    specialIds: new Set(Object.values(special).filter((id) => id !== null)),
    normalize: (text) => tokenizer.normalize(text),
  };
}

async function tokenizedCorpus(
  { texts, labels, unlabelled, tokenizer }: MineTokensInput,
  options: CorpusOptions,
): Promise<Corpus> {
  const all = unlabelled ? [...texts, ...unlabelled] : texts;
  const duplicates = uniqueTexts(all, options.protect);
  const encodings = await tokenizer.encodeForMining(Array.from(duplicates.rows, (row) => all[row]!));
  return buildCorpus(
    { texts: all, labels: labels ?? null, trainingRows: texts.length },
    duplicates,
    encodings,
    options,
  );
}

/**
 * Keeps the candidates whose text the tokenizer cuts into the very pieces that were mined. That is all of them but for odd characters
 * (normalizing twice need not be normalizing once).
 */
async function retokenized(
  corpus: Corpus,
  candidates: readonly Candidate[],
  tokenizer: MineTokensInput['tokenizer'],
): Promise<Candidate[]> {
  const encodings = await tokenizer.encodeForMining(candidates.map((candidate) => phraseText(corpus, candidate)));
  return candidates.filter(({ words }, i) => {
    const mined = Array.from(words, (word) => [...corpus.lexicon.words[word]!.pieces]).flat();
    return mined.join() === encodings[i]!.ids.join();
  });
}

async function givenTokens(
  corpus: Corpus,
  tokens: string | readonly string[],
  tokenizer: MineTokensInput['tokenizer'],
  options: CorpusOptions,
): Promise<{ chosen: TokenReport[]; rejected: RejectedEntry[] }> {
  const entries: TokenEntry[] =
    typeof tokens === 'string'
      ? await readTokenList(tokens)
      : tokens.map((phrase, index) => ({ line: index + 1, phrase }));
  const { phrases, encodings, rejected } = await checkPhrases(entries, tokenizer, options.specialIds);
  const sequences = phrases.map((phrase, i) =>
    wordSequence(phrase, encodings[i]!, corpus.lexicon, { ...options, protect: [] }),
  );
  const chosen = reportPhrases(
    corpus,
    sequences.map(({ words, glued }) => ({ words: Int32Array.from(words), glued })),
  );
  return { chosen, rejected };
}
