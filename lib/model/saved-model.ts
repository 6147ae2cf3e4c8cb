/**
 * The folder of a finished model. `adaptune.json` is written last and ties the other files together by size and sha256:
 * without it the folder is E_MODEL_INCOMPLETE, with another file's hash E_MODEL_MISMATCH.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import type { Device } from '../native/device.js';
import { exists, readText, stat, statOrNull, writeAtomic } from '../util/files.js';
import { sha256File } from '../util/hash.js';
import { parseJson, show } from '../util/json.js';
import { packageVersion } from '../util/version.js';
import { Encoder } from './encoder.js';
import { GAPPED_FILE } from './gapped.js';
import { Tokenizer } from './tokenizer.js';

export const MANIFEST_NAME = 'adaptune.json';
/** The files that adaptune.json ties together; gapped.json only where there are gapped patterns. */
export const MODEL_FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'] as const;
/** Plans of full finetuning list every neuron; reports list every token. */
const LIMITS = { length: 2 ** 26, depth: 32, keys: 4_000_000 };

const manifest = z.looseObject({
  version: z.literal(1),
  adaptune: z.string(),
  labels: z.array(z.string()).min(2),
  maxLength: z.int().min(3),
  files: z
    .array(z.strictObject({ name: z.enum([...MODEL_FILES, GAPPED_FILE]), bytes: z.int().min(0), sha256: z.string() }))
    .refine(
      (files) => {
        const names = new Set<string>(files.map(({ name }) => name));
        return names.size === files.length && MODEL_FILES.every((name) => names.has(name));
      },
      `expected ${MODEL_FILES.join(', ')}`,
    ),
});
/** What every reader needs; what else the file holds is a report of the training. */
export type ModelManifest = z.infer<typeof manifest>;

/** The files of a model that are there. */
export async function modelFileNames(folder: string): Promise<string[]> {
  return (await exists(join(folder, GAPPED_FILE))) ? [...MODEL_FILES, GAPPED_FILE] : [...MODEL_FILES];
}

/** Labels and the length of texts, and anything more to keep. */
export interface ManifestContents extends Record<string, unknown> {
  labels: readonly string[];
  maxLength: number;
}

/** What adaptune.json says, but for the files. */
export const describeModel = (contents: ManifestContents) => ({ version: 1, adaptune: packageVersion(), ...contents });

/** Writes adaptune.json for the files that are there now. */
export async function writeModelManifest(folder: string, contents: ManifestContents): Promise<void> {
  const files = [];
  for (const name of await modelFileNames(folder)) {
    const path = join(folder, name);
    files.push({ name, bytes: (await stat(path)).size, sha256: await sha256File(path) });
  }
  // One line a key: lists of thousands of numbers stay out of the way.
  const lines = Object.entries({ ...describeModel(contents), files }).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  await writeAtomic(join(folder, MANIFEST_NAME), `{\n${lines.join(',\n')}\n}\n`);
}

/** What is there instead of a saved model. */
async function describeFolder(folder: string): Promise<string> {
  const there = await statOrNull(folder);
  if (!there) return 'nothing';
  if (!there.isDirectory) return 'a file';
  const without = `a folder without ${MANIFEST_NAME}`;
  if (await exists(join(folder, 'checkpoints'))) return `${without}: its training is not finished (train --resume)`;
  if (await exists(join(folder, 'config.json'))) return `${without}: a model to start from (train --model)`;
  return without;
}

/** Reads adaptune.json and checks every file that it names. */
export async function readModelManifest(folder: string): Promise<ModelManifest> {
  if (typeof folder !== 'string' || folder === '')
    throw new AdaptuneError('E_ARGUMENT', `expected the path of a saved model but received ${show(folder)}`);
  const path = join(folder, MANIFEST_NAME);
  if (!(await exists(path))) {
    throw new AdaptuneError(
      'E_MODEL_INCOMPLETE',
      `${folder}: expected a model that adaptune saved, came ${await describeFolder(folder)}`,
    );
  }
  const parsed = manifest.safeParse(parseJson(await readText(path), path, { ...LIMITS, code: 'E_MODEL_INCOMPLETE' }));
  if (!parsed.success) {
    const { path: where, message } = parsed.error.issues[0]!;
    throw new AdaptuneError(
      'E_MODEL_INCOMPLETE',
      `${path}: expected a description of a saved model, came ${where.join('.')}: ${message}`,
    );
  }
  const named = new Set<string>(parsed.data.files.map(({ name }) => name));
  const stray = (await modelFileNames(folder)).find((name) => !named.has(name));
  if (stray !== undefined)
    throw new AdaptuneError(
      'E_MODEL_MISMATCH',
      `${join(folder, stray)}: expected no such file with this model, came one`,
    );
  for (const file of parsed.data.files) {
    const at = join(folder, file.name);
    if (!(await exists(at)))
      throw new AdaptuneError('E_MODEL_INCOMPLETE', `${at}: expected a file of ${file.bytes} bytes, came nothing`);
    const { size } = await stat(at);
    if (size !== file.bytes || (await sha256File(at)) !== file.sha256) {
      throw new AdaptuneError(
        'E_MODEL_MISMATCH',
        `${at}: expected the file that was saved with this model (${file.bytes} bytes, sha256 ${file.sha256.slice(0, 12)}…), came another (${size} bytes)`,
      );
    }
  }
  return parsed.data;
}

export interface OpenModel {
  encoder: Encoder;
  tokenizer: Tokenizer;
  labels: readonly string[];
  maxLength: number;
}

/** Opens a saved model for inference. */
export async function openSavedModel(device: Device, folder: string): Promise<OpenModel> {
  const { labels, maxLength } = await readModelManifest(folder);
  const tokenizer = await Tokenizer.load(folder);
  const encoder = await Encoder.load(device, folder);
  const mismatch = disagreement(encoder, tokenizer, labels, maxLength);
  if (mismatch !== null) {
    encoder.close();
    throw new AdaptuneError('E_MODEL_MISMATCH', `${folder}: ${mismatch}`);
  }
  return { encoder, tokenizer, labels, maxLength };
}

/** What adaptune.json says itself has no hash: it must be what the files say. */
function disagreement(
  encoder: Encoder,
  tokenizer: Tokenizer,
  labels: readonly string[],
  maxLength: number,
): string | null {
  const { vocabulary, classes } = encoder.config;
  if (vocabulary < tokenizer.vocabularySize) {
    return `expected a row of the word table for each of ${tokenizer.vocabularySize} tokens, came ${vocabulary}`;
  }
  if (classes !== labels.length)
    return `expected the ${labels.length} labels of ${MANIFEST_NAME} in config.json, came ${classes}`;
  const other = encoder.labels?.findIndex((label, id) => label !== labels[id]) ?? -1;
  if (other >= 0) {
    return `expected the labels of ${MANIFEST_NAME} in config.json, ${show(labels[other])} as label ${other}, came ${show(encoder.labels![other])}`;
  }
  if (tokenizer.maxLength !== maxLength) {
    return `expected the maxLength ${maxLength} of ${MANIFEST_NAME} in tokenizer_config.json, came ${tokenizer.maxLength}`;
  }
  return null;
}
