/**
 * The options of `train` that decide the tokens, which are those of `mine`: apart from the others, whose table knows the methods
 * of finetuning and what they select.
 */
import { LARGEST_GAP } from '../model/gapped-match.js';
import { grouped, type OptionTable } from '../util/options.js';

const DATA = 'Data and output';
const TOKENS = 'New tokens';

export const CORPUS_OPTIONS = grouped(DATA, {
  model: {
    type: 'string',
    required: true,
    value: 'DIR',
    help: 'Folder of a Hugging Face BERT encoder (config.json, model.safetensors, tokenizer.json), or scratch:tiny|mini|small for random weights.',
  },
  train: {
    type: 'path',
    required: true,
    value: 'FILE',
    help: 'Training texts and labels: JSONL, or CSV or TSV with a header row; UTF-8.',
  },
});
export const TEXT_OPTIONS = grouped(DATA, {
  unlabelled: {
    type: 'path',
    value: 'FILE',
    help: 'More texts of the domain, without labels, used for mining only.',
  },
  text: { type: 'string', default: 'text', value: 'NAME', help: 'Column with the text.' },
  label: { type: 'string', default: 'label', value: 'NAME', help: 'Column with the label.' },
});
export const TOKEN_OPTIONS = grouped(TOKENS, {
  tokens: {
    type: 'path',
    value: 'FILE',
    help: 'Phrases to add instead of mining them: one a line, or an edited report of `adaptune mine`.',
  },
  minSupport: {
    type: 'support',
    default: 5,
    value: 'N|0.x',
    help: 'Unique texts that must contain a pattern: a count (5) or a fraction (0.01).',
  },
  maxPattern: {
    type: 'integer',
    min: 2,
    max: 32,
    default: 7,
    value: 'N',
    help: 'Longest pattern, in words.',
  },
  minUses: {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 10,
    value: 'N',
    help: 'Occurrences after merging that a new token needs.',
  },
  pplMax: {
    type: 'number',
    min: 0,
    max: 1000,
    above: true,
    default: 0.3,
    value: 'X',
    help: 'Largest unigram-normalized perplexity of a new token; lower keeps only words that belong together.',
  },
  gapped: {
    type: 'choice',
    choices: ['off', 'first', 'insert'],
    default: 'off',
    help: 'Patterns with other words between theirs become tokens too, as far as phrases leave room. first: the token stands for its words, at the first of them. insert: it is put before them.',
  },
  maxGap: {
    type: 'integer',
    min: 1,
    max: LARGEST_GAP,
    default: 3,
    value: 'N',
    help: 'Words allowed between neighbours of a gapped pattern.',
  },
  singleWords: {
    type: 'boolean',
    default: false,
    help: 'Single words of several pieces may be tokens too; longer words that begin with one are then cut after it.',
  },
  rank: {
    type: 'choice',
    choices: ['telling', 'saved'],
    default: 'telling',
    help: 'Which tokens stand first, and stay under a limit. telling: terms of the subject that go with a label. saved: what saves most pieces.',
  },
  stopWords: { type: 'path', value: 'FILE', help: 'Stop words, one a line, instead of the built-in list.' },
  protect: {
    type: 'list',
    default: ['<<', '>>', '[[', ']]'],
    value: 'STRINGS',
    help: 'Markers that no pattern contains or spans, separated by spaces.',
  },
});
export const THREAD_OPTIONS = grouped('Run', {
  threads: {
    type: 'integer',
    min: 1,
    max: 256,
    value: 'N',
    help: 'Threads. Default: what CPU quota and affinity allow.',
  },
});

const { tokens, stopWords, protect, ...choice } = TOKEN_OPTIONS;

/** What makes a pattern a candidate, and which candidates are chosen. */
export const CHOICE_OPTIONS = choice;

/** The options of `train` that decide the tokens. */
export const MINE_OPTIONS = {
  ...CORPUS_OPTIONS,
  ...TEXT_OPTIONS,
  ...grouped(TOKENS, {
    newTokens: {
      type: 'integer',
      min: 0,
      max: 100_000,
      words: ['auto'],
      default: 'auto',
      value: 'auto|N',
      help: 'Largest number of tokens.',
    },
  }),
  tokens: {
    ...tokens,
    help: 'Report these phrases instead of mining: one a line, or an edited report of this command.',
  },
  ...CHOICE_OPTIONS,
  stopWords,
  protect,
  ...THREAD_OPTIONS,
} as const satisfies OptionTable;
