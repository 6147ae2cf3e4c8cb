/** Flags of a command from its option table, and what is said when somebody gets one wrong. */
import { parseArgs } from 'node:util';
import { AdaptuneError } from '../errors.js';
import { checkOption, kebab, suggest, type OptionSpec, type OptionTable } from '../util/options.js';

/** What a command line looks like; `CommandSpec` without its work. */
export interface Syntax {
  name: string;
  summary: string;
  /** Positional arguments, the optional ones last, e.g. `<dir> [file]`. */
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
export const GENERAL_OPTIONS = [
  ['--config <FILE>', 'Options from a JSON or YAML file, named as here or in camel case. Flags win.'],
  ['--json', 'Print one JSON object on stdout, everything else on stderr.'],
] as const;
const GENERAL_FLAGS = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export function placeholder(spec: OptionSpec): string {
  return spec.value ?? (spec.type === 'choice' ? spec.choices.join('|') : PLACEHOLDERS[spec.type]);
}

/** Required options stand in the usage line: a newcomer copies it. */
export function usage({ options, arguments: positional = '', usage: given }: Syntax): string {
  if (given !== undefined) return given;
  const required = Object.entries(options).filter(([, spec]) => spec.required);
  const flags = required.map(([name, spec]) => `--${kebab(name)} ${placeholder(spec)}`);
  return [positional, ...flags, '[options]'].filter((part) => part !== '').join(' ');
}

export interface Parsed {
  args: string[];
  /** What was given, checked one by one. */
  flags: Record<string, unknown>;
  config: string | null;
}

/** Null when help is asked for. E_ARGUMENT names what was meant where it can. */
export function parseFlags(syntax: Syntax, argv: string[]): Parsed | null {
  const names = new Map(Object.keys(syntax.options).map((name) => [kebab(name), name]));
  const kinds: Record<string, { type: 'string' | 'boolean' }> = { ...GENERAL_FLAGS };
  for (const [flag, name] of names)
    kinds[flag] = { type: syntax.options[name]!.type === 'boolean' ? 'boolean' : 'string' };
  // Not strict: what is wrong is said below.
  const { tokens } = parseArgs({ args: argv, options: kinds, strict: false, allowPositionals: true, tokens: true });
  if (tokens.some((token) => token.kind === 'option' && token.name === 'help' && token.value === undefined))
    return null;

  const parsed: Parsed = { args: [], flags: {}, config: null };
  for (const token of tokens) {
    if (token.kind === 'positional') parsed.args.push(token.value);
    if (token.kind !== 'option') continue;
    const { name: flag, value } = token;
    const given = argv[token.index]!;
    if (!given.startsWith('--') || !Object.hasOwn(kinds, flag)) throw unknownOption(syntax, given, Object.keys(kinds));
    if (kinds[flag]!.type === 'boolean') {
      if (value !== undefined) throw wrongUse(syntax, `expected --${flag} without a value but received "${given}"`);
    } else if (value === undefined) throw wrongUse(syntax, `expected a value after --${flag} but received nothing`);
    const name = names.get(flag);
    if (flag === 'config') parsed.config = value!;
    else if (name !== undefined)
      parsed.flags[name] = checkOption(`--${flag}`, syntax.options[name]!, value ?? true, { fromText: true });
  }
  checkPositionals(syntax, parsed.args);
  return parsed;
}

function checkPositionals(syntax: Syntax, args: readonly string[]): void {
  const expected = syntax.arguments?.split(' ') ?? [];
  const missing = expected[args.length];
  if (missing?.startsWith('<')) throw wrongUse(syntax, `expected ${missing} but received nothing`);
  if (args.length <= expected.length) return;
  const given = args.map((arg) => JSON.stringify(arg)).join(' ');
  throw wrongUse(syntax, `expected ${syntax.arguments ?? 'no arguments'} but received ${given}`);
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

function unknownOption(syntax: Syntax, given: string, flags: readonly string[]): AdaptuneError {
  const name = given.split('=')[0]!;
  const near = suggest(
    name,
    flags.map((flag) => `--${flag}`),
  );
  return wrongUse(syntax, `unknown option ${name}${near === null ? '' : `; did you mean ${near}?`}`);
}
