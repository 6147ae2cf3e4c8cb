/** Compiles the addon where adaptune is installed: there is no prebuilt file, and an install script would run unasked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AdaptuneError } from '../../errors.js';
import type { OptionTable } from '../../util/options.js';
import { escapeControls } from '../../util/terminal.js';
import type { CommandSpec } from '../command.js';
import { duration, say } from '../output.js';

const SCRIPT = fileURLToPath(new URL('../../../../native/build.mjs', import.meta.url));
const STDERR = 2;

const OPTIONS = {} as const satisfies OptionTable;

interface Result {
  /** The file that was built and loaded. */
  addon: string;
  seconds: number;
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'build',
  summary:
    'Compiles the native addon in the folder where adaptune is installed, and loads it once. Needs a C++20 compiler, make and Python 3.',
  options: OPTIONS,
  example: 'npx adaptune build',
  async run({ signal }) {
    const begin = performance.now();
    // What the compiler says goes to stderr: stdout may carry the one object of --json.
    const child = spawn(process.execPath, [SCRIPT], { stdio: ['ignore', STDERR, STDERR] });
    signal.addEventListener('abort', () => child.kill(), { once: true });
    const [status] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    if (status !== 0)
      throw new AdaptuneError('E_ADDON', 'the addon was not built: the reasons and remedies are printed above');
    const { addonPath, binding } = await import('../../native/binding.js');
    binding();
    return { addon: addonPath()!, seconds: (performance.now() - begin) / 1000 };
  },
  print({ addon, seconds }) {
    say(`built and loaded ${escapeControls(addon)} in ${duration(seconds)}`);
  },
};
