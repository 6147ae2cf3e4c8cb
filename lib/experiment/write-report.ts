/** `adaptune experiment report`: report.md, report.json and report.html beside the results that they are made of. */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { writeAtomic } from '../util/files.js';
import { htmlOf } from './html.js';
import { markdownOf } from './markdown.js';
import { makeReport, type ExperimentReport } from './report.js';
import type { Gold } from './result.js';
import { ResultStore } from './store.js';
import { sectionsOf } from './tables.js';

export interface WrittenReport {
  report: ExperimentReport;
  files: string[];
}

/** E_FILE when the folder holds no results, E_ARGUMENT when no run is called `reference`. */
export async function writeReport(folder: string, reference: string | null): Promise<WrittenReport> {
  const store = new ResultStore(folder);
  const results = await store.all();
  const description = await store.description();
  const gold = new Map<string, Gold>();
  for (const data of new Set(results.map((result) => result.data))) {
    const labels = await store.gold(data);
    if (labels) gold.set(data, labels);
  }
  const names = [...new Set(results.filter(({ kind }) => kind === 'run').map(({ name }) => name))];
  if (reference !== null && !names.includes(reference))
    throw new AdaptuneError(
      'E_ARGUMENT',
      `expected one of ${names.map((name) => JSON.stringify(name)).join(', ')} for --reference but received ${JSON.stringify(reference)}`,
    );
  const report = makeReport(results, {
    reference: reference ?? description?.reference ?? null,
    gold,
    wanted: description?.runs ?? [],
  });
  const sections = sectionsOf(report);
  const title = description?.name ?? report.experiment;
  const about = description?.about.trim().replaceAll(/\s+/g, ' ') ?? '';
  const files: [name: string, content: string][] = [
    ['report.md', markdownOf(title, about, sections)],
    ['report.json', `${JSON.stringify(report, null, 1)}\n`],
    ['report.html', htmlOf(title, about, sections)],
  ];
  for (const [name, content] of files) await writeAtomic(join(folder, name), content);
  return { report, files: files.map(([name]) => join(folder, name)) };
}
