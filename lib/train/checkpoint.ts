/**
 * Checkpoints: immutable folders `step-000123/` (and `stage-N-NAME/` before the first step) of state.json,
 * tensors.safetensors and the tokenizer, with `manifest.json` (sizes, sha256) written last. `current.json`, replaced by
 * rename, names the newest. Whatever instant the machine stops at, the newest folder whose manifest verifies is whole.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AdaptuneError } from '../errors.js';
import { encodeSafetensors, readSafetensors, type TensorSource } from '../model/safetensors.js';
import {
  exists,
  list,
  makeDirectory,
  readBytes,
  readText,
  remove,
  requireSpace,
  statOrNull,
  syncDirectory,
  writeAtomic,
  writeDurable,
  type Chunks,
} from '../util/files.js';
import { Hashing, sha256File } from '../util/hash.js';
import { parseJson } from '../util/json.js';
import { parseState, STAGES, type RunState } from './state.js';
import type { Tensors } from './trainer.js';

const MANIFEST = 'manifest.json';
const STATE = 'state.json';
const TENSORS = 'tensors.safetensors';
/** Room for state, tokenizer and manifest. */
const SPACE_BESIDE = 2 ** 24;
const POINTER = 'current.json';

const manifest = z.strictObject({
  version: z.literal(1),
  files: z.array(z.strictObject({ name: z.string().regex(/^[\w.]+$/), bytes: z.int().min(0), sha256: z.string() })),
});
type Manifest = z.infer<typeof manifest>;

function parseManifest(bytes: Uint8Array, path: string): Manifest | null {
  try {
    return manifest.parse(parseJson(new TextDecoder().decode(bytes), path, { code: 'E_RESUME' }));
  } catch {
    return null;
  }
}

/** What a kill or a failure while it was written or removed leaves of a checkpoint. */
const UNFINISHED = 'unfinished';

export interface Checkpoint {
  name: string;
  state: RunState;
}

export interface CheckpointContents {
  state: RunState;
  tensors: TensorSource[];
  /** Texts of tokenizer files, by name. */
  tokenizer: [string, string][];
}

export function checkpointName(state: Pick<RunState, 'stage' | 'step'>): string {
  if (state.stage === 'train') return `step-${String(state.step).padStart(6, '0')}`;
  return `stage-${STAGES.indexOf(state.stage) + 1}-${state.stage}`;
}

/** Position in the order of writing; -1 when the name is not a checkpoint's. */
function position(name: string): number {
  const found = /^(?:step-(\d{6,})|stage-([1-9])-[a-z]+)$/.exec(name);
  if (!found) return -1;
  return found[1] === undefined ? Number(found[2]) : STAGES.length + Number(found[1]);
}

export class CheckpointStore {
  constructor(readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, name);
  }

  /**
   * The newest checkpoint that is whole, and what is wrong with newer ones that a kill does not explain. Nothing is
   * removed. A file that cannot be read is E_FILE: that says nothing about what is in it.
   * `needsBest`: without the weights of its best epoch a checkpoint is of no use.
   */
  async newest(needsBest: boolean): Promise<{ found: Checkpoint | null; damages: string[] }> {
    const names = (await list(this.folder)).filter((name) => position(name) >= 0);
    names.sort((a, b) => position(b) - position(a));
    const damages: string[] = [];
    for (const name of names) {
      const path = join(this.path(name), STATE);
      let damage = await this.#damage(name);
      if (damage === null) {
        const state = parseState(await readText(path), path);
        const best = state.progress.best?.checkpoint ?? name;
        if (needsBest && best !== name) damage = await this.#damage(best);
        if (damage === null) return { found: { name, state }, damages };
      }
      if (damage !== UNFINISHED) damages.push(damage);
    }
    return { found: null, damages };
  }

  /** Null when all files of the manifest are there with their size and hash, else UNFINISHED or what is wrong. */
  async #damage(name: string): Promise<string | null> {
    const path = join(this.path(name), MANIFEST);
    if (!(await exists(path))) return UNFINISHED;
    const parsed = parseManifest(await readBytes(path), path);
    if (parsed === null) return `${name}/${MANIFEST} is damaged`;
    for (const file of parsed.files) {
      const at = join(this.path(name), file.name);
      const size = (await statOrNull(at))?.size;
      if (size === undefined) return `${name}/${file.name} is missing`;
      if (size !== file.bytes || (await sha256File(at)) !== file.sha256) return `${name}/${file.name} is damaged`;
    }
    return null;
  }

  /** Returns the name. On failure nothing of the new checkpoint stays. */
  async write({ state, tensors, tokenizer }: CheckpointContents): Promise<string> {
    const name = checkpointName(state);
    const path = this.path(name);
    if (await exists(path)) await remove(path);
    await makeDirectory(path);
    try {
      const bytes = tensors.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
      await requireSpace(path, bytes + SPACE_BESIDE);
      const files: Manifest['files'] = [];
      const add = async (file: string, chunks: Chunks): Promise<void> => {
        const hashing = new Hashing(chunks);
        await writeDurable(join(path, file), hashing);
        files.push({ name: file, bytes: hashing.bytes, sha256: hashing.digest() });
      };
      for (const [file, text] of tokenizer) await add(file, text);
      await add(TENSORS, encodeSafetensors(tensors));
      await add(STATE, JSON.stringify(state));
      await writeDurable(join(path, MANIFEST), JSON.stringify({ version: 1, files }));
      await syncDirectory(path);
      await syncDirectory(this.folder);
    } catch (error) {
      await remove(path).catch(() => {});
      throw error;
    }
    await this.#point(name);
    return name;
  }

  #point(name: string): Promise<void> {
    return writeAtomic(join(this.folder, POINTER), `${JSON.stringify({ checkpoint: name })}\n`);
  }

  /** Of a checkpoint that `newest` found whole. */
  readTensors(name: string): Promise<Tensors> {
    return readSafetensors(join(this.path(name), TENSORS));
  }

  /** Of a checkpoint that was written long ago: E_FILE when it is not as it was written. */
  async readOldTensors(name: string): Promise<Tensors> {
    const damage = await this.#damage(name);
    if (damage !== null) {
      throw new AdaptuneError(
        'E_FILE',
        `${this.folder}: expected the weights of the best epoch as they were written, but ${damage}; --resume begins again`,
      );
    }
    return this.readTensors(name);
  }

  /** Makes a checkpoint the newest again: removes all that were written after it, the newest first. */
  async rollBack(name: string): Promise<void> {
    await this.#point(name);
    const newer = (await list(this.folder)).filter((other) => position(other) > position(name));
    newer.sort((a, b) => position(b) - position(a));
    for (const other of newer) await remove(this.path(other));
  }

  /** Removes all other checkpoints, oldest first. */
  async keep(names: ReadonlySet<string>): Promise<void> {
    const others = (await list(this.folder)).filter((name) => position(name) >= 0 && !names.has(name));
    others.sort((a, b) => position(a) - position(b));
    for (const name of others) await remove(this.path(name));
  }
}
