/**
 * Checkpoints: immutable folders `step-000123/` (and `stage-N-NAME/` before the first step) of state.json,
 * tensors.safetensors and the tokenizer, with `manifest.json` (sizes, sha256) written last. `current.json`, replaced by
 * rename, names the newest. Whatever instant the machine stops at, the newest folder whose manifest verifies is whole.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { encodeSafetensors, readSafetensors, type TensorSource } from '../model/safetensors.js';
import {
  exists,
  list,
  makeDirectory,
  readText,
  remove,
  requireSpace,
  stat,
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

  /** The newest checkpoint that is whole. Broken ones that are newer are removed: their steps will be done again. */
  async newest(): Promise<{ name: string; state: RunState } | null> {
    const names = (await list(this.folder)).filter((name) => position(name) >= 0);
    names.sort((a, b) => position(b) - position(a));
    for (const name of names) {
      if (await this.verify(name)) {
        const path = join(this.path(name), STATE);
        return { name, state: parseState(await readText(path), path) };
      }
      await remove(this.path(name));
    }
    return null;
  }

  /** Are all files of the manifest there, with their size and hash? */
  async verify(name: string): Promise<boolean> {
    const path = join(this.path(name), MANIFEST);
    if (!(await exists(path))) return false;
    let parsed;
    try {
      parsed = manifest.safeParse(parseJson(await readText(path), path, { code: 'E_RESUME' }));
    } catch {
      return false;
    }
    if (!parsed.success) return false;
    for (const file of parsed.data.files) {
      const at = join(this.path(name), file.name);
      if (!(await exists(at)) || (await stat(at)).size !== file.bytes || (await sha256File(at)) !== file.sha256)
        return false;
    }
    return true;
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
      const files: z.infer<typeof manifest>['files'] = [];
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
    await writeAtomic(join(this.folder, POINTER), `${JSON.stringify({ checkpoint: name })}\n`);
    return name;
  }

  readTensors(name: string): Promise<Tensors> {
    return readSafetensors(join(this.path(name), TENSORS));
  }

  /** Removes all other checkpoints, oldest first. */
  async keep(names: ReadonlySet<string>): Promise<void> {
    const others = (await list(this.folder)).filter((name) => position(name) >= 0 && !names.has(name));
    others.sort((a, b) => position(a) - position(b));
    for (const name of others) await remove(this.path(name));
  }
}
