/** What is checked about --out before any work is done for it. */
import { dirname, extname } from 'node:path';
import { AdaptuneError, type ErrorCode } from '../errors.js';
import { removeAbandoned, requireWritable, statOrNull } from '../util/files.js';

const refusal = (code: ErrorCode, expected: string, path: string) =>
  new AdaptuneError(code, `--out: expected ${expected} but received ${JSON.stringify(path)}`);

/** The ending of `path`, which decides the format. */
export function endingOf<Ending extends string>(path: string, endings: readonly Ending[]): Ending {
  const ending = endings.find((known) => known === extname(path).toLowerCase());
  if (ending === undefined) throw refusal('E_ARGUMENT', `a file ending in ${endings.join(', ')}`, path);
  return ending;
}

/**
 * Its folder is there and can be written to, and none of the inputs would be overwritten: they hold what the output does
 * not. What a killed command left behind for the same path is removed.
 */
export async function checkOutput(path: string, inputs: readonly (string | null)[]): Promise<void> {
  if (!(await statOrNull(dirname(path)))?.isDirectory) throw refusal('E_FILE', 'a file in an existing folder', path);
  await requireWritable(dirname(path));
  await removeAbandoned(path);
  const there = await statOrNull(path);
  if (!there) return;
  if (there.isDirectory) throw refusal('E_FILE', 'a file, not a folder,', path);
  for (const input of inputs) {
    const read = input === null ? null : await statOrNull(input);
    if (read?.dev === there.dev && read.ino === there.ino)
      throw refusal('E_OUTPUT_EXISTS', 'a file other than the one that is read', path);
  }
}
