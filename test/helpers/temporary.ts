/** Folders that tests share until their process ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];

/** A new folder, removed when the process exits. */
export function temporaryFolder(name: string): string {
  if (folders.length === 0)
    process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  const folder = mkdtempSync(join(tmpdir(), `adaptune-${name}-`));
  folders.push(folder);
  return folder;
}
