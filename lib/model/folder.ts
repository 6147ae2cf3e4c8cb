/**
 * The folder of a trained model: a Hugging Face folder (config.json, model.safetensors, tokenizer files) and
 * `adaptune.json`, which ties it together by the sha256 of the rest and is written last. A folder without it is an
 * interrupted save, and one whose files do not match it is a mix of two models: both are refused.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { exists, readText, writeAtomic } from '../util/files.js';
import { sha256, sha256File } from '../util/hash.js';
import { JSON_LIMITS, parseJson, show } from '../util/json.js';
import { packageVersion } from '../util/version.js';
import type { Encoder } from './encoder.js';
import { parseHfConfig } from './hf-config.js';
import { modelFile } from './model-files.js';

const RECORD = 'adaptune.json';
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

const recordSchema = z.strictObject({
  version: z.literal(1),
  /** Version of the package that wrote the folder. */
  adaptune: z.string(),
  /** The base model's name or folder, as given. */
  base: z.string(),
  method: z.string(),
  /** By class id. */
  labels: z.array(z.string()).min(1),
  /** Longest text in tokens, with special tokens. */
  maxLength: z.int().min(2),
  /** Report of the new tokens, in the order of their ids. */
  tokens: z.array(z.json()),
  plan: z.json(),
  /** Every option, resolved. */
  options: z.json(),
  metrics: z.json(),
  /** sha256 of the texts and labels read, by role. */
  data: z.array(z.tuple([z.string(), digest])),
  /** Of all other files of the folder that are read. */
  files: z.array(z.tuple([fileName, digest])).min(1),
});
export type ModelRecord = z.infer<typeof recordSchema>;

/** Plans of full finetuning list every neuron. */
const LIMITS = { code: 'E_MODEL_INCOMPLETE', length: 2 ** 26, depth: 32, keys: 1_000_000 } as const;

export interface SaveModel {
  encoder: Encoder;
  /** Text by name: tokenizer.json and tokenizer_config.json. */
  tokenizerFiles: Iterable<readonly [string, string]>;
  record: Omit<ModelRecord, 'version' | 'adaptune' | 'files'>;
}

/** Each file appears at once, adaptune.json last. The folder must not hold a finished model. */
export async function saveModel(dir: string, { encoder, tokenizerFiles, record }: SaveModel): Promise<ModelRecord> {
  if (await exists(join(dir, RECORD))) {
    throw new AdaptuneError('E_OUTPUT_EXISTS', `${dir}: expected no finished model, came one (${RECORD} is there)`);
  }
  const files = await encoder.save(dir, { labels: record.labels });
  for (const [name, text] of tokenizerFiles) {
    await writeAtomic(join(dir, name), text);
    files.set(name, sha256(text));
  }
  const full: ModelRecord = {
    version: 1,
    adaptune: packageVersion(),
    ...record,
    files: [...files].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
  await writeAtomic(join(dir, RECORD), `${JSON.stringify(recordSchema.parse(full), null, 2)}\n`);
  return full;
}

/** The record of a whole folder. E_MODEL_INCOMPLETE, E_MODEL_MISMATCH. */
export async function openModel(dir: string): Promise<ModelRecord> {
  if (!(await exists(join(dir, RECORD)))) {
    const came = (await exists(join(dir, 'config.json')))
      ? 'a model without it: an interrupted save, or a model that adaptune did not train'
      : 'none';
    throw new AdaptuneError('E_MODEL_INCOMPLETE', `${dir}: expected ${RECORD}, came ${came}`);
  }
  const path = await modelFile(dir, RECORD);
  const parsed = recordSchema.safeParse(parseJson(await readText(path, { limit: LIMITS.length }), path, LIMITS));
  if (!parsed.success) {
    const { path: where, message } = parsed.error.issues[0]!;
    throw new AdaptuneError(
      'E_MODEL_INCOMPLETE',
      `${path}: expected the record of a model, came ${where.join('.')}: ${message}`,
    );
  }
  const record = parsed.data;
  const listed = new Map(record.files);
  for (const needed of ['config.json', 'model.safetensors', 'tokenizer.json']) {
    if (!listed.has(needed))
      throw new AdaptuneError('E_MODEL_INCOMPLETE', `${path}: expected ${needed} among its files, came none`);
  }
  for (const [name, expected] of listed) {
    const came = await sha256File(await modelFile(dir, name));
    if (came !== expected) {
      throw new AdaptuneError(
        'E_MODEL_MISMATCH',
        `${join(dir, name)}: expected the file that was saved with the model (sha256 ${expected.slice(0, 12)}...), came another (${came.slice(0, 12)}...)`,
      );
    }
  }
  const config = await modelFile(dir, 'config.json');
  const { labels } = parseHfConfig(await readText(config, { limit: JSON_LIMITS.length }), config);
  if (JSON.stringify(labels) !== JSON.stringify(record.labels)) {
    throw new AdaptuneError(
      'E_MODEL_MISMATCH',
      `${path}: expected the labels of config.json, ${show(labels)}, came ${show(record.labels)}`,
    );
  }
  return record;
}
