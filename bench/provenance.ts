/** Where a committed figure of a script of this folder comes from. */
import { provenance as origin } from '../lib/bench/report.js';

export const provenance = (script: string): Record<string, unknown> =>
  origin(['node', `dist/bench/${script}.js`, ...process.argv.slice(2)]);
