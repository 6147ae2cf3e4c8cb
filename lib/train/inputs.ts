/** What a run reads: texts and labels of each part, the validation split, and the hashes that a resumed run must match. */
import { AdaptuneError } from '../errors.js';
import { modelFile, requireModelFolder } from '../model/model-files.js';
import { readTexts } from '../util/data.js';
import { list, readBytes, readText } from '../util/files.js';
import { sha256, sha256File, sha256OfTexts } from '../util/hash.js';
import { uniqueTexts } from '../mining/index.js';
import { labelIds, labelList } from './labels.js';
import { NEUTRAL_OPTIONS, TRAIN_OPTIONS, type ResolvedOptions } from './options.js';
import { isScratch, scratchSize } from './scratch.js';
import { splitValidation } from './split.js';
import type { Identity } from './state.js';
import { readLabelled, type SourcedTexts } from './texts.js';
import { readTokenList } from './token-list.js';

export interface Part {
  texts: readonly string[];
  labels: Int32Array;
}

export interface Inputs {
  labels: string[];
  train: Part;
  validation: Part;
  /** The validation texts were taken from the training texts. */
  split: boolean;
  test: Part | null;
  unlabelled: readonly string[];
  identity: Identity;
}

export async function readInputs(options: ResolvedOptions): Promise<Inputs> {
  const hashes: [string, string][] = [];
  const read = async (name: 'train' | 'validation' | 'test'): Promise<SourcedTexts | null> => {
    const source = options[name];
    if (source === null) return null;
    const data = await readLabelled(source, name, options);
    hashes.push([name, sha256OfTexts([...data.texts, ...data.labels])]);
    return data;
  };
  const train = (await read('train'))!;
  const validation = await read('validation');
  const test = await read('test');
  const unlabelled =
    options.unlabelled === null
      ? []
      : (await readTexts(options.unlabelled, { text: options.text, labels: 'none' })).texts;
  if (options.unlabelled !== null) hashes.push(['unlabelled', sha256OfTexts(unlabelled)]);
  for (const name of ['tokens', 'stopWords'] as const) {
    const path = options[name];
    if (path === null) continue;
    // Read again when they are used; what is wrong with them is said now.
    if (name === 'tokens') await readTokenList(path);
    else await readText(path);
    hashes.push([name, sha256(await readBytes(path))]);
  }

  const labels = labelList(train.labels, train.source);
  const part = (data: SourcedTexts): Part => ({
    texts: data.texts,
    labels: labelIds(data.labels, labels, data.source, data.lines),
  });
  const identity: Identity = {
    model: await modelIdentity(options.model),
    data: hashes,
    options: resultOptions(options),
  };
  const rest = { labels, test: test && part(test), unlabelled, identity };
  const whole = part(train);
  if (validation) return { ...rest, train: whole, validation: part(validation), split: false };

  const { unique } = uniqueTexts(train.texts, options.protect);
  const rows = splitValidation(unique, whole.labels, options.seed);
  if (rows.validation.length === 0) {
    throw new AdaptuneError(
      'E_DATA',
      `${train.source}: expected enough training texts to take a tenth of them for validation, came ${train.texts.length}: give a validation file`,
    );
  }
  const take = (list: readonly number[]): Part => ({
    texts: list.map((row) => whole.texts[row]!),
    labels: Int32Array.from(list, (row) => whole.labels[row]!),
  });
  return { ...rest, train: take(rows.train), validation: take(rows.validation), split: true };
}

/** Every text that mining, or a tokenizer made for them, may see. */
export const corpusOf = ({ train, unlabelled }: Inputs): string[] => [...train.texts, ...unlabelled];

/** The validation texts as JSONL. */
export function* validationLines({ labels, validation }: Inputs): Generator<string> {
  for (const [i, text] of validation.texts.entries()) {
    yield `${JSON.stringify({ text, label: labels[validation.labels[i]!] })}\n`;
  }
}

/** Options that decide the result, in the order of the table. */
function resultOptions(options: ResolvedOptions): Identity['options'] {
  const names = Object.keys(TRAIN_OPTIONS) as (keyof typeof TRAIN_OPTIONS)[];
  return names
    .filter((name) => !NEUTRAL_OPTIONS.has(name))
    .map((name) => [name, options[name] as string | number | null]);
}

/** "scratch:tiny", or one hash over the files of a model folder that decide weights and tokenizer. */
export async function modelIdentity(model: string): Promise<string> {
  if (isScratch(model)) {
    scratchSize(model);
    return model;
  }
  await requireModelFolder(model);
  const names = (await list(model)).filter((name) =>
    /^(?:config|tokenizer|tokenizer_config|gapped)\.json$|\.safetensors(?:\.index\.json)?$/.test(name),
  );
  const hashes = await Promise.all(names.map(async (name) => sha256File(await modelFile(model, name))));
  return sha256OfTexts(names.flatMap((name, i) => [name, hashes[i]!]));
}
