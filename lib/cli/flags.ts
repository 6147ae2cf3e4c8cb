/** Flags of a command from its option table, and what is said when somebody gets one wrong. */
import { Command as Commander, CommanderError, Option as Flag } from 'commander';
import { AdaptuneError } from '../errors.js';
import { checkOption, kebab, suggest, type OptionSpec, type OptionTable } from '../util/options.js';

/** What a command line looks like; `CommandSpec` without its work. */
export interface Syntax {
  name: string;
  summary: string;
  /** Positional arguments as commander writes them, e.g. `<dir> [file]`. */
  arguments?: string;
  options: OptionTable;
  /** Instead of the usage line that `arguments` and the required options make. */
  usage?: string;
  example: string;
}

const PLACEHOLDERS = {
  integer: 'N',
  number: 'X',
  support: 'N|0.x',
  path: 'FILE',
  string: 'TEXT',
  list: 'LIST',
  boolean: '',
  choice: '',
} as const satisfies Record<OptionSpec['type'], string>;

/** What every command takes. */
const GENERAL = 'General:';
export const GENERAL_OPTIONS = [
  ['--config <FILE>', 'Options from a JSON or YAML file, named as here or in camel case. Flags win.'],
  ['--json', 'Print one JSON object on stdout, everything else on stderr.'],
] as const;

export function placeholder(spec: OptionSpec): string {
  return spec.value ?? (spec.type === 'choice' ? spec.choices.join('|') : PLACEHOLDERS[spec.type]);
}

function help(spec: OptionSpec): string {
  if (spec.required) return `${spec.help} (required)`;
  const shown = spec.default;
  if (shown === undefined || shown === false) return spec.help;
  return `${spec.help} (default: ${Array.isArray(shown) ? shown.join(' ') : String(shown)})`;
}

function flag(name: string, spec: OptionSpec): Flag {
  const value = spec.type === 'boolean' ? '' : ` <${placeholder(spec)}>`;
  const made = new Flag(`--${kebab(name)}${value}`, help(spec));
  if (spec.group) made.helpGroup(`${spec.group}:`);
  if (spec.type === 'boolean') return made;
  return made.argParser((text: string) => checkOption(`--${kebab(name)}`, spec, text, { fromText: true }));
}

/** Required options stand in the usage line: a newcomer copies it. */
export function usage({ options, arguments: positional = '', usage: given }: Syntax): string {
  if (given !== undefined) return given;
  const required = Object.entries(options).filter(([, spec]) => spec.required);
  const flags = required.map(([name, spec]) => `--${kebab(name)} ${placeholder(spec)}`);
  return [positional, ...flags, '[options]'].filter((part) => part !== '').join(' ');
}

function commander(syntax: Syntax): Commander {
  const command = new Commander(`adaptune ${syntax.name}`)
    .description(syntax.summary)
    .usage(usage(syntax))
    .addHelpOption(new Flag('-h, --help', 'Show this help.').helpGroup(GENERAL))
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .addHelpText('after', `\nExample:\n  ${syntax.example}`);
  for (const argument of syntax.arguments?.split(' ') ?? []) command.argument(argument);
  for (const [name, option] of Object.entries(syntax.options)) command.addOption(flag(name, option));
  for (const [flags, text] of GENERAL_OPTIONS) command.addOption(new Flag(flags, text).helpGroup(GENERAL));
  return command;
}

export interface Parsed {
  args: string[];
  /** What was given, checked one by one. */
  flags: Record<string, unknown>;
  config: string | null;
}

/** Null when help was asked for, and printed. E_ARGUMENT names what was meant where it can. */
export function parseFlags(syntax: Syntax, argv: string[]): Parsed | null {
  const command = commander(syntax);
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    throw usageError(error, syntax, command.args);
  }
  const { json: _json, config, ...flags } = command.opts<Record<string, unknown>>();
  return { args: command.args, flags, config: typeof config === 'string' ? config : null };
}

/** Throws E_ARGUMENT for the first required option that neither a flag nor the configuration gives. */
export function checkRequired(syntax: Syntax, given: Record<string, unknown>): void {
  const missing = Object.entries(syntax.options).find(
    ([name, spec]) => spec.required && (given[name] ?? null) === null,
  );
  if (!missing) return;
  const [name, spec] = missing;
  throw wrongUse(syntax, `expected --${kebab(name)} ${placeholder(spec)} but received nothing`);
}

function wrongUse({ name }: Syntax, message: string): AdaptuneError {
  return new AdaptuneError('E_ARGUMENT', `${message}; see adaptune ${name} --help`);
}

function usageError(error: CommanderError, syntax: Syntax, args: readonly string[]): AdaptuneError {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  switch (error.code) {
    case 'commander.unknownOption': {
      const name = quoted.split('=')[0]!;
      const flags = [...Object.keys(syntax.options), 'json', 'config', 'help'].map((known) => `--${kebab(known)}`);
      const near = suggest(name, flags);
      if (near === name) return wrongUse(syntax, `expected ${name} without a value but received "${quoted}"`);
      return wrongUse(syntax, `unknown option ${name}${near === null ? '' : `; did you mean ${near}?`}`);
    }
    case 'commander.optionMissingArgument':
      return wrongUse(syntax, `expected a value after ${quoted.split(' ')[0]} but received nothing`);
    case 'commander.missingArgument':
      return wrongUse(syntax, `expected <${quoted}> but received nothing`);
    case 'commander.excessArguments':
      return wrongUse(
        syntax,
        `expected ${syntax.arguments ?? 'no arguments'} but received ${args.map((arg) => JSON.stringify(arg)).join(' ')}`,
      );
    default:
      return wrongUse(syntax, error.message.replace(/^error: /, '').split('\n')[0]!);
  }
}
