/** Data and weights that are not in the repository: tests that need them are skipped where they are absent. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const shared = process.env['ADAPTUNE_SHARED'] ?? join(root, '../shared');

/** Path below the shared folder (`models/minilm-l6`); the test is skipped, with a message, when it is not there. */
export function sharedPath(test: Context, path: string): string {
  const full = join(shared, path);
  if (!existsSync(full)) {
    const called = test.test!;
    // A skipped hook is not shown, the tests of its suite are.
    const { tests } = called.parent!;
    const shown = tests.some((one) => one === called) ? [called] : tests;
    for (const one of shown) one.title += ` (skipped: no ${path} below ADAPTUNE_SHARED)`;
    test.skip();
  }
  return full;
}

/** The texts of one split of a data set. */
export function sharedTexts(test: Context, set: string, split: string): string[] {
  const lines = readFileSync(sharedPath(test, `data/${set}/${split}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => (JSON.parse(line) as { text: string }).text);
}
