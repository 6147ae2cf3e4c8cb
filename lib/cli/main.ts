#!/usr/bin/env node
/** `adaptune <command>`: loads only what the command that is asked for needs. */
import { AdaptuneError } from '../errors.js';
import type { OptionTable } from '../util/options.js';
import { suggest } from '../util/options.js';
import type { CommandSpec } from './command.js';
import { end, report, watchStreams } from './output.js';

interface Entry {
  summary: string;
  run(argv: string[]): Promise<number>;
}

function entry<Table extends OptionTable, Result>(
  summary: string,
  load: () => Promise<{ command: CommandSpec<Table, Result> }>,
): Entry {
  const run = async (argv: string[]) => {
    const [{ command }, { runCommand }] = await Promise.all([load(), import('./command.js')]);
    return runCommand(command, argv);
  };
  return { summary, run };
}

const COMMANDS = new Map<string, Entry>([
  [
    'train',
    entry('mine tokens, select units, finetune, evaluate and save a classifier', () => import('./commands/train.js')),
  ],
  ['mine', entry('show the token sequences that are worth a token of their own', () => import('./commands/mine.js'))],
  ['evaluate', entry('score a saved classifier on labelled texts', () => import('./commands/evaluate.js'))],
  ['predict', entry('label texts with a saved classifier', () => import('./commands/predict.js'))],
  ['report', entry('make the page about a training run again', () => import('./commands/report.js'))],
  [
    'experiment',
    entry('train a grid of methods, options and seeds, and report on it', () => import('./commands/experiment.js')),
  ],
  [
    'bench',
    entry('time kernels, training steps and inference, beside other engines', () => import('./commands/bench.js')),
  ],
  [
    'doctor',
    entry('say what this machine offers and what is wrong with the installation', () => import('./commands/doctor.js')),
  ],
  ['build', entry('compile the native addon where adaptune is installed', () => import('./commands/build.js'))],
]);
const NAMES = [...COMMANDS.keys()];

const USAGE = `Usage: adaptune <command> [options]

Commands:
${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

adaptune <command> --help shows its options and an example; adaptune --version the version.
`;

function unknownCommand(name: string): AdaptuneError {
  const near = suggest(name, NAMES);
  return new AdaptuneError(
    'E_ARGUMENT',
    `expected a command (${NAMES.join(', ')}) but received ${JSON.stringify(name)}${near ? `; did you mean ${near}?` : ''}`,
  );
}

async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (name === '--version' || name === '-V') {
    const { packageVersion } = await import('../util/version.js');
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  const asked = name === 'help' ? rest[0] : name;
  if (asked === undefined || name === '--help' || name === '-h') {
    process.stdout.write(USAGE);
    return 0;
  }
  const found = COMMANDS.get(asked);
  if (!found) return report(unknownCommand(asked), argv.includes('--json'));
  return found.run(name === 'help' ? ['--help'] : rest);
}

watchStreams();
// No process.exit here: a pipe would be cut at 64 KiB.
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  report(error, process.argv.includes('--json')),
);
end();
