/**
 * Names of temporary files. They say whose they are, so that what a killed process left is told from what a live one is
 * writing: the process by its id, and by where that id means something, a machine and on Linux a process namespace
 * (containers on one disk have their own).
 */
import { hostname } from 'node:os';

const NAME = /^\.(.*)\.([0-9a-f]{8})-(\d+)-[0-9a-f]{12}\.adaptune-tmp$/s;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** `namespace`: any text that names it. FNV-1a, since node:crypto would take 3 ms of every command to load. */
export function placeOf(namespace: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${hostname()}\0${namespace}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hex(hash >>> 0, 8);
}

/** A new name beside `target`, of this process; the number at its end tells it from others of the same process. */
export const temporaryName = (target: string, place: string, pid = process.pid): string =>
  `.${target}.${place}-${pid}-${hex(Math.floor(Math.random() * 2 ** 48), 12)}.adaptune-tmp`;

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
