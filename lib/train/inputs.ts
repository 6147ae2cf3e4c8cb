/** What a run reads: texts and labels of each part, the validation split, and the hashes that a resumed run must match. */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { readTexts } from '../util/data.js';
import { list, readBytes, statOrNull } from '../util/files.js';
import { sha256, sha256File, sha256OfTexts } from '../util/hash.js';
import { uniqueTexts } from '../mining/index.js';
import { labelIds, labelList } from './labels.js';
import { NEUTRAL_OPTIONS, TRAIN_OPTIONS, type LabelledTexts, type ResolvedOptions } from './options.js';
import { isScratch, scratchSize } from './scratch.js';
import { splitValidation } from './split.js';
import type { Identity } from './state.js';

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
  const read = async (name: 'train' | 'validation' | 'test'): Promise<LabelledTexts | null> => {
    const source = options[name];
    if (source === null) return null;
    const columns = { text: options.text, label: options.label };
    const data = typeof source === 'string' ? await readTexts(source, { ...columns, labels: 'required' }) : source;
    hashes.push([name, sha256OfTexts([...data.texts, ...data.labels!])]);
    if (data.texts.length === 0) {
      const where = typeof source === 'string' ? source : `the ${name} texts`;
      throw new AdaptuneError('E_DATA', `${where}: expected at least one row, came none`);
    }
    return { texts: data.texts, labels: data.labels! };
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
    if (path !== null) hashes.push([name, sha256(await readBytes(path))]);
  }

  const labels = labelList(train.labels);
  const part = (name: string, data: LabelledTexts): Part => ({
    texts: data.texts,
    labels: labelIds(data.labels, labels, `the ${name} data`),
  });
  const identity: Identity = {
    model: await modelIdentity(options.model),
    data: hashes,
    options: resultOptions(options),
  };
  const rest = { labels, test: test && part('test', test), unlabelled, identity };
  const whole = part('training', train);
  if (validation) return { ...rest, train: whole, validation: part('validation', validation), split: false };

  const { unique } = uniqueTexts(train.texts, options.protect);
  const rows = splitValidation(unique, whole.labels, options.seed);
  if (rows.validation.length === 0) {
    throw new AdaptuneError(
      'E_DATA',
      `expected enough training texts to take a tenth of them for validation, came ${train.texts.length}: give a validation file`,
    );
  }
  const take = (list: readonly number[]): Part => ({
    texts: list.map((row) => whole.texts[row]!),
    labels: Int32Array.from(list, (row) => whole.labels[row]!),
  });
  return { ...rest, train: take(rows.train), validation: take(rows.validation), split: true };
}

/** Options that decide the result, in the order of the table. */
function resultOptions(options: ResolvedOptions): Identity['options'] {
  const names = Object.keys(TRAIN_OPTIONS) as (keyof typeof TRAIN_OPTIONS)[];
  return names
    .filter((name) => !NEUTRAL_OPTIONS.has(name))
    .map((name) => [name, options[name] as string | number | null]);
}

/** "scratch:tiny", or one hash over the files of a model folder that decide weights and tokenizer. */
async function modelIdentity(model: string): Promise<string> {
  if (isScratch(model)) {
    scratchSize(model);
    return model;
  }
  const there = await statOrNull(model);
  if (!there?.isDirectory) {
    const came = there ? 'a file' : 'nothing there (a model of a hub is to be downloaded first)';
    throw new AdaptuneError('E_FILE', `${model}: expected a model folder or scratch:tiny|mini|small, came ${came}`);
  }
  const names = (await list(model)).filter((name) =>
    /^(?:config|tokenizer|tokenizer_config)\.json$|\.safetensors(?:\.index\.json)?$/.test(name),
  );
  const hashes = await Promise.all(names.map((name) => sha256File(join(model, name))));
  return sha256OfTexts(names.flatMap((name, i) => [name, hashes[i]!]));
}
