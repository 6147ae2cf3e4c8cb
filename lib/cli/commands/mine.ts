import { AdaptuneError } from '../../errors.js';
// Not the whole room: mining a file must not wait for the choice of tokens, for tables and for readers of texts.
import type { FlatSequences } from '../../mining/database.js';
import { minePacked } from '../../mining/mine.js';
import type { PatternList } from '../../mining/packed-patterns.js';
import { spmfChunks, SpmfReader } from '../../mining/spmf.js';
import { LARGEST_GAP } from '../../model/gapped-match.js';
import { MINE_OPTIONS } from '../../train/mine-options.js';
import type { MineTokensResult } from '../../train/mine.js';
import { ReadableFile, writeAtomic } from '../../util/files.js';
import { grouped, type OptionTable, type ResolvedOf } from '../../util/options.js';
import type { CommandSpec, Invocation } from '../command.js';
import { count, leaveNothing, note, percent, say } from '../output.js';
import { checkOutput, endingOf } from '../output-file.js';
import { share } from '../progress.js';
import type { TokenInContext } from '../tokens.js';

const {
  train: _train,
  model: _model,
  maxPattern: _maxPattern,
  maxGap: _maxGap,
  unlabelled,
  text,
  label,
  ...TOKEN_OPTIONS
} = MINE_OPTIONS;
const OPTIONS = {
  ...grouped('Data and output', {
    train: {
      type: 'path',
      value: 'FILE',
      help: 'Texts: JSONL, or CSV or TSV with a header row; labels are used when they are there.',
    },
    model: {
      type: 'string',
      value: 'DIR',
      help: 'Folder whose tokenizer cuts the texts, or scratch:tiny|mini|small to make one from them.',
    },
    out: {
      type: 'path',
      value: 'FILE',
      help: 'Also write all tokens as .json, .csv or .tsv, for `train --tokens`; with --spmf the patterns.',
    },
    unlabelled,
    text,
    label,
  }),
  ...TOKEN_OPTIONS,
  ...grouped('New tokens', {
    topK: { type: 'integer', min: 1, max: 1_000_000, value: 'N', help: 'Only the first N; replaces --new-tokens.' },
    maxPattern: {
      type: 'integer',
      min: 1,
      max: 1_000_000,
      value: 'N',
      help: `Longest pattern. Default: ${MINE_OPTIONS.maxPattern.default} words for texts, none for --spmf.`,
    },
    maxGap: {
      type: 'integer',
      min: 0,
      max: 1_000_000,
      words: ['inf'],
      value: 'N|inf',
      help: `Words, or items, allowed between neighbours of a pattern. Default: ${MINE_OPTIONS.maxGap.default} with --gapped, inf for --spmf.`,
    },
  }),
  ...grouped('Integer sequences instead of texts', {
    spmf: {
      type: 'path',
      value: 'FILE',
      help: 'Mine a sequence database in SPMF format, with --min-support, --max-pattern, --max-gap and --top-k.',
    },
  }),
} satisfies OptionTable;
type Options = ResolvedOf<typeof OPTIONS>;

/** Bytes. */
const LARGEST_SPMF = 2 ** 30;
const FORMATS = ['.json', '.csv', '.tsv'] as const;

type Tokens = Omit<MineTokensResult, 'chosen'> & { chosen: TokenInContext[] };
type Result = ({ kind: 'tokens' } & Tokens) | { kind: 'spmf'; sequences: number; patterns: PatternList };

async function readSpmf(path: string): Promise<FlatSequences> {
  await using file = await ReadableFile.open(path, LARGEST_SPMF);
  const reader = new SpmfReader(file.stat.size, path);
  await file.readPieces((bytes, isLast) => reader.take(bytes, isLast));
  return reader.finish();
}

async function mineSpmf(
  path: string,
  options: Options,
  { signal, progress }: Invocation<typeof OPTIONS>,
): Promise<Result> {
  if (options.train !== null)
    throw new AdaptuneError('E_ARGUMENT', 'expected --train FILE or --spmf FILE but received both');
  if (options.out !== null) await checkOutput(options.out, [path]);
  const sequences = await readSpmf(path);
  const { patterns } = await minePacked(sequences, {
    minSupport: options.minSupport,
    maxGap: options.maxGap === null || options.maxGap === 'inf' ? Infinity : options.maxGap,
    maxPattern: options.maxPattern ?? undefined,
    topK: options.topK ?? undefined,
    threads: options.threads ?? undefined,
    signal,
    onProgress: ({ done, patterns }) =>
      progress.update({ stage: 'mine', ...share(done), detail: `${patterns} patterns` }),
  });
  if (options.out !== null) await writeAtomic(options.out, spmfChunks(patterns));
  leaveNothing();
  return { kind: 'spmf', sequences: sequences.count, patterns };
}

async function mineTexts(options: Options, { signal, progress }: Invocation<typeof OPTIONS>): Promise<Result> {
  const { train, model } = options;
  if (train === null || model === null)
    throw new AdaptuneError(
      'E_ARGUMENT',
      'expected --train FILE and --model DIR, or --spmf FILE; see adaptune mine --help',
    );
  const { gapped, maxGap } = options;
  if (gapped === 'off' && maxGap !== null && maxGap !== 0)
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected 0 for --max-gap without --gapped first or insert but received ${maxGap}`,
    );
  if (maxGap === 'inf')
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected a whole number from 1 to ${LARGEST_GAP} for --max-gap with texts but received inf`,
    );
  const form = options.out === null ? null : endingOf(options.out, FORMATS);
  if (options.out !== null) await checkOutput(options.out, [train, options.unlabelled, options.stopWords]);
  const { readTexts } = await import('../../util/data.js');
  const { inContext, tokensTable } = await import('../tokens.js');
  const data = await readTexts(train, { text: options.text, label: options.label, labels: 'optional' });
  const { topK, out, spmf: _spmf, maxGap: _gap, maxPattern, newTokens, ...rest } = options;
  const { mine } = await import('../../train/mine-corpus.js');
  const mined = await mine({
    ...rest,
    model,
    train: { texts: data.texts, ...(data.labels === null ? {} : { labels: data.labels }) },
    maxPattern,
    maxGap: gapped === 'off' ? null : maxGap,
    newTokens: topK ?? newTokens,
    signal,
    onProgress: ({ stage, done }) => progress.update({ stage, ...share(done) }),
  });
  const result: Tokens = { ...mined, chosen: mined.chosen.map((token) => inContext(token, data.texts)) };
  if (out !== null && form !== null)
    await writeAtomic(
      out,
      form === '.json'
        ? `${JSON.stringify(result, null, 1)}\n`
        : tokensTable(result.chosen, result.corpus.pieces, form),
    );
  return { kind: 'tokens', ...result };
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'mine',
  summary: 'Shows the word sequences of a corpus that are worth a token of their own; or mines an SPMF file.',
  options: OPTIONS,
  usage: '--train FILE --model DIR [options]',
  example: 'adaptune mine --train train.csv --model models/minilm-l6 --out tokens.csv',
  run: (invocation) =>
    invocation.options.spmf === null
      ? mineTexts(invocation.options, invocation)
      : mineSpmf(invocation.options.spmf, invocation.options, invocation),
  async print(result, { options }) {
    if (result.kind === 'spmf') {
      if (options.out === null) for (const lines of spmfChunks(result.patterns)) process.stdout.write(lines);
      note(`${count(result.patterns.length)} closed patterns in ${count(result.sequences)} sequences`);
      return;
    }
    const { chosen, mined, corpus, lengthRatio, rejected } = result;
    say(`${count(corpus.unique)} unique texts of ${count(corpus.texts)}, ${count(corpus.words)} words`);
    if (mined)
      say(
        `${count(mined.frequent)} frequent word sequences, ${count(mined.closed)} closed, ${count(mined.terms)} with a content word, ` +
          `${count(mined.cohesive)} cohesive, at most ${count(mined.cap)} tokens`,
      );
    if (mined?.gapped)
      say(
        `${count(mined.gapped.closed)} closed gapped patterns, ${count(mined.gapped.terms)} with a content word, ` +
          `${count(mined.gapped.cohesive)} cohesive`,
      );
    for (const { line, phrase, code, reason } of rejected)
      note(`line ${line}: ${JSON.stringify(phrase)} is left out (${code}): ${reason}`);
    say(`${count(chosen.length)} new tokens; texts are ${percent(lengthRatio)} of their length\n`);
    if (chosen.length === 0) return;
    const { tokensText } = await import('./shared.js');
    say(tokensText(chosen, 50, corpus.pieces));
  },
};
