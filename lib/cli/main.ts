#!/usr/bin/env node
/** `adaptune <command>`: loads only the command that is asked for. */
import { AdaptuneError } from '../errors.js';
import { packageVersion } from '../util/version.js';
import { suggest } from '../util/options.js';
import { runCommand } from './command.js';
import { ignoreClosedPipes, report } from './output.js';

interface Entry {
  summary: string;
  run(argv: string[]): Promise<number>;
}
const COMMANDS: Record<string, Entry> = {
  train: {
    summary: 'mine tokens, select sensitive units, finetune, evaluate and save a classifier',
    run: async (argv) => runCommand((await import('./commands/train.js')).command, argv),
  },
  mine: {
    summary: 'show the token sequences that are worth a token of their own',
    run: async (argv) => runCommand((await import('./commands/mine.js')).command, argv),
  },
  evaluate: {
    summary: 'score a saved classifier on labelled texts',
    run: async (argv) => runCommand((await import('./commands/evaluate.js')).command, argv),
  },
  predict: {
    summary: 'label texts with a saved classifier',
    run: async (argv) => runCommand((await import('./commands/predict.js')).command, argv),
  },
  doctor: {
    summary: 'say what this machine offers and what is wrong with the installation',
    run: async (argv) => runCommand((await import('./commands/doctor.js')).command, argv),
  },
};

const USAGE = `Usage: adaptune <command> [options]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`)
  .join('\n')}

adaptune <command> --help shows its options and an example; adaptune --version the version.
`;

async function main([name, ...rest]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? process.stderr : process.stdout).write(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    const near = suggest(name, Object.keys(COMMANDS));
    const list = Object.keys(COMMANDS).join(', ');
    return report(
      new AdaptuneError(
        'E_ARGUMENT',
        `expected a command (${list}) but received "${name}"${near ? `; did you mean ${near}?` : ''}`,
      ),
      rest.includes('--json'),
    );
  }
  return COMMANDS[name]!.run(rest);
}

ignoreClosedPipes();
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  report(error, process.argv.includes('--json')),
);
