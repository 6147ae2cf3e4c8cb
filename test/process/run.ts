import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  /** Exit status, or the signal's name. */
  code: number | string | null;
  stdout: string;
  stderr: string;
}

/** Runs a script of this folder in a process of its own. */
export function run(script: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.signal ?? error.code ?? null) : 0, stdout, stderr });
    });
  });
}
