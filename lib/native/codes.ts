import { AdaptuneError, ERRORS, type ErrorCode } from '../errors.js';

/** An error of the addon, whose `code` is a row of the table, as the class that callers know; any other one unchanged. */
export function coded(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AdaptuneError) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) return error;
  return new AdaptuneError(code as ErrorCode, error.message);
}

/** The same functions, which throw and reject with AdaptuneError. */
export function withCodes<T extends object>(addon: T): T {
  const entries = Object.entries(addon).filter(([, value]) => typeof value === 'function');
  return Object.fromEntries(
    entries.map(([name, call]) => [name, (...args: unknown[]) => translated(call as Call, args)]),
  ) as T;
}

type Call = (...args: unknown[]) => unknown;

function translated(call: Call, args: unknown[]): unknown {
  let result: unknown;
  try {
    result = call(...args);
  } catch (error) {
    throw coded(error);
  }
  if (!(result instanceof Promise)) return result;
  return result.catch((error: unknown) => {
    throw coded(error);
  });
}
