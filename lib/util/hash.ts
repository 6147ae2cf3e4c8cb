/** SHA-256 in lower-case hexadecimal, of data, of files, and of what passes by on its way to a file. */
import { createHash } from 'node:crypto';
import { ReadableFile } from './files.js';
import type { Chunk, Chunks } from './files.js';

export function sha256(data: Chunk): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Of a list of texts; their borders count, so ["ab", "c"] and ["a", "bc"] differ. */
export function sha256OfTexts(texts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${Buffer.byteLength(text)}:`).update(text);
  return hash.digest('hex');
}

/** Bytes read at once. */
const PIECE = 1 << 20;

/** Of a regular file. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await ReadableFile.open(path);
  try {
    const { size } = file.stat;
    for (let at = 0; at < size; at += PIECE) hash.update(await file.read(at, Math.min(PIECE, size - at)));
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** Passes chunks through unchanged; `digest` and `bytes` are of all that went by, once the last did. */
export class Hashing implements AsyncIterable<Chunk> {
  private readonly hash = createHash('sha256');
  bytes = 0;
  constructor(private readonly chunks: Chunks) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk> {
    const source = typeof this.chunks === 'string' || this.chunks instanceof Uint8Array ? [this.chunks] : this.chunks;
    for await (const chunk of source) {
      this.hash.update(chunk);
      this.bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
      yield chunk;
    }
  }

  /** Once only, after the chunks were consumed. */
  digest(): string {
    return this.hash.digest('hex');
  }
}
