/**
 * Names of temporary files. They say whose they are, so that what a killed process left is told from what a live one is
 * writing: the process by its id, and by where that id means something, a machine and on Linux a process namespace
 * (containers on one disk have their own).
 */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

const NAME = /^\.(.*)\.([0-9a-f]{8})-(\d+)-[0-9a-f]{12}\.adaptune-tmp$/s;

/** `namespace`: any text that names it. */
export const placeOf = (namespace: string): string =>
  createHash('sha256').update(`${hostname()}\0${namespace}`).digest('hex').slice(0, 8);

/** A new name beside `target`, of this process. */
export const temporaryName = (target: string, place: string, pid = process.pid): string =>
  `.${target}.${place}-${pid}-${randomBytes(6).toString('hex')}.adaptune-tmp`;

export const isTemporary = (name: string): boolean => NAME.test(name);

/** Was it written for `target` by a process of this place that has ended? Of other places nothing can be known. */
export function isAbandoned(name: string, target: string, place: string): boolean {
  const [, of, where, pid] = NAME.exec(name) ?? [];
  return of === target && where === place && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 asks only.
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
