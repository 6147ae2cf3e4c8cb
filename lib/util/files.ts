/**
 * The one door to the file system: nothing else in lib/ imports node:fs. Every operation passes `through` (faults.ts), so
 * that a test can fail, shorten or kill the k-th one, and every failure is an E_FILE that names the path, what was
 * expected and what came.
 *
 * Durability: data reach the disk by fsync before the name does by rename, and the folder is synced after it. Nothing is
 * deleted here but temporaries that the same call created, except by `remove`.
 */
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import {
  access,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename as renameFile,
  rmdir,
  stat as statFile,
  statfs,
  unlink,
} from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { record, through } from './faults.js';
import { isAbandoned, placeOf, temporaryName } from './temporary.js';

export { operationCount, setFaultPlan, setRecorder } from './faults.js';
export type { FaultPlan, Operation, Recorded } from './faults.js';
export { isTemporary } from './temporary.js';

export interface FileStat {
  /** Bytes. */
  size: number;
  mtimeMs: number;
  ino: number;
  dev: number;
  isFile: boolean;
  isDirectory: boolean;
  isSymbolicLink: boolean;
  /** Device, inode, size and modification time (ns): changes when the file is replaced or written to. */
  identity: string;
}

function fileStat(s: BigIntStats): FileStat {
  return {
    size: Number(s.size),
    mtimeMs: Number(s.mtimeNs) / 1e6,
    ino: Number(s.ino),
    dev: Number(s.dev),
    isFile: s.isFile(),
    isDirectory: s.isDirectory(),
    isSymbolicLink: s.isSymbolicLink(),
    identity: `${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}`,
  };
}

/** An open regular file. One handle for many reads: a rename over its name does not change what is read. */
export class ReadableFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    /** As it was when opened. */
    readonly stat: FileStat,
  ) {}

  /** Folders, devices and pipes are refused (a FIFO must not hang the open), and files of more than `limit` bytes. */
  static async open(path: string, limit = Infinity): Promise<ReadableFile> {
    const expected = 'a readable file';
    const handle = await through('open', path, expected, () => open(path, constants.O_RDONLY | constants.O_NONBLOCK));
    try {
      const stat = fileStat(await through('stat', path, expected, () => handle.stat({ bigint: true })));
      if (!stat.isFile) {
        throw new AdaptuneError(
          'E_FILE',
          `${path}: expected a regular file, came ${stat.isDirectory ? 'a folder' : 'a pipe or device'}`,
        );
      }
      if (stat.size > limit) {
        throw new AdaptuneError('E_FILE', `${path}: expected at most ${limit} bytes, came ${stat.size}`);
      }
      return new ReadableFile(path, handle, stat);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Exactly `length` bytes from `begin` on, in memory of their own. */
  async read(begin: number, length: number): Promise<Uint8Array> {
    if (begin < 0 || length < 0 || begin + length > this.stat.size) {
      throw new AdaptuneError(
        'E_FILE',
        `${this.path}: expected bytes ${begin} to ${begin + length}, came a file of ${this.stat.size}`,
      );
    }
    const bytes = new Uint8Array(length);
    await this.readInto(bytes, begin);
    return bytes;
  }

  private async readInto(bytes: Uint8Array, begin: number): Promise<void> {
    const { length } = bytes;
    let done = 0;
    while (done < length) {
      const n = await through('read', this.path, `${length} bytes at ${begin}`, async (short) => {
        const ask = Math.min(short ? Math.ceil((length - done) / 2) : length - done, READ_MAX);
        return (await this.handle.read(bytes, done, ask, begin + done)).bytesRead;
      });
      if (n === 0) {
        throw new AdaptuneError(
          'E_FILE',
          `${this.path}: expected ${length} bytes at ${begin}, came ${done}: the file was truncated while it was read`,
        );
      }
      done += n;
    }
  }

  /**
   * The whole file piece by piece, in one buffer. `take` gets what it left of the piece before with what comes behind that, and
   * says how many bytes it took.
   */
  async readPieces(take: (bytes: Uint8Array, isLast: boolean) => number): Promise<void> {
    const { size } = this.stat;
    let buffer = new Uint8Array(Math.min(PIECE, size));
    let left = 0;
    for (let at = 0; at < size;) {
      if (left === buffer.length) {
        const larger = new Uint8Array(2 * left);
        larger.set(buffer);
        buffer = larger;
      }
      const bytes = buffer.subarray(0, Math.min(buffer.length, left + size - at));
      await this.readInto(bytes.subarray(left), at);
      at += bytes.length - left;
      const taken = take(bytes, at === size);
      buffer.copyWithin(0, taken, bytes.length);
      left = bytes.length - taken;
    }
  }

  /** Throws unless the open file is still the one that was opened: same size, same modification time. */
  async checkUnchanged(): Promise<void> {
    const now = fileStat(await through('stat', this.path, 'a readable file', () => this.handle.stat({ bigint: true })));
    if (now.identity !== this.stat.identity) {
      throw new AdaptuneError(
        'E_FILE',
        `${this.path}: expected a file that stays the same while it is read, came a change (${this.stat.size} then ${now.size} bytes)`,
      );
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Node reads at most 2^31 - 1 bytes a call. */
const READ_MAX = 2 ** 30;
const PIECE = 1 << 19;

/** Whole file. `limit`: larger files are refused before anything is allocated. */
export async function readBytes(path: string, options: { limit?: number } = {}): Promise<Uint8Array> {
  const file = await ReadableFile.open(path, options.limit ?? 2 ** 32);
  try {
    return await file.read(0, file.stat.size);
  } finally {
    await file.close();
  }
}

/** Whole file as text; bytes that are not UTF-8 are refused, a byte order mark is dropped. */
export async function readText(path: string, options: { limit?: number } = {}): Promise<string> {
  const bytes = await readBytes(path, { limit: options.limit ?? 2 ** 28 });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const { invalidUtf8At } = await import('./utf8.js');
    throw new AdaptuneError('E_FILE', `${path}: expected UTF-8 text, came other bytes at byte ${invalidUtf8At(bytes)}`);
  }
}

const CHUNK = 1 << 18;

/** The bytes of a file or of standard input (`-`) in chunks. Pipes are allowed: data may come from one. */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  if (path === '-') {
    for await (const chunk of process.stdin) yield typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
    return;
  }
  const handle = await through('open', path, 'a readable file', () => open(path, 'r'));
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK);
      const n = await through('read', path, 'a readable file', async (short) => {
        return (await handle.read(chunk, 0, short ? 1 : CHUNK, null)).bytesRead;
      });
      if (n === 0) return;
      yield chunk.subarray(0, n);
    }
  } finally {
    await handle.close();
  }
}

export type Chunk = Uint8Array | string;
export type Chunks = Chunk | Iterable<Chunk> | AsyncIterable<Chunk>;

async function* bytesOf(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const source = typeof chunks === 'string' || chunks instanceof Uint8Array ? [chunks] : chunks;
  for await (const chunk of source) yield typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
}

async function writeAll(handle: FileHandle, path: string, name: string, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const left = Math.min(bytes.length - done, READ_MAX);
    const half = () => handle.write(bytes, done, Math.ceil(left / 2));
    const n = await through(
      'write',
      name,
      `room for ${bytes.length} bytes`,
      async (short) => (await (short ? half() : handle.write(bytes, done, left))).bytesWritten,
      half,
    );
    if (n === 0) throw new AdaptuneError('E_FILE', `${name}: expected to write ${left} bytes, came 0`);
    record({ operation: 'write', path, data: bytes.subarray(done, done + n) });
    done += n;
  }
}

/** Creates `path` (it must not exist), writes and syncs it; on failure the file is removed again. `name`: for messages. */
async function create(path: string, chunks: Chunks, name = path): Promise<void> {
  const handle = await through('open', name, 'a new file', () => open(path, 'wx'));
  record({ operation: 'open', path });
  try {
    try {
      // Small chunks are gathered: one call of the system per CHUNK bytes.
      let gathered: Uint8Array[] = [];
      let length = 0;
      const flush = async () => {
        if (length === 0) return;
        await writeAll(handle, path, name, gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered, length));
        gathered = [];
        length = 0;
      };
      for await (const bytes of bytesOf(chunks)) {
        // Copied, because the producer may reuse its buffer.
        gathered.push(bytes.length < CHUNK ? bytes.slice() : bytes);
        length += bytes.length;
        if (length >= CHUNK) await flush();
      }
      await flush();
      await through('sync', name, 'a durable write', () => handle.sync());
      record({ operation: 'sync', path });
    } finally {
      await handle.close();
    }
  } catch (error) {
    await removeFile(path).catch(() => {});
    throw error;
  }
}

/**
 * Replaces `path` at once: readers, and a machine that loses power, see the old file or the new one. A temporary beside
 * it is written, synced and renamed, then the folder is synced. A kill leaves at most a name that `isTemporary` knows.
 */
export async function writeAtomic(path: string, chunks: Chunks): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path), await here()));
  await create(temporary, chunks, path);
  try {
    await rename(temporary, path);
  } catch (error) {
    await removeFile(temporary).catch(() => {});
    throw error;
  }
  await syncDirectory(dirname(path));
}

let place: string | undefined;

/** Where the ids of processes are those of this one. */
async function here(): Promise<string> {
  return (place ??= placeOf(await readlink('/proc/self/ns/pid').catch(() => '')));
}

/** Removes what killed calls of `writeAtomic` left beside `path`, as far as that is possible; what live ones write stays. */
export async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await list(folder).catch(() => []);
  const at = await here();
  for (const name of names.filter((other) => isAbandoned(other, basename(path), at)))
    await removeFile(join(folder, name)).catch(() => {});
}

/**
 * A new file, synced: for folders that are written once and never changed. An existing file is refused. Call
 * `syncDirectory` once when all files of the folder are there.
 */
export async function writeDurable(path: string, chunks: Chunks): Promise<void> {
  await create(path, chunks);
}

/** Creates the folder and its parents, durably; an existing folder is fine. */
export async function makeDirectory(path: string): Promise<void> {
  // One by one: the recursive call of Node says ENOENT whatever the reason was.
  const missing: string[] = [];
  let at = resolve(path);
  for (let there = await statOrNull(at); !there?.isDirectory; there = await statOrNull(at)) {
    if (there) throw new AdaptuneError('E_FILE', `${at}: expected a folder, came a file`);
    missing.push(at);
    at = dirname(at);
  }
  for (const folder of missing.toReversed()) {
    await through('mkdir', folder, 'a new folder', async () => {
      await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
        // Somebody else was faster.
        if (error.code !== 'EEXIST') throw error;
      });
    });
    record({ operation: 'mkdir', path: folder });
    await syncDirectory(dirname(folder));
  }
}

/** E_FILE unless files can be made in the folder: asked before long work whose result goes there. */
export async function requireWritable(folder: string): Promise<void> {
  await through('stat', folder, 'a folder that can be written to', () => access(folder, constants.W_OK));
}

/** Names in a folder, sorted by UTF-16 code unit. */
export async function list(path: string): Promise<string[]> {
  return (await through('list', path, 'a folder', () => readdir(path))).sort();
}

/** Follows links; null when nothing is there. */
export async function statOrNull(path: string): Promise<FileStat | null> {
  return through('stat', path, 'a file or folder', async () => {
    try {
      return fileStat(await statFile(path, { bigint: true }));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      throw error;
    }
  });
}

export async function stat(path: string): Promise<FileStat> {
  const found = await statOrNull(path);
  if (!found) throw new AdaptuneError('E_FILE', `${path}: expected a file or folder, came nothing`);
  return found;
}

export async function exists(path: string): Promise<boolean> {
  return (await statOrNull(path)) !== null;
}

/** Absolute path with all links resolved. */
export async function realPath(path: string): Promise<string> {
  return through('stat', path, 'a file or folder', () => realpath(path));
}

/** Removes a file, a link (not what it points to), or a folder with all that it holds, one entry at a time. */
export async function remove(path: string): Promise<void> {
  const found = fileStat(await through('stat', path, 'a file or folder', () => lstat(path, { bigint: true })));
  if (!found.isDirectory) return removeFile(path);
  for (const name of await list(path)) await remove(join(path, name));
  await through('remove', path, 'an empty folder', () => rmdir(path));
  record({ operation: 'remove', path });
}

async function removeFile(path: string): Promise<void> {
  await through('remove', path, 'a removable file', () => unlink(path));
  record({ operation: 'remove', path });
}

export async function rename(from: string, to: string): Promise<void> {
  await through('rename', to, `to be replaced by ${from}`, () => renameFile(from, to));
  record({ operation: 'rename', path: to, from });
}

/** Makes the names in a folder durable. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open folders; its file systems journal the names.
  if (process.platform === 'win32') return;
  const handle = await through('open', path, 'a folder', () => open(path, 'r'));
  try {
    await through('sync', path, 'a durable folder', () => handle.sync());
    record({ operation: 'sync', path });
  } finally {
    await handle.close();
  }
}

/** Refuses, with both numbers, when the file system of `path` has fewer than `bytes` free: before a long write starts. */
export async function requireSpace(path: string, bytes: number): Promise<void> {
  const s = await through('stat', path, 'a folder', () => statfs(path));
  const free = s.bavail * s.bsize;
  if (free < bytes) {
    throw new AdaptuneError('E_FILE', `${path}: expected ${bytes} bytes of free space, came ${free}`);
  }
}
