/** The files of a tokenizer in a model folder; what tokenizer_config.json tells besides: names, and the maximum length. */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { exists, readText } from '../util/files.js';
import { isObject, parseJson, show } from '../util/json.js';
import { GAPPED_FILE } from './gapped.js';
import { modelFile } from './model-files.js';
import type { TokenizerParts } from './tokenizer-check.js';

/** tokenizer.json of a large vocabulary with all its phrases stays far below. */
const LIMITS = { code: 'E_TOKENIZER', length: 2 ** 26, depth: 32, keys: 2 ** 21 } as const;

/** A command that adds tokenizer.json to a folder that has a vocabulary only. */
const conversion = (folder: string) =>
  `python -c "import sys; from transformers import AutoTokenizer; AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])" ${JSON.stringify(folder)}`;

/**
 * Parsed, not checked: tokenizer.json, tokenizer_config.json ({} without one) and gapped.json (null without one). E_FILE,
 * E_MODEL_FORMAT (a link out), E_TOKENIZER.
 */
export async function readTokenizerFiles(folder: string): Promise<{ json: unknown; config: unknown; gapped: unknown }> {
  const there = (name: string) => exists(join(folder, name));
  const read = async (name: string) => {
    const path = await modelFile(folder, name);
    return parseJson(await readText(path, { limit: LIMITS.length }), join(folder, name), LIMITS);
  };
  if (!(await there('tokenizer.json'))) {
    const vocabulary = (await there('vocab.txt'))
      ? `vocab.txt, of a slow one; convert it once: ${conversion(folder)}`
      : 'nothing';
    throw new AdaptuneError(
      'E_TOKENIZER',
      `${join(folder, 'tokenizer.json')}: expected the file of a fast tokenizer, came ${vocabulary}`,
    );
  }
  const json = await read('tokenizer.json');
  const config = (await there('tokenizer_config.json')) ? await read('tokenizer_config.json') : {};
  const gapped = (await there(GAPPED_FILE)) ? await read(GAPPED_FILE) : null;
  return { json, config, gapped };
}

/** What of tokenizer_config.json is kept. */
export interface TokenizerConfig {
  padding: string;
  mask: string;
  maxLength: number | null;
}

/** Names and the length limit of tokenizer_config.json; a limit as large as "none" (1e30) is none. */
export function checkConfig(config: unknown): TokenizerConfig {
  if (!isObject(config))
    throw new AdaptuneError('E_TOKENIZER', `tokenizer_config.json: expected an object, came ${show(config)}`);
  const { pad_token, mask_token, model_max_length: limit } = config;
  // A token is given by its text or as an object with its text.
  const name = (token: unknown, usual: string) => {
    const content = isObject(token) ? token['content'] : token;
    return typeof content === 'string' ? content : usual;
  };
  return {
    padding: name(pad_token, '[PAD]'),
    mask: name(mask_token, '[MASK]'),
    maxLength: typeof limit === 'number' && Number.isInteger(limit) && limit > 0 && limit < 2 ** 31 ? limit : null,
  };
}

/** The tokenizer_config.json of a saved model. transformers must not rebuild the pipeline, which the class name ensures. */
export function configJson(
  { padding, mask }: TokenizerConfig,
  { unknown, classifier, separator, normalizer }: TokenizerParts,
  maxLength: number,
  isEntry: (name: string) => boolean,
): object {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: maxLength,
    do_lower_case: normalizer.lowercase,
    unk_token: unknown,
    cls_token: classifier,
    sep_token: separator,
    // Of names that are no entries, transformers would make new ones, beyond the embedding table.
    ...(isEntry(padding) ? { pad_token: padding } : {}),
    ...(isEntry(mask) ? { mask_token: mask } : {}),
  };
}
