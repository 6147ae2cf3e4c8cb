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
  type PiecesWithEntry,
  reportPhrases,
  singleWordCandidates,
  termCandidates,
  throwIfAborted,
  tokenCap,
  type TokenReport,
  trainingPieces,
  uniqueTexts,
  withoutSpoilers,
  wordSequence,
  wordSequences,
} from '../mining/index.js';
import type { Tokenizer } from '../model/tokenizer.js';
import { readText } from '../util/files.js';
import { type OptionsOf, type ResolvedOf, resolveOptions } from '../util/options.js';
import { CHOICE_OPTIONS } from './mine-options.js';
import { TRAIN_OPTIONS } from './options.js';
import { GappedCorpus } from './gapped-corpus.js';
import { chooseGapped, type GappedCounts, mineGapped, reportGapped } from './mine-gapped.js';
import {
  apartGapped,
  checkGapped,
  checkPhrases,
  readTokenList,
  type RejectedEntry,
  type TokenEntry,
  tokenId,
} from './token-list.js';

export { miningKey, type TokenReport } from '../mining/index.js';

/** The options of `train` that bear on the choice of tokens. */
const { newTokens, protect, threads } = TRAIN_OPTIONS;
const TOKEN_OPTIONS = { ...CHOICE_OPTIONS, newTokens, protect, threads };
type Resolved = ResolvedOf<typeof TOKEN_OPTIONS>;

/** Names, ranges and defaults are those of `train`; files may be given as lists instead. */
export interface TokenOptions extends OptionsOf<typeof TOKEN_OPTIONS> {
  /** Path of a stop word file, or the words. */
  stopWords?: string | Iterable<string> | null | undefined;
  /** Path of a token list, or its phrases, to use instead of mining. */
  tokens?: string | readonly string[] | null | undefined;
  /** More closed patterns than this are E_MINING. */
  maxPatterns?: number | undefined;
}

export type MiningStage = 'encode' | 'mine' | 'choose';

export interface MineTokensInput {
  texts: readonly string[];
  labels?: readonly string[] | null | undefined;
  /** More texts of the domain: they support patterns, uses are counted in `texts`. */
  unlabelled?: readonly string[] | null | undefined;
  tokenizer: Tokenizer;
  options?: TokenOptions | undefined;
  signal?: AbortSignal | undefined;
  /** `done`: share of the stage, 0 to 1. */
  onProgress?: ((progress: { stage: MiningStage; done: number }) => void) | undefined;
}

/** A token with the mark that an edited list is matched by. */
export interface MinedToken extends TokenReport {
  id: string;
}

export interface MineTokensResult {
  /** Phrases in the order of `rank`, then gapped patterns, those that save most pieces first. */
  chosen: MinedToken[];
  /** `pieces`: base pieces of the unique training texts, which `lengthRatio` and `saved` refer to. */
  corpus: { texts: number; unique: number; words: number; distinctWords: number; pieces: number };
  /** How many were left after each step; null when the tokens were given. */
  mined: {
    /** Word sequences of two or more words with the minimum support, barriers in force. */
    frequent: number;
    /** Of these: closed. */
    closed: number;
    /** Of these: with a content word, and short enough. */
    terms: number;
    /** Of these: at most `pplMax`. With `singleWords`: and single words of several pieces. */
    cohesive: number;
    /** Largest number of tokens allowed. */
    cap: number;
    /** How many gapped patterns were left after each step. */
    gapped: GappedCounts | null;
  } | null;
  /** Entries of a given list that are left out. */
  rejected: RejectedEntry[];
  /** Tokens after merging per base piece, over the unique texts. */
  lengthRatio: number;
  seconds: Record<MiningStage, number>;
}

type Found = Pick<MineTokensResult, 'mined' | 'rejected'> & { chosen: TokenReport[] };
type Stage = <T>(name: MiningStage, work: () => Promise<T> | T) => Promise<T>;

/** Throws E_ARGUMENT, E_MINING, E_ABORTED; with files also E_FILE and E_DATA. */
export async function mineTokens(input: MineTokensInput): Promise<MineTokensResult> {
  const { texts, labels, unlabelled, tokenizer, signal, onProgress } = input;
  const { stopWords, tokens, maxPatterns, ...rest } = input.options ?? {};
  const options = resolveOptions(
    TOKEN_OPTIONS,
    Object.fromEntries(Object.entries(rest).filter(([name]) => Object.hasOwn(TOKEN_OPTIONS, name))),
  );
  if (labels && labels.length !== texts.length)
    throw new AdaptuneError('E_ARGUMENT', `labels: expected ${texts.length}, one for each text, came ${labels.length}`);
  const seconds: Record<MiningStage, number> = { encode: 0, mine: 0, choose: 0 };
  const stage: Stage = async (name, work) => {
    throwIfAborted(signal);
    onProgress?.({ stage: name, done: 0 });
    const begin = performance.now();
    const result = await work();
    seconds[name] += (performance.now() - begin) / 1000;
    onProgress?.({ stage: name, done: 1 });
    return result;
  };

  const corpusOptions: CorpusOptions = {
    protect: options.protect,
    stopWords: await resolveStopWords(stopWords ?? null),
    specialIds: new Set(Object.values(tokenizer.special).filter((id) => id !== null)),
    normalize: (text) => tokenizer.normalize(text),
  };
  const corpus = await stage('encode', () => tokenizedCorpus(input, corpusOptions));
  const counts: MineTokensResult['corpus'] = {
    texts: texts.length + (unlabelled?.length ?? 0),
    unique: corpus.rows.length,
    words: corpus.words.length,
    distinctWords: corpus.lexicon.words.length,
    pieces: trainingPieces(corpus),
  };
  const given = tokens === undefined || tokens === null ? null : apartGapped(await tokenEntries(tokens));
  const phrases =
    given === null
      ? await minedTokens(corpus, input, options, maxPatterns, stage)
      : await stage('choose', () => givenTokens(corpus, given.phrases, tokenizer, corpusOptions, options));
  const patterns = checkGapped(given?.gapped ?? [], tokenizer, options.gapped);
  const rejected = [...phrases.rejected, ...patterns.rejected];
  const found = { ...phrases, rejected };
  if (options.gapped !== 'off') {
    const units = await stage('encode', () => gappedCorpus(corpus, input, phrases.chosen, corpusOptions, options));
    const { chosen, counts } =
      phrases.mined === null
        ? { chosen: patterns.patterns.map((words) => units.wordIds(words)), counts: null }
        : await minedPatterns(units, input, options, maxPatterns, phrases.mined.cap - phrases.chosen.length, stage);
    found.chosen.push(...(await stage('choose', () => reportGapped(units, chosen))));
    if (found.mined) found.mined.gapped = counts;
  }
  const [first] = rejected;
  if (first && found.chosen.length === 0)
    throw new AdaptuneError(
      'E_DATA',
      `${typeof tokens === 'string' ? tokens : 'tokens'}: expected phrases that can be tokens, came ${rejected.length} that cannot; ` +
        `line ${first.line}: ${JSON.stringify(first.phrase)}: ${first.reason}`,
    );
  const chosen = found.chosen.map((token) => ({ id: tokenId(token.phrase), ...token }));
  return { ...found, chosen, corpus: counts, lengthRatio: lengthRatio(corpus, chosen), seconds };
}

async function tokenEntries(tokens: string | readonly string[]): Promise<TokenEntry[]> {
  if (typeof tokens === 'string') return readTokenList(tokens);
  return tokens.map((phrase, i) => ({ line: i + 1, phrase }));
}

/** The unique texts as the tokenizer cuts them with the phrases that were chosen. */
function gappedCorpus(
  corpus: Corpus,
  { texts, unlabelled, tokenizer }: MineTokensInput,
  phrases: readonly TokenReport[],
  { protect, stopWords }: CorpusOptions,
  { gapped, maxGap }: Resolved,
): Promise<GappedCorpus> {
  const all = unlabelled ? [...texts, ...unlabelled] : texts;
  // A model that was adapted before has phrases of its own.
  const known = new Set(tokenizer.phrases);
  const grown = tokenizer.withPhrases(phrases.map(({ phrase }) => phrase).filter((phrase) => !known.has(phrase)));
  const unique = Array.from(corpus.rows, (row) => all[row]!);
  const mode = gapped === 'insert' ? 'insert' : 'first';
  return GappedCorpus.of(corpus, unique, grown, { mode, maxGap, protect, stopWords });
}

async function minedPatterns(
  units: GappedCorpus,
  { signal, onProgress }: MineTokensInput,
  options: Resolved,
  maxPatterns: number | undefined,
  cap: number,
  stage: Stage,
): Promise<ReturnType<typeof chooseGapped>> {
  const patterns = await stage('mine', () =>
    mineGapped(units, {
      ...options,
      threads: options.threads ?? undefined,
      maxPatterns,
      signal,
      onProgress: ({ done }) => onProgress?.({ stage: 'mine', done }),
    }),
  );
  return stage('choose', () => chooseGapped(units, patterns, { ...options, cap }));
}

async function resolveStopWords(stopWords: string | Iterable<string> | null): Promise<ReadonlySet<string>> {
  if (stopWords === null) return ENGLISH_STOP_WORDS;
  if (typeof stopWords === 'string') return parseStopWords(await readText(stopWords));
  return new Set(Array.from(stopWords, (word) => word.toLowerCase()));
}

async function tokenizedCorpus(
  { texts, labels, unlabelled, tokenizer }: MineTokensInput,
  options: CorpusOptions,
): Promise<Corpus> {
  const all = unlabelled ? [...texts, ...unlabelled] : texts;
  const duplicates = uniqueTexts(all, options.protect);
  const encodings = await tokenizer.encodeForMining(Array.from(duplicates.rows, (row) => all[row]!));
  const rows = { texts: all, labels: labels ?? null, trainingRows: texts.length };
  return buildCorpus(rows, duplicates, encodings, options);
}

async function minedTokens(
  corpus: Corpus,
  { tokenizer, signal, onProgress }: MineTokensInput,
  { minSupport, maxPattern, pplMax, minUses, newTokens, singleWords, rank, threads }: Resolved,
  maxPatterns: number | undefined,
  stage: Stage,
): Promise<Found> {
  const { patterns, visited } = await stage('mine', () =>
    mineSequences(wordSequences(corpus), {
      minSupport,
      maxPattern,
      maxPatterns,
      threads: threads ?? undefined,
      signal,
      onProgress: ({ done }) => onProgress?.({ stage: 'mine', done }),
    }),
  );
  return stage('choose', async () => {
    const cap =
      newTokens === null || newTokens === 'auto'
        ? tokenCap(tokenizer.baseVocabularySize, corpus.trainingTexts)
        : newTokens;
    const terms = termCandidates(corpus, patterns);
    const piecesWithEntry: PiecesWithEntry = (word, entry) => tokenizer.piecesWithEntry(word, entry);
    const singles = singleWords ? withoutSpoilers(corpus, singleWordCandidates(corpus, patterns), piecesWithEntry) : [];
    const cohesive = await retokenized(corpus, [...singles, ...cohesiveCandidates(corpus, terms, pplMax)], tokenizer);
    const mined = {
      frequent: visited.slice(2).reduce((a, b) => a + b, 0),
      closed: patterns.filter(({ items }) => items.length >= 2).length,
      terms: terms.length,
      cohesive: cohesive.length,
      cap,
      gapped: null,
    };
    return { chosen: chooseTokens(corpus, cohesive, { minUses, cap, rank, piecesWithEntry }), mined, rejected: [] };
  });
}

/**
 * Keeps the candidates whose text the tokenizer cuts into the very pieces that were mined. That is all of them but for odd characters
 * (normalizing twice need not be normalizing once).
 */
async function retokenized(
  corpus: Corpus,
  candidates: readonly Candidate[],
  tokenizer: Tokenizer,
): Promise<Candidate[]> {
  const encodings = await tokenizer.encodeForMining(candidates.map((candidate) => phraseText(corpus, candidate)));
  return candidates.filter(({ words }, i) => {
    const mined = Array.from(words, (word) => [...corpus.lexicon.words[word]!.pieces]).flat();
    return mined.join() === encodings[i]!.ids.join();
  });
}

async function givenTokens(
  corpus: Corpus,
  entries: readonly TokenEntry[],
  tokenizer: Tokenizer,
  corpusOptions: CorpusOptions,
  { singleWords, rank }: Resolved,
): Promise<Found> {
  const { specialIds } = corpusOptions;
  const checked = await checkPhrases(entries, tokenizer, { specialIds, singleWords });
  const { phrases, encodings, rejected } = checked;
  const candidates = phrases.map((phrase, i): Candidate => {
    const { words, glued } = wordSequence(phrase, encodings[i]!, corpus.lexicon, { ...corpusOptions, protect: [] });
    return { words: Int32Array.from(words), glued, pieces: encodings[i]!.ids.length };
  });
  const piecesWithEntry: PiecesWithEntry = (word, entry) => tokenizer.piecesWithEntry(word, entry);
  const usable = withoutSpoilers(corpus, candidates, piecesWithEntry);
  candidates.forEach((candidate, i) => {
    const reason = 'the rest of a longer word that begins with it would be unknown to the tokenizer';
    if (!usable.includes(candidate)) rejected.push({ ...checked.entries[i]!, code: 'spoils', reason });
  });
  return { chosen: reportPhrases(corpus, usable, { rank, piecesWithEntry }), mined: null, rejected };
}
