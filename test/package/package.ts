/** The package as npm would publish it, unpacked into the node_modules of an otherwise empty project. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../helpers/temporary.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Manifest {
  version: string;
  bin: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
}
export const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

export interface Packed {
  tarball: string;
  /** Bytes. */
  size: number;
  unpackedSize: number;
  files: { path: string; size: number }[];
}

let packed: Packed | undefined;

/** Packed once; what `prepare` would do is done already. */
export function pack(): Packed {
  if (packed) return packed;
  const folder = temporaryFolder('pack');
  const output = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [report] = JSON.parse(output) as (Omit<Packed, 'tarball'> & { filename: string })[];
  return (packed = { ...report!, tarball: join(folder, report!.filename) });
}

/** A project that depends on the package, whose dependencies are those of this clone. */
export function install(): { project: string; main: string } {
  const project = temporaryFolder('project');
  const modules = join(project, 'node_modules');
  const home = join(modules, 'adaptune');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', ['-xzf', pack().tarball, '--strip-components=1', '-C', home]);
  for (const name of Object.keys(MANIFEST.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'dir');
  }
  return { project, main: join(home, MANIFEST.bin['adaptune']!) };
}
