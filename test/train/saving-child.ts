/** Trains in a process of its own, which is killed at an operation, or holds its folder until it is. Argument: JSON. */
import { writeSync } from 'node:fs';
import { AdaptuneError } from '../../lib/errors.js';
import { train } from '../../lib/train/job.js';
import { setFaultPlan, type FaultPlan } from '../../lib/util/files.js';
import { savingOptions } from './saving-run.js';

export interface Kill {
  out: string;
  /** The operation at which the process ends. */
  k: number;
  resume?: boolean;
}

export interface Fault {
  out: string;
  plan: FaultPlan;
  resume?: boolean;
}
/** The error that the run ended with; null when it ended well. */
export type FaultEnd = { code: string; message: string } | null;

export type ChildJob = { model: string } & (
  | { task: 'train' | 'timed' | 'hold'; out: string; resume?: boolean }
  /** Every run gets to its operation, one after another, and stays there; then one SIGKILL ends them all. */
  | { task: 'kill'; kills: Kill[] }
  /** Prints a list of what came of each: FaultEnd[]. */
  | { task: 'fail'; faults: Fault[] }
);

const job = JSON.parse(process.argv[2]!) as ChildJob;
const options = savingOptions(job.model);

/** After the first step the folder is kept and nothing more happens. */
function hold({ loss }: { loss?: number }): void {
  if (loss === undefined) return;
  writeSync(1, 'held\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
}

/** Whether the run got to its operation before it ended. */
function reaches({ out, k, resume = false }: Kill): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stay = () => {
      resolve(true);
      return new Promise<never>(() => {});
    };
    setFaultPlan({ k, error: 'kill', stay });
    train({ ...options, out, resume }).then(() => resolve(false), reject);
  });
}

async function ending({ out, plan, resume = false }: Fault): Promise<FaultEnd> {
  setFaultPlan(plan);
  try {
    await train({ ...options, out, resume });
    return null;
  } catch (error) {
    const { code, message } = error as AdaptuneError;
    return { code, message };
  }
}

try {
  if (job.task === 'kill') {
    for (const kill of job.kills) {
      if (!(await reaches(kill))) throw new Error(`the run ended before operation ${kill.k}`);
    }
    process.kill(process.pid, 'SIGKILL');
  } else if (job.task === 'fail') {
    const ends: FaultEnd[] = [];
    for (const fault of job.faults) ends.push(await ending(fault));
    console.log(JSON.stringify(ends));
  } else {
    const { task, out, resume = false } = job;
    if (task === 'timed') writeSync(1, 'begins\n');
    await train({ ...options, out, resume, ...(task === 'hold' ? { onProgress: hold } : {}) });
    console.log('done');
  }
} catch (error) {
  if (!(error instanceof AdaptuneError)) throw error;
  console.log(error.code);
  process.exitCode = 1;
}
