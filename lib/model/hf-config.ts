/**
 * Hugging Face `config.json` <-> the switches of the engine. Keys that no BERT has are ignored with a note; a key that is
 * known with a value that would compute something else is refused, since running on would give wrong answers silently.
 */
import { AdaptuneError } from '../errors.js';
import type { EncoderConfig } from '../native/binding.js';
import { isObject, parseJsonObject, show } from '../util/json.js';

export interface HfConfig {
  /** `classes` as the file says, 2 without a word (as transformers has it). */
  encoder: EncoderConfig;
  /** By id; null when the file has none. */
  labels: string[] | null;
  /** Standard deviation of newly made weights. */
  initializerRange: number;
  /** Names of the classes of transformers that wrote the file. */
  architectures: string[];
  notes: string[];
}

interface NumberKey {
  integer?: boolean;
  min: number;
  max: number;
  /** Without it the key must be there. */
  default?: number;
}
const size = (max: number): NumberKey => ({ integer: true, min: 1, max });

/** Every number that is read. Upper bounds are generous limits of what can be meant. */
const NUMBERS = {
  hidden_size: size(2 ** 16),
  num_hidden_layers: size(1024),
  num_attention_heads: size(1024),
  intermediate_size: size(2 ** 18),
  vocab_size: size(2 ** 24),
  max_position_embeddings: size(2 ** 20),
  type_vocab_size: size(1024),
  layer_norm_eps: { min: 1e-20, max: 1, default: 1e-12 },
  hidden_dropout_prob: { min: 0, max: 0.99, default: 0.1 },
  attention_probs_dropout_prob: { min: 0, max: 0.99, default: 0.1 },
  initializer_range: { min: 0, max: 1, default: 0.02 },
} as const satisfies Record<string, NumberKey>;

/** Keys with the only values that the engine computes. null counts as absent. */
const FIXED = new Map<string, readonly unknown[]>([
  ['model_type', ['bert']],
  // gelu_python is the same erf form, written out.
  ['hidden_act', ['gelu', 'gelu_python']],
  ['position_embedding_type', ['absolute']],
  ['is_decoder', [false]],
  ['add_cross_attention', [false]],
  ['is_encoder_decoder', [false]],
  ['problem_type', ['single_label_classification']],
]);

/** Keys that change nothing here: of other heads, of generation, of the file's history. */
const INERT = new Set(
  (
    '_name_or_path _num_labels architectures bos_token_id chunk_size_feed_forward directionality dtype eos_token_id ' +
    'finetuning_task gradient_checkpointing output_attentions output_hidden_states output_past pad_token_id ' +
    'pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type return_dict ' +
    'tie_word_embeddings torch_dtype torchscript transformers_version use_bfloat16 use_cache'
  ).split(' '),
);
const READ = new Set([
  ...Object.keys(NUMBERS),
  'classifier_dropout',
  'pruned_heads',
  'id2label',
  'label2id',
  'num_labels',
]);

const CLASSES_LIMIT = 2 ** 16;

/** E_MODEL_CONFIG. */
export function parseHfConfig(text: string, source: string): HfConfig {
  const fail = (key: string, expected: string, came: string) =>
    new AdaptuneError('E_MODEL_CONFIG', `${source}: ${key}: expected ${expected}, came ${came}`);
  const root = parseJsonObject(text, source, { code: 'E_MODEL_CONFIG', keys: 4 * CLASSES_LIMIT });
  const get = (key: string): unknown => (Object.hasOwn(root, key) ? (root[key] ?? undefined) : undefined);
  const notes: string[] = [];

  const number = (key: string, spec: NumberKey, value = get(key)): number => {
    const kind = `${spec.integer ? 'an integer' : 'a number'} from ${spec.min} to ${spec.max}`;
    if (value === undefined) {
      if (spec.default === undefined) throw fail(key, kind, 'none');
      return spec.default;
    }
    const fits = typeof value === 'number' && value >= spec.min && value <= spec.max;
    if (!fits || (spec.integer && !Number.isInteger(value))) throw fail(key, kind, show(value));
    return value;
  };

  if (get('model_type') === undefined) throw fail('model_type', '"bert"', 'none');
  for (const [key, values] of FIXED) {
    const value = get(key);
    if (value !== undefined && !values.includes(value)) {
      throw fail(key, values.map((v) => show(v)).join(' or '), show(value));
    }
  }
  const pruned = get('pruned_heads');
  if (pruned !== undefined && !(isObject(pruned) && Object.keys(pruned).length === 0)) {
    throw fail('pruned_heads', 'none', show(pruned));
  }
  const ignored = Object.keys(root).filter((key) => !READ.has(key) && !FIXED.has(key) && !INERT.has(key));
  if (ignored.length > 0) notes.push(`config.json: ignored ${ignored.map((key) => show(key)).join(', ')}`);

  const values = Object.fromEntries(Object.entries(NUMBERS).map(([key, spec]) => [key, number(key, spec)])) as Record<
    keyof typeof NUMBERS,
    number
  >;
  const { hidden_size: hidden, num_attention_heads: heads } = values;
  if (hidden % heads !== 0) throw fail('hidden_size', `a multiple of num_attention_heads (${heads})`, `${hidden}`);
  const dropout = values.hidden_dropout_prob;
  const classifierDropout = number('classifier_dropout', { min: 0, max: 0.99, default: dropout });

  const labels = readLabels(get('id2label'), fail);
  const classes = number('num_labels', { integer: true, min: 1, max: CLASSES_LIMIT, default: labels?.length ?? 2 });
  if (labels && classes !== labels.length) throw fail('num_labels', `${labels.length}, as in id2label`, `${classes}`);
  if (labels && !agrees(labels, get('label2id')))
    notes.push('config.json: label2id differs from id2label and is ignored');

  const architectures = get('architectures');
  return {
    encoder: {
      layers: values.num_hidden_layers,
      hidden,
      heads,
      kvHeads: heads,
      headWidth: hidden / heads,
      feedForward: values.intermediate_size,
      vocabulary: values.vocab_size,
      positions: values.max_position_embeddings,
      types: values.type_vocab_size,
      classes,
      normEps: values.layer_norm_eps,
      hiddenDropout: dropout,
      attentionDropout: values.attention_probs_dropout_prob,
      classifierDropout,
      activation: 'gelu',
    },
    labels,
    initializerRange: values.initializer_range,
    architectures: Array.isArray(architectures) ? architectures.filter((name) => typeof name === 'string') : [],
    notes,
  };
}

/** Labels by numeric id: 0 to n - 1, each once, with names of their own. */
function readLabels(
  value: unknown,
  fail: (key: string, expected: string, came: string) => AdaptuneError,
): string[] | null {
  if (value === undefined) return null;
  if (!isObject(value)) throw fail('id2label', 'an object from id to label', show(value));
  const byId = new Map<number, string>();
  for (const [key, label] of Object.entries(value)) {
    if (!/^(0|[1-9]\d{0,8})$/.test(key)) throw fail('id2label', 'numbers as keys', show(key));
    if (typeof label !== 'string') throw fail(`id2label ${key}`, 'a string', show(label));
    byId.set(Number(key), label);
  }
  const labels: string[] = [];
  const seen = new Map<string, number>();
  for (let id = 0; id < byId.size; id++) {
    const label = byId.get(id);
    if (label === undefined) throw fail('id2label', `ids from 0 to ${byId.size - 1}`, `no id ${id}`);
    const other = seen.get(label);
    if (other !== undefined) throw fail('id2label', 'every label once', `${show(label)} for ${other} and ${id}`);
    seen.set(label, id);
    labels.push(label);
  }
  if (labels.length < 1 || labels.length > CLASSES_LIMIT) {
    throw fail('id2label', `1 to ${CLASSES_LIMIT} labels`, `${labels.length}`);
  }
  return labels;
}

function agrees(labels: readonly string[], label2id: unknown): boolean {
  if (label2id === undefined) return true;
  if (!isObject(label2id) || Object.keys(label2id).length !== labels.length) return false;
  return labels.every((label, id) => Object.hasOwn(label2id, label) && label2id[label] === id);
}

/**
 * The text of `config.json` for transformers' BertForSequenceClassification, keys in a fixed order. Written by hand,
 * because labels such as `__proto__` and `10` do not survive as keys of a JavaScript object.
 */
export function hfConfigText(
  config: EncoderConfig,
  labels: readonly string[],
  options: { initializerRange?: number; extra?: Readonly<Record<string, unknown>> } = {},
): string {
  const twice = labels.find((label, id) => labels.indexOf(label) < id);
  if (labels.length !== config.classes || twice !== undefined) {
    const came = twice === undefined ? `${labels.length}` : `${show(twice)} twice`;
    throw new AdaptuneError(
      'E_LABELS',
      `labels: expected ${config.classes} different ones, one for each class of the model, came ${came}`,
    );
  }
  const object = (entries: (readonly [string, unknown])[]) =>
    `{\n${entries.map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(',\n')}\n  }`;
  const fields: [string, string][] = Object.entries({
    architectures: ['BertForSequenceClassification'],
    attention_probs_dropout_prob: config.attentionDropout,
    classifier_dropout: config.classifierDropout,
    hidden_act: 'gelu',
    hidden_dropout_prob: config.hiddenDropout,
    hidden_size: config.hidden,
    initializer_range: options.initializerRange ?? NUMBERS.initializer_range.default,
    intermediate_size: config.feedForward,
    layer_norm_eps: config.normEps,
    max_position_embeddings: config.positions,
    model_type: 'bert',
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    problem_type: 'single_label_classification',
    type_vocab_size: config.types,
    vocab_size: config.vocabulary,
    ...options.extra,
  }).map(([key, value]) => [key, JSON.stringify(value)]);
  fields.push(['id2label', object(labels.map((label, id) => [`${id}`, label]))]);
  fields.push(['label2id', object(labels.map((label, id) => [label, id]))]);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{\n${fields.map(([key, value]) => `  ${JSON.stringify(key)}: ${value}`).join(',\n')}\n}\n`;
}
