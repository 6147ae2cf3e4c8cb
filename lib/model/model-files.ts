/**
 * Which files of a model folder are read: base names only, regular files, inside of the folder. Links that leave it are
 * refused, but for the layout of the Hugging Face cache, where `snapshots/<commit>/` holds links to `blobs/` beside it.
 */
import { basename, dirname, join, sep } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { exists, realPath, readText, statOrNull } from '../util/files.js';
import { parseJsonObject, isObject, show } from '../util/json.js';
import { SafetensorsFile } from './safetensors.js';
import type { TensorEntry } from './safetensors.js';

/** E_FILE unless a folder is there. */
export async function requireModelFolder(dir: string): Promise<void> {
  const there = await statOrNull(dir);
  if (there?.isDirectory) return;
  const came = there ? 'a file' : 'nothing there (a model of a hub is to be downloaded first)';
  throw new AdaptuneError('E_FILE', `${dir}: expected a model folder or scratch:tiny|mini|small, came ${came}`);
}

/** The path to open for a file of the folder. */
export async function modelFile(dir: string, name: string): Promise<string> {
  const path = join(dir, name);
  if (name !== basename(name) || name === '' || name === '.' || name === '..' || /[\\\0]/.test(name)) {
    throw new AdaptuneError('E_MODEL_FORMAT', `${dir}: expected plain file names, came ${show(name)}`);
  }
  if (!(await exists(path))) throw new AdaptuneError('E_MODEL_INCOMPLETE', `${path}: expected a file, came none`);
  const [folder, target] = [await realPath(dir), await realPath(path)];
  if (!target.startsWith(folder + sep) && !isCacheBlob(folder, target)) {
    throw new AdaptuneError(
      'E_MODEL_FORMAT',
      `${path}: expected a file inside of the folder, came a link to ${target}`,
    );
  }
  return target;
}

/** `<repository>/snapshots/<40 hex>[/...]` may link to `<repository>/blobs/<name>`. */
function isCacheBlob(folder: string, target: string): boolean {
  const parts = folder.split(sep);
  const at = parts.lastIndexOf('snapshots');
  if (at < 1 || !/^[0-9a-f]{40}$/.test(parts[at + 1] ?? '')) return false;
  return dirname(target) === [...parts.slice(0, at), 'blobs'].join(sep);
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** All shards are open at once. */
const SHARDS_LIMIT = 256;

/** The tensors of a model folder, in one file or several. */
export class WeightFiles {
  private constructor(
    private readonly files: readonly SafetensorsFile[],
    /** By the names in the files. */
    readonly tensors: ReadonlyMap<string, { file: SafetensorsFile; entry: TensorEntry }>,
  ) {}

  /** E_MODEL_FORMAT, E_MODEL_INCOMPLETE. */
  static async open(dir: string): Promise<WeightFiles> {
    if (await exists(join(dir, SINGLE))) {
      const file = await SafetensorsFile.open(await modelFile(dir, SINGLE));
      return new WeightFiles([file], new Map([...file.tensors].map(([name, entry]) => [name, { file, entry }])));
    }
    if (await exists(join(dir, INDEX))) return WeightFiles.openShards(dir);
    for (const other of ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'tf_model.h5', 'flax_model.msgpack']) {
      if (!(await exists(join(dir, other)))) continue;
      throw new AdaptuneError(
        'E_MODEL_FORMAT',
        `${dir}: expected ${SINGLE}, came ${other}, a format that can run code when it is read; convert it once: ` +
          `python -c "import sys; from transformers import AutoModel; AutoModel.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])" ${JSON.stringify(dir)}`,
      );
    }
    throw new AdaptuneError('E_MODEL_INCOMPLETE', `${dir}: expected ${SINGLE}, came no weights`);
  }

  private static async openShards(dir: string): Promise<WeightFiles> {
    const path = await modelFile(dir, INDEX);
    const fail = (expected: string, came: string) =>
      new AdaptuneError('E_MODEL_FORMAT', `${path}: expected ${expected}, came ${came}`);
    const limits = { code: 'E_MODEL_FORMAT', length: 2 ** 24, depth: 32, keys: 2 ** 18 } as const;
    const { weight_map: map } = parseJsonObject(await readText(path, { limit: limits.length }), path, limits);
    if (!isObject(map)) throw fail('a weight_map', show(map));
    const names = new Set<string>();
    for (const [tensor, shard] of Object.entries(map)) {
      if (typeof shard !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$/.test(shard)) {
        throw fail(`a plain file name for tensor ${show(tensor)}`, show(shard));
      }
      names.add(shard);
      if (names.size > SHARDS_LIMIT) throw fail(`at most ${SHARDS_LIMIT} shards`, 'more');
    }
    const shards = new Map<string, SafetensorsFile>();
    try {
      const tensors = new Map<string, { file: SafetensorsFile; entry: TensorEntry }>();
      for (const name of names) {
        const file = await SafetensorsFile.open(await modelFile(dir, name));
        shards.set(name, file);
        for (const [tensor, entry] of file.tensors) {
          const listed = Object.hasOwn(map, tensor) ? map[tensor] : undefined;
          if (listed !== name) throw fail(`tensor ${show(tensor)} of ${name} to be listed so`, show(listed));
          tensors.set(tensor, { file, entry });
        }
      }
      for (const [tensor, shard] of Object.entries(map)) {
        if (!tensors.has(tensor)) throw fail(`tensor ${show(tensor)} in ${String(shard)}`, 'none');
      }
      return new WeightFiles([...shards.values()], tensors);
    } catch (error) {
      await Promise.all([...shards.values()].map((file) => file.close()));
      throw error;
    }
  }

  /** Throws when a file was written to since it was opened. */
  async checkUnchanged(): Promise<void> {
    for (const file of this.files) await file.checkUnchanged();
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
