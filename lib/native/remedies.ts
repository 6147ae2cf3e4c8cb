/** Why the addon did not load, and what to do about it: one message per situation. */
import { AdaptuneError } from '../errors.js';

const platform = `${process.platform}-${process.arch}`;

/** Node's report names the C library that it runs on; musl systems have no glibc version there. */
export function libc(): 'glibc' | 'musl' | 'system' {
  if (process.platform !== 'linux') return 'system';
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? 'glibc' : 'musl';
}

/** What builds the addon where this file lies: in a clone, or in somebody's node_modules. */
export const BUILD_COMMAND = /[\\/]node_modules[\\/]/.test(import.meta.url)
  ? 'npx adaptune build (installed with -g: adaptune build)'
  : 'npm run build';

const NEEDS =
  'It needs a C++20 compiler (gcc 11 or clang 14), make and Python 3; on Debian: apt-get install g++ make python3.';

/** No file is there. `how`: one path was named by ADAPTUNE_BINARY, or the usual places were searched. */
export function absent(tried: string[], how: 'chosen' | 'searched', cause: unknown): AdaptuneError {
  const remedies =
    how === 'chosen'
      ? ['ADAPTUNE_BINARY names this file: correct the path, or unset the variable to search the usual places.']
      : [
          `This version has no prebuilt file for ${platform} (${libc()}). Build it: ${BUILD_COMMAND}. ${NEEDS}`,
          'Bundled (webpack, Next.js, asar): keep adaptune external and unpacked, for example serverExternalPackages: ["adaptune"].',
        ];
  return failure(`Could not locate the bindings file. Tried:\n${list(tried)}`, remedies, cause);
}

/** A file is there and cannot be loaded. `how`: as in `absent`. */
export function unusable(path: string, how: 'chosen' | 'searched', cause: unknown): AdaptuneError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const remedies: string[] = [];
  if (/GLIBC(XX)?_|CXXABI_/.test(reason)) remedies.push("This system's C library is older than the file's.");
  else if (/musl|ld-linux|Error relocating/.test(reason))
    remedies.push(`The file is for another C library than ${libc()}; was node_modules copied from another system?`);
  else if (/wrong ELF class|invalid ELF header|Exec format|incompatible architecture|mach-o/i.test(reason))
    remedies.push(`The file is for another platform than ${platform}, or damaged; was it copied from another system?`);
  else if (/self-register|NODE_MODULE_VERSION/.test(reason))
    remedies.push('The file is not an adaptune addon for this Node.');
  if (how === 'chosen') remedies.push('ADAPTUNE_BINARY names this file: correct the path, or unset the variable.');
  remedies.push(`Build it here: ${BUILD_COMMAND}. ${NEEDS}`);
  return failure(`The native addon cannot be loaded from ${path}: ${reason}`, remedies, cause);
}

const list = (lines: string[]) => lines.map((line) => `  - ${line}`).join('\n');

const failure = (what: string, remedies: string[], cause: unknown) =>
  new AdaptuneError('E_ADDON', `${what}\nRemedies:\n${list(remedies)}`, { cause });
