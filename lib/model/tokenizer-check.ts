/**
 * Which tokenizer.json files are run: WordPiece with BERT's normalizer, pre-tokenizer and template, and the grown form
 * that phrases.ts describes. Everything else is refused before the library sees it, because the library aborts the
 * process on some malformed files and runs any regular expression; what passes is written anew from the checked parts.
 */
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { isObject, show } from '../util/json.js';
import { countPhrases, isPhrase, phrasePattern } from './phrases.js';

const bertNormalizer = z.strictObject({
  type: z.literal('BertNormalizer'),
  clean_text: z.boolean(),
  handle_chinese_chars: z.boolean(),
  strip_accents: z.boolean().nullable(),
  lowercase: z.boolean(),
});
/** Whitespace between the words of a phrase may be any run of any kind: one space for the pattern. */
const COLLAPSE = { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' } as const;
const collapse = z.strictObject({
  type: z.literal('Replace'),
  pattern: z.strictObject({ Regex: z.literal(COLLAPSE.pattern.Regex) }),
  content: z.literal(COLLAPSE.content),
});

const special = z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: z.literal([0, 1]) }) });
const sequence = z.strictObject({
  Sequence: z.strictObject({ id: z.literal(['A', 'B']), type_id: z.literal([0, 1]) }),
});
const template = z.strictObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(z.union([special, sequence])),
  pair: z.array(z.union([special, sequence])),
  special_tokens: z.record(
    z.string(),
    z.strictObject({ id: z.string(), ids: z.array(z.int()), tokens: z.array(z.string()) }),
  ),
});
const bertProcessing = z.strictObject({
  type: z.literal('BertProcessing'),
  sep: z.tuple([z.string(), z.int()]),
  cls: z.tuple([z.string(), z.int()]),
});

const file = z.object({
  version: z.string().optional(),
  added_tokens: z.array(
    z.strictObject({
      id: z.int(),
      content: z.string().min(1),
      single_word: z.boolean(),
      lstrip: z.boolean(),
      rstrip: z.boolean(),
      // Otherwise the library normalizes the content and searches for what is left, which may be nothing.
      normalized: z.literal(false),
      special: z.boolean(),
    }),
  ),
  normalizer: z.union([
    bertNormalizer,
    z.strictObject({ type: z.literal('Sequence'), normalizers: z.tuple([bertNormalizer, collapse]) }),
  ]),
  pre_tokenizer: z.union([
    z.strictObject({ type: z.literal('BertPreTokenizer') }),
    z.strictObject({
      type: z.literal('Split'),
      pattern: z.strictObject({ Regex: z.string() }),
      behavior: z.literal('Removed'),
      invert: z.literal(true),
    }),
  ]),
  post_processor: z.union([template, bertProcessing]),
  decoder: z
    .strictObject({ type: z.literal('WordPiece'), prefix: z.string(), cleanup: z.boolean() })
    .nullable()
    .optional(),
  model: z.strictObject({
    // Files of tokenizers 0.9 and before leave the type out.
    type: z.literal('WordPiece').default('WordPiece'),
    unk_token: z.string(),
    continuing_subword_prefix: z.string().min(1).default('##'),
    max_input_chars_per_word: z.int().min(1).max(1000).default(100),
    vocab: z.custom<Record<string, unknown>>(isObject),
  }),
});
type File = z.infer<typeof file>;

/** The parts of a checked tokenizer.json. */
export interface TokenizerParts {
  /** Entries by id: those of the base tokenizer, then the phrases. */
  entries: readonly string[];
  /** Entries of the base tokenizer. */
  baseSize: number;
  normalizer: z.infer<typeof bertNormalizer>;
  addedTokens: File['added_tokens'];
  unknown: string;
  classifier: string;
  separator: string;
  continuation: string;
  /** Unicode characters; longer words become the unknown token. */
  maxWord: number;
}

const LIMIT = 2 ** 20;

function fail(message: string, cause?: unknown): never {
  throw new AdaptuneError('E_TOKENIZER', `tokenizer.json: ${message}`, cause === undefined ? {} : { cause });
}

/** "normalizer: Invalid input" and the like say too little: names the component that came. */
function explain(json: unknown, error: z.ZodError): string {
  const issue = error.issues[0]!;
  const [part] = issue.path;
  const component = isObject(json) ? json[String(part)] : undefined;
  const type = isObject(component) ? component['type'] : undefined;
  const expected: Record<string, string> = {
    normalizer: 'BertNormalizer, alone or before Replace of \\s+ by one space',
    pre_tokenizer: 'BertPreTokenizer, or the Split that adaptune writes',
    post_processor: 'the template [CLS] A [SEP], [CLS] A [SEP] B [SEP]',
    decoder: 'WordPiece or none',
    model: 'WordPiece',
  };
  const wanted = expected[String(part)];
  if (wanted === undefined) return `${issue.path.join('.') || 'file'}: ${issue.message}`;
  return `${String(part)}: expected ${wanted}, came ${component === undefined ? 'nothing' : show(type ?? component)} (${issue.path.join('.')}: ${issue.message})`;
}

/** Entries by id. Ids are 0 to n - 1 without holes: the embedding table has a row for each. */
function entriesById(vocabulary: Record<string, unknown>): string[] {
  const tokens = Object.keys(vocabulary);
  if (tokens.length === 0 || tokens.length > LIMIT)
    fail(`model.vocab: expected 1 to ${LIMIT} entries, came ${tokens.length}`);
  const entries = new Array<string | undefined>(tokens.length).fill(undefined);
  for (const token of tokens) {
    const id = vocabulary[token];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= tokens.length)
      fail(`model.vocab: expected ids 0 to ${tokens.length - 1}, came ${show(id)} for ${show(token)}`);
    if (entries[id] !== undefined)
      fail(`model.vocab: expected one entry for id ${id}, came ${show(entries[id])} and ${show(token)}`);
    entries[id] = token;
  }
  return entries as string[];
}

/** The [CLS] and [SEP] that the post-processor adds, after checking that it adds nothing else. */
function frame(processor: File['post_processor'], ids: ReadonlyMap<string, number>): { cls: string; sep: string } {
  const check = (token: string, id: number | undefined) => {
    if (id === undefined || ids.get(token) !== id)
      fail(`post_processor: expected the vocabulary's id of ${show(token)}, ${ids.get(token)}, came ${id}`);
    return token;
  };
  if (processor.type === 'BertProcessing') return { cls: check(...processor.cls), sep: check(...processor.sep) };
  const shape = (items: typeof processor.single) =>
    items.map((item) =>
      'Sequence' in item ? `${item.Sequence.id}${item.Sequence.type_id}` : `*${item.SpecialToken.type_id}`,
    );
  const names = [...processor.single, ...processor.pair].flatMap((item) =>
    'SpecialToken' in item ? [item.SpecialToken.id] : [],
  );
  const [cls, sep] = names;
  const expected = [cls, sep, cls, sep, sep];
  if (
    shape(processor.single).join(' ') !== '*0 A0 *0' ||
    shape(processor.pair).join(' ') !== '*0 A0 *0 B1 *1' ||
    names.some((name, i) => name !== expected[i])
  )
    fail('post_processor: expected the template [CLS] A [SEP], [CLS] A [SEP] B [SEP] with types 0 and 1');
  for (const name of [cls!, sep!]) {
    const entry = Object.hasOwn(processor.special_tokens, name) ? processor.special_tokens[name] : undefined;
    if (entry?.ids.length !== 1 || entry.tokens.length !== 1 || entry.tokens[0] !== name)
      fail(`post_processor: expected ${show(name)} to stand for one token`);
    check(name, entry.ids[0]);
  }
  return { cls: cls!, sep: sep! };
}

/** Checks a parsed tokenizer.json; E_TOKENIZER names the part that is not as expected. Padding and truncation are ignored. */
export function checkTokenizer(json: unknown): TokenizerParts {
  const parsed = file.safeParse(json);
  if (!parsed.success) fail(explain(json, parsed.error), parsed.error);
  const { model, added_tokens: addedTokens, normalizer, pre_tokenizer: preTokenizer, post_processor } = parsed.data;

  const entries = entriesById(model.vocab);
  const ids = new Map(entries.map((entry, id) => [entry, id]));
  if (!ids.has(model.unk_token))
    fail(`model.unk_token: expected an entry of the vocabulary, came ${show(model.unk_token)}`);
  for (const { content, id } of addedTokens)
    if (ids.get(content) !== id)
      fail(`added_tokens: expected the vocabulary's id of ${show(content)}, ${ids.get(content)}, came ${id}`);
  const { cls, sep } = frame(post_processor, ids);

  let baseSize = entries.length;
  const grown = preTokenizer.type === 'Split';
  if (grown !== (normalizer.type === 'Sequence'))
    fail('expected both the Split pre-tokenizer and the Replace normalizer of grown vocabularies, or neither');
  if (grown) {
    const { Regex: pattern } = preTokenizer.pattern;
    baseSize -= countPhrases(pattern);
    const phrases = entries.slice(Math.max(baseSize, 0));
    if (
      baseSize < 1 ||
      phrases.length === 0 ||
      !phrases.every((phrase) => isPhrase(phrase, model.max_input_chars_per_word)) ||
      phrasePattern(phrases) !== pattern
    )
      fail(
        'pre_tokenizer: expected the pattern that adaptune writes for the last entries of the vocabulary, came another',
      );
  }
  for (const token of [model.unk_token, cls, sep, ...addedTokens.map(({ content }) => content)])
    if (ids.get(token)! >= baseSize) fail(`expected ${show(token)} among the base entries, came a phrase`);

  return {
    entries,
    baseSize,
    normalizer: normalizer.type === 'Sequence' ? normalizer.normalizers[0] : normalizer,
    addedTokens,
    unknown: model.unk_token,
    classifier: cls,
    separator: sep,
    continuation: model.continuing_subword_prefix,
    maxWord: model.max_input_chars_per_word,
  };
}

/** The tokenizer.json of these parts: without padding and truncation, grown when there are phrases. */
export function tokenizerJson(parts: TokenizerParts): object {
  const { entries, baseSize, classifier: cls, separator: sep } = parts;
  const phrases = entries.slice(baseSize);
  const add = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const text = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const token = (id: string) => [id, { id, ids: [entries.indexOf(id)], tokens: [id] }] as const;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: parts.addedTokens,
    normalizer: phrases.length ? { type: 'Sequence', normalizers: [parts.normalizer, COLLAPSE] } : parts.normalizer,
    pre_tokenizer: phrases.length
      ? { type: 'Split', pattern: { Regex: phrasePattern(phrases) }, behavior: 'Removed', invert: true }
      : { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [add(cls, 0), text('A', 0), add(sep, 0)],
      pair: [add(cls, 0), text('A', 0), add(sep, 0), text('B', 1), add(sep, 1)],
      special_tokens: Object.fromEntries([token(cls), token(sep)]),
    },
    decoder: { type: 'WordPiece', prefix: parts.continuation, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: parts.unknown,
      continuing_subword_prefix: parts.continuation,
      max_input_chars_per_word: parts.maxWord,
      // An object of own entries also for "__proto__".
      vocab: Object.fromEntries(entries.map((entry, id) => [entry, id])),
    },
  };
}
