/**
 * Options as data: one table per command, from which types, defaults, checks, `--help` and the keys of configuration files
 * are derived. A value is checked the same way wherever it comes from; the text of a flag is turned into a value first.
 */
import type * as Levenshtein from 'fastest-levenshtein';
import { AdaptuneError, type ErrorCode } from '../errors.js';

interface Common<T> {
  help: string;
  /** Absent: none, or derived from other options as `help` says. */
  default?: T;
  required?: boolean;
  /** Placeholder of the value in `--help`. */
  value?: string;
  /** Heading in `--help`. */
  group?: string;
}
/** A number from `min` to `max` (`above`: without `min` itself), or one of `words`. */
export type NumberSpec<W extends string = string> = Common<number | NoInfer<W>> & {
  type: 'integer' | 'number';
  min: number;
  max: number;
  above?: boolean;
  words?: readonly W[];
};
export type TextSpec = Common<string> & { type: 'string' | 'path' };
/** Any strings, or at least one of `items`. */
export type ListSpec = Common<readonly string[]> & { type: 'list'; items?: readonly string[] };
export type BooleanSpec = Common<boolean> & { type: 'boolean' };
/** `sets`: defaults that other options have with a choice, by its name and theirs. */
export type ChoiceSpec<C extends string = string> = Common<NoInfer<C>> & {
  type: 'choice';
  choices: readonly C[];
  sets?: Presets;
};
export type Presets = Readonly<Record<string, Readonly<Record<string, OptionValue>>>>;
/** A count (5) or a fraction (0.01; as text also 1.0). */
export type SupportSpec = Common<number | string> & { type: 'support' };

export type OptionSpec = NumberSpec | TextSpec | ListSpec | BooleanSpec | ChoiceSpec | SupportSpec;
export type OptionTable = Readonly<Record<string, OptionSpec>>;
export type OptionValue = string | number | boolean | readonly string[] | null;

type ValueOf<S extends OptionSpec> = S extends { type: 'integer' | 'number'; words: readonly (infer W)[] }
  ? number | W
  : S extends { type: 'integer' | 'number' }
    ? number
    : S extends { type: 'choice'; choices: readonly (infer C)[] }
      ? C
      : S extends { type: 'list' }
        ? readonly string[]
        : S extends { type: 'boolean' }
          ? boolean
          : S extends { type: 'support' }
            ? number | string
            : string;
type RequiredKey<T extends OptionTable> = { [K in keyof T]: T[K] extends { required: true } ? K : never }[keyof T];
type FilledKey<T extends OptionTable> = { [K in keyof T]: T[K] extends { default: {} } ? K : never }[keyof T];

/** What a caller passes; null and undefined mean the default. */
export type OptionsOf<T extends OptionTable> = { [K in RequiredKey<T>]: ValueOf<T[K]> } & {
  [K in Exclude<keyof T, RequiredKey<T>>]?: ValueOf<T[K]> | null | undefined;
};
/** What a command works with: defaults filled in, null where there is none. */
export type ResolvedOf<T extends OptionTable> = { [K in RequiredKey<T> | FilledKey<T>]: ValueOf<T[K]> } & {
  [K in Exclude<keyof T, RequiredKey<T> | FilledKey<T>>]: ValueOf<T[K]> | null;
};

/** The same table, below one heading of `--help`. */
export function grouped<const T extends OptionTable>(group: string, table: T): T {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, { ...spec, group }])) as unknown as T;
}

/** "max-length" of "maxLength". */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => '-' + c.toLowerCase());
/** "maxLength" of "max-length". */
export const camel = (flag: string): string => flag.replace(/-([a-z])/g, (_, c: string) => c.toUpperCase());

/** The name that was probably meant, or null when none is near. */
export function suggest(name: string, names: readonly string[]): string | null {
  // Only for somebody who mistyped, so not loaded with every command.
  const { createRequire } = process.getBuiltinModule('node:module');
  const { distance } = createRequire(import.meta.url)('fastest-levenshtein') as typeof Levenshtein;
  const near = names.map((known) => ({ known, far: distance(name.toLowerCase(), known.toLowerCase()) }));
  const best = near.reduce((a, b) => (b.far < a.far ? b : a), { known: '', far: Infinity });
  if (best.far <= Math.max(1, Math.ceil(0.4 * name.length))) return best.known;
  // An abbreviation: --val for --validation.
  return names.find((known) => name.length > 2 && known.toLowerCase().startsWith(name.toLowerCase())) ?? null;
}

/** What a legal value is, in words: for messages and help. */
export function legalValues(spec: OptionSpec): string {
  switch (spec.type) {
    case 'integer':
    case 'number': {
      const kind = spec.type === 'integer' ? 'a whole number' : 'a number';
      const range = `${spec.above ? 'above' : 'from'} ${spec.min} to ${spec.max}`;
      return [`${kind} ${range}`, ...(spec.words ?? []).map((word) => JSON.stringify(word))].join(' or ');
    }
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
    case 'support':
      return 'a count (5) or a fraction (0.01)';
    case 'list':
      return spec.items ? `a list of some of ${spec.items.join(', ')}` : 'a list of strings';
    case 'boolean':
      return 'true or false';
    case 'path':
      return 'a path';
    case 'string':
      return 'a string';
  }
}

function inRange(spec: NumberSpec, value: number): boolean {
  if (spec.type === 'integer' && !Number.isInteger(value)) return false;
  return (spec.above ? value > spec.min : value >= spec.min) && value <= spec.max;
}

function isLegal(spec: OptionSpec, value: unknown): value is OptionValue {
  switch (spec.type) {
    case 'integer':
    case 'number':
      return typeof value === 'number' ? inRange(spec, value) : (spec.words?.includes(value as string) ?? false);
    case 'choice':
      return spec.choices.includes(value as string);
    case 'support':
      return typeof value === 'string'
        ? /^(?:[1-9]\d*|0?\.\d*[1-9]\d*|1\.0+)$/.test(value)
        : typeof value === 'number' && value > 0 && (value < 1 || Number.isSafeInteger(value));
    case 'list':
      if (!Array.isArray(value)) return false;
      if (spec.items) return value.length > 0 && value.every((item) => spec.items!.includes(item as string));
      return value.every((item) => typeof item === 'string' && item !== '');
    case 'boolean':
      return typeof value === 'boolean';
    case 'path':
    case 'string':
      return typeof value === 'string' && value !== '' && !value.includes('\0');
  }
}

function valueOfText(spec: OptionSpec, text: string): unknown {
  switch (spec.type) {
    case 'integer':
    case 'number':
      return text.trim() === '' || spec.words?.includes(text) ? text : Number(text);
    case 'list':
      return text.split(/\s+/).filter((part) => part !== '');
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'number') return `the number ${value}`;
  return value === null || value === undefined
    ? String(value)
    : `a value of type ${Array.isArray(value) ? 'array' : typeof value}`;
}

/** E_ARGUMENT unless a caller passed an object to `name`. */
export function requireObject<T extends object>(input: T, name: string): T {
  if (typeof input === 'object' && (input as T | null) !== null && !Array.isArray(input)) return input;
  throw new AdaptuneError('E_ARGUMENT', `expected an object of options for ${name} but received ${shown(input)}`);
}

/** What takes the place of defaults because of the choices given. */
export function presetOptions(table: OptionTable, given: Readonly<Record<string, unknown>>): Presets[string] {
  let preset: Presets[string] = {};
  for (const [name, spec] of Object.entries(table)) {
    if (spec.type !== 'choice' || spec.sets === undefined) continue;
    const choice = given[name];
    if (typeof choice === 'string' && Object.hasOwn(spec.sets, choice)) preset = { ...preset, ...spec.sets[choice] };
  }
  return preset;
}

export interface CheckOptions {
  /** Code of the error: E_ARGUMENT, or E_CONFIG for files. */
  code?: ErrorCode;
  /** Where the value comes from, the beginning of every message. */
  where?: string;
  /** Text of a flag, to be turned into a value. */
  fromText?: boolean;
  /** Only what is given: no defaults, nothing required. */
  partial?: boolean;
}

export function checkOption(name: string, spec: OptionSpec, input: unknown, how: CheckOptions = {}): OptionValue {
  const value = how.fromText && typeof input === 'string' ? valueOfText(spec, input) : input;
  if (isLegal(spec, value)) return value;
  const where = how.where ? `${how.where}: ` : '';
  throw new AdaptuneError(
    how.code ?? 'E_ARGUMENT',
    `${where}expected ${legalValues(spec)} for ${name} but received ${shown(input)}`,
  );
}

/** Checks an object of options against the table and fills in the defaults. Keys may be spelt as flags (`max-length`). */
export function checkOptions(table: OptionTable, input: unknown, how: CheckOptions = {}): Record<string, OptionValue> {
  const code = how.code ?? 'E_ARGUMENT';
  const where = how.where ? `${how.where}: ` : '';
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new AdaptuneError(code, `${where}expected an object of options but received ${shown(input)}`);
  }
  const given = new Map<string, unknown>();
  for (const [key, value] of Object.entries(input)) {
    const name = Object.hasOwn(table, key) ? key : camel(key);
    if (!Object.hasOwn(table, name)) {
      const near = suggest(name, Object.keys(table));
      throw new AdaptuneError(
        code,
        `${where}unknown option ${shown(key)}${near === null ? '' : `; did you mean ${near}?`}`,
      );
    }
    if (given.has(name)) throw new AdaptuneError(code, `${where}expected ${name} once but received it twice`);
    given.set(name, value);
  }
  const checked = new Map<string, OptionValue>();
  const preset = how.partial ? {} : presetOptions(table, Object.fromEntries(given));
  for (const [name, spec] of Object.entries(table)) {
    const value = given.get(name) ?? (how.partial ? null : (preset[name] ?? spec.default ?? null));
    if (value !== null)
      checked.set(name, checkOption(name, spec, value, { code, ...(how.where ? { where: how.where } : {}) }));
    else if (!how.partial && spec.required) {
      throw new AdaptuneError(code, `${where}expected ${legalValues(spec)} for ${name} but received nothing`);
    } else if (!how.partial) checked.set(name, null);
  }
  return Object.fromEntries(checked);
}

/** `checkOptions` with the types that the table implies. */
export function resolveOptions<T extends OptionTable>(table: T, input: unknown): ResolvedOf<T> {
  return checkOptions(table, input) as ResolvedOf<T>;
}
