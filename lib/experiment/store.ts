/** The folder of an experiment's results: runs/ID.json, gold/DATA.json, experiment.json. Every file is there whole or not at all. */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { isTemporary, list, makeDirectory, readText, removeAbandoned, statOrNull, writeAtomic } from '../util/files.js';
import { readDescription, readGold, readResult, type Description, type Gold, type RunResult } from './result.js';

const RUNS = 'runs';
const GOLD = 'gold';
const DESCRIPTION = 'experiment.json';
/** Bytes of a result. */
const LIMIT = 2 ** 26;

const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;

export class ResultStore {
  constructor(readonly folder: string) {}

  #path = (id: string) => join(this.folder, RUNS, `${id}.json`);

  async read(id: string): Promise<RunResult | null> {
    const path = this.#path(id);
    return (await statOrNull(path)) ? readResult(await readText(path, { limit: LIMIT }), path) : null;
  }

  async write(result: RunResult): Promise<void> {
    await makeDirectory(join(this.folder, RUNS));
    await removeAbandoned(this.#path(result.id));
    await writeAtomic(this.#path(result.id), json(result));
  }

  /** All results, by file name. E_FILE when the folder is none of an experiment. */
  async all(): Promise<RunResult[]> {
    const folder = join(this.folder, RUNS);
    if (!(await statOrNull(folder))?.isDirectory)
      throw new AdaptuneError(
        'E_FILE',
        `${this.folder}: expected the results of an experiment, came no folder ${RUNS}`,
      );
    const names = (await list(folder)).filter((name) => name.endsWith('.json') && !isTemporary(name));
    const results: RunResult[] = [];
    for (const name of names) {
      const path = join(folder, name);
      results.push(readResult(await readText(path, { limit: LIMIT }), path));
    }
    return results;
  }

  async description(): Promise<Description | null> {
    const path = join(this.folder, DESCRIPTION);
    return (await statOrNull(path)) ? readDescription(await readText(path, { limit: LIMIT }), path) : null;
  }

  async writeDescription(description: Description): Promise<void> {
    await writeAtomic(join(this.folder, DESCRIPTION), json(description));
  }

  async gold(data: string): Promise<Gold | null> {
    const path = join(this.folder, GOLD, `${data}.json`);
    return (await statOrNull(path)) ? readGold(await readText(path, { limit: LIMIT }), path) : null;
  }

  async writeGold(gold: Gold): Promise<void> {
    const known = await this.gold(gold.data);
    if (known && JSON.stringify(known) === JSON.stringify(gold)) return;
    await makeDirectory(join(this.folder, GOLD));
    await writeAtomic(join(this.folder, GOLD, `${gold.data}.json`), json(gold));
  }
}
