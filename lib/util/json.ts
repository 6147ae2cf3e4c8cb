/** JSON of others: bounded before it is parsed, with duplicate keys refused, and errors that say where. */
import { AdaptuneError } from '../errors.js';
import type { ErrorCode } from '../errors.js';

export interface JsonLimits {
  /** UTF-16 units of the text. */
  length?: number;
  depth?: number;
  /** Keys of all objects together. */
  keys?: number;
}

/** For configuration files; larger files (tokenizers, shard indexes) name their own. */
export const JSON_LIMITS = { length: 4 * 2 ** 20, depth: 32, keys: 10_000 } as const;

/**
 * Parses one JSON value. `source` (a path, or "path: line 3") opens every message. Keys may be `__proto__`: they are own
 * properties of the result, and never reach a prototype as long as the caller copies them into a Map.
 */
export function parseJson(text: string, source: string, options: JsonLimits & { code: ErrorCode }): unknown {
  const limits = { ...JSON_LIMITS, ...options };
  const fail = (expected: string, came: string, cause?: unknown) =>
    new AdaptuneError(options.code, `${source}: expected ${expected}, came ${came}`, { cause });
  if (text.length > limits.length) throw fail(`at most ${limits.length} characters of JSON`, `${text.length}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const line = lineOf(text, message);
    // The excerpt in it may hold line ends.
    const came = message.replace(/\s+/g, ' ');
    throw fail('valid JSON', line === null ? came : `${came} (line ${line})`, error);
  }
  const found = scan(text);
  if (found.duplicate !== null) throw fail('every key once', `${show(found.duplicate)} twice in one object`);
  if (found.depth > limits.depth) throw fail(`at most ${limits.depth} levels of nesting`, `${found.depth}`);
  if (found.keys > limits.keys) throw fail(`at most ${limits.keys} keys`, `${found.keys}`);
  return value;
}

/** Where V8 says that JSON is broken: by position, or by the ten characters before and behind it; null when it does not. */
function lineOf(text: string, message: string): number | null {
  if (!text.trim().includes('\n') || message.includes('(line ')) return null;
  let position = Number(/ at position (\d+)/.exec(message)?.[1] ?? -1);
  const excerpt = /^Unexpected token .+?, (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(message);
  if (excerpt) {
    const begin = text.indexOf(excerpt[2]!);
    if (begin >= 0 && begin === text.lastIndexOf(excerpt[2]!)) position = begin + (excerpt[1] ? 10 : 0);
  }
  return position < 0 ? null : text.slice(0, position).split('\n').length;
}

/** The same for a value that must be an object. */
export function parseJsonObject(
  text: string,
  source: string,
  options: JsonLimits & { code: ErrorCode },
): Record<string, unknown> {
  const value = parseJson(text, source, options);
  if (!isObject(value)) throw new AdaptuneError(options.code, `${source}: expected a JSON object, came ${show(value)}`);
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON of equal values is equal: keys are sorted, at every level. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    isObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

/** A value for an error message: JSON, cut to `limit` characters. */
export function show(value: unknown, limit = 80): string {
  if (Array.isArray(value) && value.length > limit) return `a list of ${value.length}`;
  if (isObject(value) && Object.keys(value).length > limit) return `an object of ${Object.keys(value).length} keys`;
  let text: string;
  try {
    text = typeof value === 'number' || value === undefined ? String(value) : JSON.stringify(value);
  } catch {
    // Nested too deep for the recursive writer.
    return Array.isArray(value) ? 'a list' : 'an object';
  }
  return text.length > limit ? `${text.slice(0, limit - 3)}...` : text;
}

/** Walks text that JSON.parse accepted, without recursion. */
function scan(text: string): { depth: number; keys: number; duplicate: string | null } {
  // One entry per open bracket: the keys seen, null for a list.
  const open: (Set<string> | null)[] = [];
  let depth = 0;
  let keys = 0;
  let duplicate: string | null = null;
  let keyNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x7b: // {
        open.push(new Set());
        depth = Math.max(depth, open.length);
        keyNext = true;
        break;
      case 0x5b: // [
        open.push(null);
        depth = Math.max(depth, open.length);
        keyNext = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        keyNext = false;
        break;
      case 0x2c: // ,
        keyNext = open.at(-1) !== null;
        break;
      case 0x22: {
        // "
        const begin = i;
        for (i++; text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
        if (!keyNext) break;
        const raw = text.slice(begin + 1, i);
        const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
        const seen = open.at(-1)!;
        if (seen.has(key)) duplicate ??= key;
        seen.add(key);
        keys++;
        keyNext = false;
        break;
      }
    }
  }
  return { depth, keys, duplicate };
}
