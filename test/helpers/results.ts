/** Figures of a test run as JSON, when ADAPTUNE_RESULTS names a folder: bench/results holds those of one machine. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** Sets `figures` under `name` in `file`, beside what other tests wrote there. */
export function record(file: string, name: string, figures: object): void {
  const folder = process.env['ADAPTUNE_RESULTS'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, file);
  const known = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as object) : {};
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, node: process.version };
  writeFileSync(path, `${JSON.stringify({ ...known, machine, [name]: figures }, null, 1)}\n`);
}
