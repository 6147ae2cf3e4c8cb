/** The data of an experiment: a folder for each set with a file for each part, known to results by name and hash only. */
import { basename, join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { readTexts } from '../util/data.js';
import { list, makeDirectory, statOrNull, writeAtomic } from '../util/files.js';
import { sha256File } from '../util/hash.js';
import { sampleRows, type Sample } from './sample.js';

export interface DataFile {
  path: string;
  /** File name without folder. */
  name: string;
  sha256: string;
}

export interface DataSet {
  name: string;
  train: DataFile;
  /** Null: training takes a tenth of its texts. */
  validation: DataFile | null;
  test: DataFile;
}

const ENDING = /\.(?:jsonl|ndjson|csv|tsv)$/i;

/** E_FILE when the folder lacks train or test, or has two files for one part. */
export async function openDataSet(name: string, folder: string): Promise<DataSet> {
  if (!(await statOrNull(folder))?.isDirectory)
    throw new AdaptuneError(
      'E_FILE',
      `${folder}: expected the folder of the data set ${JSON.stringify(name)}, came none`,
    );
  const names = await list(folder);
  const part = async (wanted: string): Promise<DataFile | null> => {
    const found = names.filter((file) => ENDING.test(file) && file.replace(ENDING, '') === wanted);
    if (found.length > 1)
      throw new AdaptuneError('E_FILE', `${folder}: expected one file of ${wanted} texts, came ${found.join(' and ')}`);
    if (found.length === 0) return null;
    const path = join(folder, found[0]!);
    return { path, name: found[0]!, sha256: await sha256File(path) };
  };
  const [train, validation, test] = [await part('train'), await part('validation'), await part('test')];
  if (train && test) return { name, train, validation, test };
  throw new AdaptuneError(
    'E_FILE',
    `${folder}: expected ${train ? 'test' : 'train'}.jsonl, .csv or .tsv, came ${names.slice(0, 10).join(', ') || 'an empty folder'}`,
  );
}

/** The file to train on: the set's own, or a part of it, written into `folder`. */
export async function trainingFile(
  set: DataSet,
  sample: Sample | null,
  seed: number,
  folder: string,
  columns: { text: string; label: string },
): Promise<string> {
  if (sample === null) return set.train.path;
  const { texts, labels } = await readTexts(set.train.path, { ...columns, labels: 'required' });
  await makeDirectory(folder);
  const name = basename(set.train.name).replace(ENDING, '');
  const path = join(folder, `${name}-${sample.share}-${sample.bias}-${seed}.jsonl`);
  const line = (row: number) =>
    `${JSON.stringify(
      Object.fromEntries([
        [columns.text, texts[row]],
        [columns.label, labels![row]],
      ]),
    )}\n`;
  await writeAtomic(path, sampleRows(texts, labels!, sample, seed).map(line));
  return path;
}
