// Builds build/Release/adaptune.node with node-gyp: what changed since the last build. Options are handed on
// (`--debug`, `--verbose`). `npm run build` in a clone, `npx adaptune build` in a project that depends on adaptune.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Node's own headers, where an installation has them: nothing is downloaded then.
const installation = dirname(dirname(process.execPath));
const headers = existsSync(join(installation, 'include', 'node', 'common.gypi'));

function fail(what, remedies) {
  console.error(`E_ADDON: ${what}\nRemedies:\n${remedies.map((line) => `  - ${line}`).join('\n')}`);
  process.exitCode = 1;
}

/** The one installed beside adaptune, else the one that npm brings: of the npm that runs this, or of this Node. */
function nodeGyp() {
  const script = 'node-gyp/bin/node-gyp.js';
  try {
    return createRequire(import.meta.url).resolve(script);
  } catch {
    const npms = [
      ...(process.env.npm_execpath ? [dirname(dirname(process.env.npm_execpath))] : []),
      join(installation, 'lib/node_modules/npm'),
      join(dirname(process.execPath), 'node_modules/npm'),
    ];
    return npms.map((npm) => join(npm, 'node_modules', script)).find((path) => existsSync(path));
  }
}

const gyp = nodeGyp();
if (gyp === undefined) {
  fail('expected node-gyp beside adaptune or in npm, found none.', [
    'npm install --no-save node-gyp@12 (or the same with your package manager), then run this again.',
  ]);
} else {
  const args = [gyp, 'configure', 'build', '-j', '2', '--loglevel', 'warn', ...process.argv.slice(2)];
  if (headers) args.push('--nodedir', installation);
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0)
    fail(`the addon was not built (${error?.message ?? `node-gyp exited with ${status}`}).`, [
      'A C++20 compiler (gcc 11 or clang 14), make and Python 3 are needed; on Debian: apt-get install g++ make python3.',
      ...(headers
        ? []
        : [
            `Node's headers were not found below ${installation}: allow the download from nodejs.org, or pass --nodedir.`,
          ]),
      'After a change of compiler or Node, remove the folder build and run this again.',
    ]);
}
