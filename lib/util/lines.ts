/** Text files line by line, as bytes come: any length of file, bounded lines. */
import { AdaptuneError } from '../errors.js';
import { readChunks } from './files.js';
import { invalidUtf8At } from './utf8.js';

export interface Line {
  /** Counted from 1. */
  line: number;
  text: string;
}

/** Longer lines are refused: 16 MiB. */
export const LINE_LIMIT = 1 << 24;

/**
 * Lines of a UTF-8 file or of standard input (`-`): LF or CRLF ends (kept when `ends`), a byte order mark is dropped, a
 * last line without end counts. NUL, bytes that are not UTF-8 and lines over 16 MiB are E_DATA with their line number.
 */
export async function* readLines(path: string, options: { ends?: boolean } = {}): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const name = path === '-' ? 'standard input' : path;
  let line = 0;
  const finish = (parts: Uint8Array[], length: number): Line => {
    line++;
    let bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts, length);
    const fail = (came: string) =>
      new AdaptuneError('E_DATA', `${name}: line ${line}: expected UTF-8 text, came ${came}`);
    if (line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
    const other = line === 1 ? otherFormat(bytes) : null;
    if (other !== null) throw fail(other);
    const nul = bytes.indexOf(0);
    if (nul >= 0) throw fail(`a NUL at byte ${nul} of the line`);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw fail(`other bytes at byte ${invalidUtf8At(bytes)} of the line`);
    }
    if (!options.ends) text = text.replace(/\r?\n$/, '');
    return { line, text };
  };
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readChunks(path)) {
    let begin = 0;
    while (begin < chunk.length) {
      const newline = chunk.indexOf(10, begin);
      const end = newline < 0 ? chunk.length : newline + 1;
      parts.push(chunk.subarray(begin, end));
      length += end - begin;
      begin = end;
      if (length > LINE_LIMIT) {
        throw new AdaptuneError(
          'E_DATA',
          `${name}: line ${line + 1}: expected at most ${LINE_LIMIT} bytes, came more (is this a text file with one row a line?)`,
        );
      }
      if (newline >= 0) {
        yield finish(parts, length);
        parts = [];
        length = 0;
      }
    }
  }
  if (length > 0) yield finish(parts, length);
}

/** What people hand over instead of text, by its first bytes. */
function otherFormat(bytes: Uint8Array): string | null {
  const begins = (...first: number[]) => first.every((byte, i) => bytes[i] === byte);
  if (begins(0xff, 0xfe) || begins(0xfe, 0xff)) return 'UTF-16 (save it as UTF-8)';
  if (begins(0x1f, 0x8b)) return 'a gzip file (unpack it first)';
  if (begins(0x50, 0x4b, 3, 4)) return 'a zip archive or Excel sheet (save it as CSV, UTF-8)';
  return null;
}
