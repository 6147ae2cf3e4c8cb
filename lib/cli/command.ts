/** From one description of a command: its flags, its help, its configuration file, its errors and exit codes. */
import { Command as Commander, CommanderError, Option as Flag } from 'commander';
import { parse as parseYaml } from 'yaml';
import { AdaptuneError } from '../errors.js';
import { readText } from '../util/files.js';
import {
  checkOption,
  checkOptions,
  kebab,
  resolveOptions,
  suggest,
  type OptionSpec,
  type OptionTable,
  type OptionValue,
  type ResolvedOf,
} from '../util/options.js';
import { ProgressLine } from './progress.js';
import { note, report, sayJson } from './output.js';

export interface Invocation<Table extends OptionTable> {
  args: string[];
  /** Checked: flag, else configuration file, else default. */
  options: ResolvedOf<Table>;
  json: boolean;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  progress: ProgressLine;
}

export interface CommandSpec<Table extends OptionTable, Result> {
  name: string;
  summary: string;
  /** Positional arguments as commander writes them, e.g. `<dir> [file]`. */
  arguments?: string;
  options: Table;
  example: string;
  run(invocation: Invocation<Table>): Promise<Result>;
  /** Prints the result for people; --json prints it as it is. */
  print(result: Result, invocation: Invocation<Table>): void;
}

function help(spec: OptionSpec): string {
  if (spec.required) return `${spec.help} (required)`;
  const shown = spec.default;
  if (shown === undefined || shown === false) return spec.help;
  return `${spec.help} (default: ${Array.isArray(shown) ? shown.join(' ') : String(shown)})`;
}

function flag(name: string, spec: OptionSpec): Flag {
  if (spec.type === 'boolean') return new Flag(`--${kebab(name)}`, help(spec));
  const value = spec.value ?? (spec.type === 'choice' ? spec.choices.join('|') : 'VALUE');
  return new Flag(`--${kebab(name)} <${value}>`, help(spec)).argParser((text: string) =>
    checkOption(`--${kebab(name)}`, spec, text, { fromText: true }),
  );
}

/** A configuration file: JSON or YAML, keys as in the typed API (`maxLength`) or as flags (`max-length`). */
async function readConfig(path: string, table: OptionTable): Promise<Record<string, OptionValue>> {
  const text = await readText(path);
  const form = /\.ya?ml$/i.test(path) ? 'YAML' : 'JSON';
  let value: unknown;
  try {
    value = form === 'YAML' ? parseYaml(text, { maxAliasCount: 0 }) : JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0];
    throw new AdaptuneError('E_CONFIG', `${path}: expected ${form} but received: ${reason}`, { cause });
  }
  return checkOptions(table, value, { code: 'E_CONFIG', where: path, partial: true });
}

function usageError(error: CommanderError, table: OptionTable): AdaptuneError {
  const unknown = /unknown option '(--?[^']+)'/.exec(error.message)?.[1];
  const flags = [...Object.keys(table), 'json', 'config', 'help'].map((name) => `--${kebab(name)}`);
  const near = unknown ? suggest(unknown, flags) : null;
  const message = error.message.replace(/^error: /, '').split('\n')[0]!;
  return new AdaptuneError('E_ARGUMENT', `${message}${near === null ? '' : `; did you mean ${near}?`}`);
}

/** Two signals: the first asks the work to stop at the next safe point, the second ends the process. */
function interruptible(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    note('stopping at the next safe point; press Ctrl-C again to stop at once');
    controller.abort(new AdaptuneError('E_INTERRUPTED', 'stopped on request'));
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return { signal: controller.signal, release: () => names.forEach((name) => process.off(name, onSignal)) };
}

export async function runCommand<Table extends OptionTable, Result>(
  spec: CommandSpec<Table, Result>,
  argv: string[],
): Promise<number> {
  const command = new Commander(`adaptune ${spec.name}`)
    .description(spec.summary)
    .helpOption('-h, --help', 'show this help')
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .addHelpText('after', `\nExample:\n  ${spec.example}`);
  for (const argument of spec.arguments?.split(' ') ?? []) command.argument(argument);
  for (const [name, option] of Object.entries(spec.options)) command.addOption(flag(name, option));
  command
    .option('--config <FILE>', 'options from a JSON or YAML file; flags win')
    .option('--json', 'print one JSON object on stdout');
  const json = argv.includes('--json');
  const interrupts = interruptible();
  const progress = new ProgressLine();
  try {
    try {
      command.parse(argv, { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode === 0) return 0;
      throw usageError(error, spec.options);
    }
    const flags = command.opts<Record<string, unknown>>();
    const file = flags['config'];
    const config = typeof file === 'string' ? await readConfig(file, spec.options) : {};
    const given = Object.entries(flags).filter(([name]) => Object.hasOwn(spec.options, name));
    const options = resolveOptions(spec.options, { ...config, ...Object.fromEntries(given) });
    const invocation = { args: command.args, options, json, signal: interrupts.signal, progress };
    const result = await spec.run(invocation);
    progress.end();
    if (json) sayJson(result);
    else spec.print(result, invocation);
    return 0;
  } catch (error) {
    progress.end();
    return report(error, json);
  } finally {
    interrupts.release();
  }
}
