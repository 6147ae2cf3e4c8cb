/** `report.html` of a training run, from the two files that it is made of. */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import { exists, readText, writeAtomic } from '../util/files.js';
import { parseDetails, parseSummary, type Details } from './data.js';
import { trainingPage } from './training-page.js';

export const PAGE_NAME = 'report.html';
/** Losses, mistakes, measures of the units: what the report needs, and no reader of the model. */
export const DETAILS_NAME = 'report.json';
const SUMMARY_NAME = 'adaptune.json';

/** The page, from the texts of adaptune.json and report.json in `folder`. */
export function pageOf(folder: string, summary: string, details: string): string {
  return trainingPage(
    parseSummary(summary, join(folder, SUMMARY_NAME)),
    parseDetails(details, join(folder, DETAILS_NAME)),
  );
}

/** Of a run whose adaptune.json, which is written last, will say `summary`. */
export async function writeReportFiles(folder: string, summary: object, details: Details): Promise<void> {
  const text = `${JSON.stringify(details)}\n`;
  // From the texts: what JSON makes of a number is what the page is made of when it is made again.
  const page = pageOf(folder, JSON.stringify(summary), text);
  await writeAtomic(join(folder, DETAILS_NAME), text);
  await writeAtomic(join(folder, PAGE_NAME), page);
}

/** Makes the page of a finished run again, in `out` or in the run's folder; returns its path. E_FILE. */
export async function writeTrainingReport(folder: string, out: string | null = null): Promise<string> {
  for (const name of [SUMMARY_NAME, DETAILS_NAME]) {
    if (await exists(join(folder, name))) continue;
    throw new AdaptuneError(
      'E_FILE',
      `${folder}: expected the folder of a finished training run, with ${SUMMARY_NAME} and ${DETAILS_NAME}, came one without ${name}`,
    );
  }
  const [summary, details] = await Promise.all([
    readText(join(folder, SUMMARY_NAME)),
    readText(join(folder, DETAILS_NAME)),
  ]);
  const path = out ?? join(folder, PAGE_NAME);
  await writeAtomic(path, pageOf(folder, summary, details));
  return path;
}
