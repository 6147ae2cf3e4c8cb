/**
 * What the command line prints. People read stderr (progress) and stdout (results); with --json stdout carries exactly one
 * JSON object and everything else goes to stderr. Nothing ends the process while output is left: a pipe would be cut at 64 KiB.
 */
import { AdaptuneError, ERRORS, type ErrorCode } from '../errors.js';
import { escapeControls } from '../util/terminal.js';
import { INTERRUPTED } from './interrupts.js';

/**
 * A reader that left (`predict | head`) ends the program quietly; a full disk behind `>` ends it with its reason. When nobody
 * reads the remarks any more, the work goes on: a closed terminal sends SIGHUP besides.
 */
export function watchStreams(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // EIO: the terminal is gone. What remains to be written has no use. 0, as `yes | head` has without pipefail.
    if (error.code === 'EPIPE' || error.code === 'EIO') process.exit(process.exitCode ?? 0);
    process.exit(
      report(new AdaptuneError('E_FILE', `standard output: expected to be writable, came ${error.message}`), false),
    );
  });
}

let nothingLeft = false;

/** Said by a command after which there is nothing to be torn down, no addon and no thread: `end` need not wait for it. */
export function leaveNothing(): void {
  nothingLeft = true;
}

/** Ends the process at once if it can, 7 ms before it would end by itself; not before everything is written and errors of that are told. */
export function end(): void {
  if (!nothingLeft) return;
  setImmediate(() => {
    if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
  });
}

/** One line (or several) of text for people. */
export function say(text: string): void {
  process.stdout.write(`${escapeControls(text, { keepNewlines: true })}\n`);
}

/** Says it, and waits for a slow reader: what he has not taken yet must not pile up. */
export async function sayPaced(text: string): Promise<void> {
  say(text);
  if (process.stdout.writableNeedDrain) await new Promise((resolve) => process.stdout.once('drain', resolve));
}

export function note(text: string): void {
  process.stderr.write(`${escapeControls(text, { keepNewlines: true })}\n`);
}

/** The one JSON object of --json. Typed arrays become plain lists. */
export function sayJson(value: unknown): void {
  const plain = (_: string, item: unknown) =>
    ArrayBuffer.isView(item) && !(item instanceof DataView) ? Array.from(item as Int32Array) : item;
  process.stdout.write(`${JSON.stringify(value, plain)}\n`);
}

/** 2 for wrong usage, 130 after an interrupt, else 1. */
export const exitCode = (code: ErrorCode): number =>
  code === 'E_INTERRUPTED' ? INTERRUPTED : ERRORS[code].usage ? 2 : 1;

/** Prints one coded line (remedies on lines of their own) and returns the exit code. */
export function report(error: unknown, json: boolean): number {
  const coded =
    error instanceof AdaptuneError
      ? error
      : new AdaptuneError('E_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
  if (json) sayJson({ error: { code: coded.code, message: coded.message } });
  note(`adaptune: ${coded.code}: ${coded.code === 'E_ADDON' ? coded.message : escapeControls(coded.message)}`);
  if (coded.code === 'E_INTERNAL' && process.env['ADAPTUNE_DEBUG'] && error instanceof Error) note(error.stack ?? '');
  return exitCode(coded.code);
}

/** `1234567` -> `1,234,567`; without Intl, whose first use takes longer than a small job. */
export const count = (value: number) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
export const percent = (value: number, digits = 1) => `${(100 * value).toFixed(digits)} %`;

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
