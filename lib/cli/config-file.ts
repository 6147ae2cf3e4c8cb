import { AdaptuneError } from '../errors.js';
import { readText } from '../util/files.js';
import { parseJson } from '../util/json.js';
import { checkOptions, type OptionTable, type OptionValue } from '../util/options.js';

/** Bytes: a configuration is written by hand. */
const LIMIT = 2 ** 20;

/** Options of a JSON or YAML file, keys as in the typed API (`maxLength`) or as flags (`max-length`). E_FILE, E_CONFIG. */
export async function readConfig(path: string, table: OptionTable): Promise<Record<string, OptionValue>> {
  return checkOptions(table, await readConfigValue(path), { code: 'E_CONFIG', where: path, partial: true });
}

/** What a JSON or YAML file says, whatever it is. E_FILE, E_CONFIG. */
export async function readConfigValue(path: string): Promise<unknown> {
  const text = await readText(path, { limit: LIMIT });
  return /\.ya?ml$/i.test(path) ? parseYaml(text, path) : parseJson(text, path, { code: 'E_CONFIG' });
}

/** Without aliases, tags that this schema does not know, or a second document. */
async function parseYaml(text: string, path: string): Promise<unknown> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true });
  const problem = document.errors[0] ?? document.warnings[0];
  const fail = (reason: string, cause: unknown) =>
    new AdaptuneError('E_CONFIG', `${path}: expected YAML, came ${reason}`, { cause });
  if (problem) throw fail(problem.message.split('\n')[0]!.replace(/:$/, ''), problem);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw fail((cause as Error).message, cause);
  }
}
