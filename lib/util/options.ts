/**
 * One table describes the options of a command: the typed API, the command line, its help, the check of configuration
 * files and the "did you mean" all read it.
 */
import { distance } from 'fastest-levenshtein';
import { AdaptuneError, type ErrorCode } from '../errors.js';

export type OptionValue = string | number | boolean | string[] | null;

interface Common {
  /** One line for --help; the default is added. */
  help: string;
  /** Stands for the value in --help, e.g. `FILE`. */
  value?: string;
  required?: boolean;
  /** Not an option of the command line and of configuration files (objects of the typed API). */
  group?: string;
}
export type OptionSpec = Common &
  (
    | { type: 'string'; default?: string | null }
    | { type: 'choice'; choices: readonly string[]; default?: string | null }
    | { type: 'boolean'; default?: boolean }
    | { type: 'list'; default?: readonly string[] | null }
    | {
        type: 'number' | 'integer';
        default?: number | string | null;
        min?: number;
        max?: number;
        /** Bounds are excluded. */
        open?: boolean;
        /** Words that are accepted beside numbers, e.g. `auto` or `inf`. */
        words?: readonly string[];
      }
  );
export type OptionTable = Readonly<Record<string, OptionSpec>>;

export const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
export const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The nearest of `names`, or null when none is near. */
export function suggest(name: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase());
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

const show = (value: unknown) => (typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? typeof value));

/** What a value of this option looks like, for messages and schemas. */
export function expected(spec: OptionSpec): string {
  switch (spec.type) {
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'list':
      return 'a list of strings';
    case 'string':
      return 'a non-empty string';
    case 'number':
    case 'integer': {
      const kind = spec.type === 'integer' ? 'a whole number' : 'a number';
      const { min, max, open } = spec;
      const range =
        min !== undefined && max !== undefined
          ? ` between ${min} and ${max}${open ? ' (both excluded)' : ''}`
          : min !== undefined
            ? ` ${open ? 'above' : 'of at least'} ${min}`
            : max !== undefined
              ? ` ${open ? 'below' : 'of at most'} ${max}`
              : '';
      return kind + range + (spec.words ? `, or ${spec.words.join(', ')}` : '');
    }
  }
}

/** Checks one value; numbers may come as text (`fromText`: the command line). */
export function checkOption(
  name: string,
  spec: OptionSpec,
  value: unknown,
  { code = 'E_ARGUMENT', fromText = false }: { code?: ErrorCode; fromText?: boolean } = {},
): OptionValue {
  const wrong = (): never => {
    throw new AdaptuneError(code, `${name}: expected ${expected(spec)} but received ${show(value)}`);
  };
  switch (spec.type) {
    case 'string':
      return typeof value === 'string' && value !== '' ? value : wrong();
    case 'choice':
      if (typeof value === 'string' && spec.choices.includes(value)) return value;
      if (typeof value === 'string') {
        const near = suggest(value, spec.choices);
        if (near !== null)
          throw new AdaptuneError(
            code,
            `${name}: expected ${expected(spec)} but received ${show(value)}; did you mean ${near}?`,
          );
      }
      return wrong();
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong();
    case 'list':
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? (value as string[]) : wrong();
    case 'number':
    case 'integer': {
      if (typeof value === 'string' && spec.words?.includes(value)) return value;
      const number =
        fromText && typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value)
          ? Number(value)
          : value;
      if (typeof number !== 'number' || !Number.isFinite(number)) return wrong();
      if (spec.type === 'integer' && !Number.isSafeInteger(number)) return wrong();
      const { min = -Infinity, max = Infinity, open = false } = spec;
      if (open ? number <= min || number >= max : number < min || number > max) return wrong();
      return number;
    }
  }
}

/**
 * Checks a whole object against the table: unknown keys are refused with a suggestion, absent ones get their default
 * (`null` where there is none). `partial` leaves absent keys out and does not ask for required ones.
 */
export function checkOptions(
  table: OptionTable,
  input: Readonly<Record<string, unknown>>,
  {
    code = 'E_ARGUMENT',
    partial = false,
    where = 'options',
  }: { code?: ErrorCode; partial?: boolean; where?: string } = {},
): Record<string, OptionValue> {
  const names = Object.keys(table);
  const given = new Map<string, unknown>();
  for (const [key, value] of Object.entries(input)) {
    const name = camel(key);
    if (!Object.hasOwn(table, name)) {
      const near = suggest(name, names);
      throw new AdaptuneError(
        code,
        `${where}: unknown key ${show(key)}${near === null ? '' : `; did you mean ${near}?`}`,
      );
    }
    if (value !== undefined) given.set(name, value);
  }
  const entries: [string, OptionValue][] = [];
  for (const name of names) {
    const spec = table[name]!;
    if (given.has(name) && given.get(name) !== null)
      entries.push([name, checkOption(`${where}: ${name}`, spec, given.get(name), { code })]);
    else if (partial) continue;
    else if (spec.required)
      throw new AdaptuneError(code, `${where}: ${name} is required: expected ${expected(spec)} but it is missing`);
    else entries.push([name, (spec.default as OptionValue | undefined) ?? null]);
  }
  return Object.fromEntries(entries);
}
