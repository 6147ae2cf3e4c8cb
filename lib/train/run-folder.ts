/**
 * The output folder of a run: whose turn it is, and what may be there. OUT must be absent, empty, or an unfinished run that
 * is to be resumed; it is never the model's own folder. `adaptune.json`, written last, makes a run finished.
 */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { GAPPED_FILE } from '../model/gapped.js';
import { binding } from '../native/binding.js';
import { DETAILS_NAME, PAGE_NAME } from '../report/write.js';
import { isTemporary, list, makeDirectory, readText, remove, statOrNull, writeAtomic } from '../util/files.js';

const CHECKPOINTS = 'checkpoints';
/** What else an unfinished run may hold: final files written before adaptune.json. */
const FINAL_FILES = new Set<string>([
  'config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  GAPPED_FILE,
  'validation.jsonl',
  DETAILS_NAME,
  PAGE_NAME,
]);
const LOCK = 'lock';
const OWNER = 'owner.json';

export interface RunFolder {
  out: string;
  checkpoints: string;
  release(): void;
}

export interface RunFolderOptions {
  resume: boolean;
  model: string;
}

/** Could a run begin here, if nobody else works on it? Asked before anything is read for it. E_OUTPUT_EXISTS. */
export async function checkRunFolder(out: string, options: RunFolderOptions): Promise<void> {
  const there = await statOrNull(out);
  if (!there) return;
  const model = await statOrNull(options.model);
  if (model && model.dev === there.dev && model.ino === there.ino) {
    throw new AdaptuneError('E_OUTPUT_EXISTS', `${out}: expected a folder other than the model's own`);
  }
  if (!there.isDirectory) throw new AdaptuneError('E_OUTPUT_EXISTS', `${out}: expected a folder, came a file`);
  await checkNames(out, options.resume);
}

/** E_OUTPUT_EXISTS, E_LOCKED. The lock is released by `release`, or by the kernel with the process. */
export async function openRunFolder(out: string, options: RunFolderOptions): Promise<RunFolder> {
  const checkpoints = join(out, CHECKPOINTS);
  // Nothing is created in a folder that already holds something.
  await checkRunFolder(out, options);
  await makeDirectory(checkpoints);
  const release = await lockFolder(checkpoints);
  try {
    await checkNames(out, options.resume);
    if (!options.resume) await checkNotBegun(out);
    await removeTemporaries([out, checkpoints]);
    return { out, checkpoints, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Until it is called, or the process ends, no other process gets this lock. E_LOCKED names who holds it. */
export async function lockFolder(folder: string): Promise<() => void> {
  const owner = join(folder, OWNER);
  const held = binding().lockFile(join(folder, LOCK));
  if (held === null) {
    const who = await readText(owner).catch(() => '');
    const pid = /"pid": *(\d+)/.exec(who)?.[1];
    throw new AdaptuneError(
      'E_LOCKED',
      `${folder}: expected to be the only run on this folder, but ${pid ? `process ${pid}` : 'another process'} holds it`,
    );
  }
  let free = false;
  const release = () => {
    if (!free) binding().unlockFile(held);
    free = true;
  };
  try {
    await writeAtomic(owner, `{"pid": ${process.pid}}\n`);
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

async function checkNames(out: string, resume: boolean): Promise<void> {
  const names = (await list(out)).filter((name) => !isTemporary(name));
  if (names.includes('adaptune.json')) {
    const hint = resume ? 'it is finished already' : 'a finished model is there';
    throw new AdaptuneError('E_OUTPUT_EXISTS', `${out}: expected an empty folder or an unfinished run, but ${hint}`);
  }
  const other = names.filter((name) => name !== CHECKPOINTS && !FINAL_FILES.has(name));
  if (other.length > 0 || (names.length > 0 && !names.includes(CHECKPOINTS))) {
    const first = other[0] ?? names[0]!;
    throw new AdaptuneError(
      'E_OUTPUT_EXISTS',
      `${out}: expected an empty folder, but ${JSON.stringify(first)} is in it`,
    );
  }
}

/** Under the lock only: a run that is under way has begun too, and must not be called deletable. */
async function checkNotBegun(out: string): Promise<void> {
  const begun = (await list(join(out, CHECKPOINTS))).filter(
    (name) => name !== LOCK && name !== OWNER && !isTemporary(name),
  );
  if (begun.length > 0) {
    throw new AdaptuneError(
      'E_OUTPUT_EXISTS',
      `${out}: expected an empty folder, but an unfinished run is in it: continue it with --resume, or delete it`,
    );
  }
}

/** What a killed writer left behind; nobody else writes here while the lock is held. */
async function removeTemporaries(folders: string[]): Promise<void> {
  for (const folder of folders) {
    for (const name of await list(folder)) if (isTemporary(name)) await remove(join(folder, name));
  }
}
