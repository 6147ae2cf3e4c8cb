/**
 * What every operation of the one door to the file system (files.ts) passes through: tests fail, shorten or kill the k-th
 * one here, and errors of Node become E_FILE with the path, what was expected and what came.
 */
import { AdaptuneError } from '../errors.js';

export type Operation = 'open' | 'read' | 'write' | 'sync' | 'rename' | 'remove' | 'mkdir' | 'list' | 'stat';

/**
 * `kill` ends the process by SIGKILL (in the middle of a write), `short` moves fewer bytes than asked, anything else is
 * an errno name that the operation fails with.
 */
export interface FaultPlan {
  /** Count and hit only this operation; default: all. */
  operation?: Operation;
  /** The first operation hit, counted from 1. */
  k: number;
  repeat?: 'once' | 'always';
  /** For `kill`, instead of SIGKILL: stays at the operation, so that the test can kill several runs at once. */
  stay?: () => Promise<never>;
  error: 'kill' | 'short' | 'ENOSPC' | 'EIO' | 'EROFS' | 'EACCES' | 'EMFILE' | 'EINTR';
}

let plan: FaultPlan | null = null;
let operations = 0;

/** Test door: arms a fault, or null to disarm. The count of operations starts again at 0. */
export function setFaultPlan(next: FaultPlan | null): void {
  plan = next;
  operations = 0;
}

/** Operations (those that the plan counts) since `setFaultPlan`. */
export function operationCount(): number {
  return operations;
}

/** An operation that was done, for tests that replay what a machine without power would have kept. */
export interface Recorded {
  operation: Operation;
  path: string;
  /** Of a rename. */
  from?: string;
  /** Of a write, behind what was written before. */
  data?: Uint8Array;
}
let recorder: ((done: Recorded) => void) | null = null;

/** Test door: told of every operation that changed something or made it durable, or null. */
export function setRecorder(listener: ((done: Recorded) => void) | null): void {
  recorder = listener;
}

export function record(done: Recorded): void {
  recorder?.(done);
}

function due(operation: Operation): FaultPlan | null {
  if (plan?.operation !== undefined && plan.operation !== operation) return null;
  operations++;
  if (!plan) return null;
  return operations === plan.k || (plan.repeat === 'always' && operations > plan.k) ? plan : null;
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

function fileError(path: string, expected: string, error: unknown): unknown {
  if (!(error instanceof Error) || typeof (error as NodeJS.ErrnoException).code !== 'string') return error;
  if (error instanceof AdaptuneError) return error;
  // Node: "ENOENT: no such file or directory, open '/x'"
  const came = error.message.split(', ', 1)[0]!;
  return new AdaptuneError('E_FILE', `${path}: expected ${expected}, came ${came}`, { cause: error });
}

/** Calls that a signal interrupted are tried again this often. */
const INTERRUPTS = 100;

/** One operation of the file system, any error of which is E_FILE. `work` gets true when the plan asks it to move fewer bytes than it could. */
export async function through<T>(
  operation: Operation,
  path: string,
  expected: string,
  work: (short: boolean) => Promise<T>,
  killed?: () => Promise<unknown>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const hit = due(operation);
      const fault = hit?.error ?? null;
      if (fault === 'kill') {
        await killed?.();
        await (hit?.stay ?? die)();
      }
      if (fault !== null && fault !== 'short') {
        throw Object.assign(new Error(`${fault}: injected fault, ${operation}`), { code: fault });
      }
      return await work(fault === 'short');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EINTR' && attempt < INTERRUPTS) continue;
      throw fileError(path, expected, error);
    }
  }
}
