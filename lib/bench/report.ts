/** What a benchmark leaves behind: figures, and where they come from. */
import { cpus } from 'node:os';
import { z } from 'zod';
import { binding } from '../native/binding.js';
import { readText } from '../util/files.js';
import { parseJson } from '../util/json.js';
import { AdaptuneError } from '../errors.js';
import { sourceCommit, withoutFolders } from '../util/provenance.js';
import { packageVersion } from '../util/version.js';
import { WHATS } from './settings.js';

const trial = z.looseObject({
  seconds: z.number().positive(),
  /** FLOP/s of multiply-adds in registers, measured in the same process on as many threads. */
  peak: z.number().positive().optional(),
});
const result = z.looseObject({
  /** What was timed; with `engine` and `threads` the key of a comparison. */
  name: z.string(),
  engine: z.string(),
  threads: z.number().int(),
  /** Median of the trials. */
  seconds: z.number().positive(),
  /** (max - min) / median of the trials' seconds. */
  spread: z.number(),
  trials: z.array(trial).min(1),
});
const report = z.looseObject({
  what: z.enum(WHATS),
  date: z.string(),
  commit: z.string().nullable(),
  machine: z.looseObject({ cpu: z.string(), isa: z.string(), threads: z.number() }),
  results: z.array(result),
});

export type Trial = z.infer<typeof trial>;
export type Result = z.infer<typeof result>;
export type Report = z.infer<typeof report>;

const REPORT_LENGTH = 2 ** 26;

export async function readReport(path: string): Promise<Report> {
  const text = await readText(path, { limit: REPORT_LENGTH });
  const value = parseJson(text, path, { code: 'E_FILE', length: REPORT_LENGTH, keys: 10 ** 6 });
  const parsed = report.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path: place, message } = parsed.error.issues[0]!;
  throw new AdaptuneError(
    'E_FILE',
    `${path}: expected a result of adaptune bench, came ${place.join('.')}: ${message}`,
  );
}

/** Version, commit where this is a clone, machine; folders are cut from paths of the command. */
export function provenance(
  command: readonly string[],
): Pick<Report, 'date' | 'commit' | 'machine'> & Record<string, unknown> {
  const system = binding().systemInfo();
  const words = withoutFolders(command.join(' '));
  return {
    command: words,
    date: new Date().toISOString(),
    version: packageVersion(),
    commit: sourceCommit(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? system.cpuModel,
      isa: process.env['ADAPTUNE_ISA'] || system.isas.at(-1)!,
      threads: system.defaultThreads,
      node: process.version,
    },
  };
}
