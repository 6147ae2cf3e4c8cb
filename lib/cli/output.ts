/**
 * What the command line prints. People read stderr (progress) and stdout (results); with --json stdout carries exactly one
 * JSON object and everything else goes to stderr. Nothing here ends the process: a pipe would be cut at 64 KiB.
 */
import Table from 'cli-table3';
import { AdaptuneError, ERRORS } from '../errors.js';
import { escapeControls } from '../util/terminal.js';

/** A reader that left (`predict | head`) ends the program quietly. */
export function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      // Nobody reads any more: what remains has no use. 0, as `yes | head` has in a shell without pipefail.
      process.exit(process.exitCode ?? 0);
    });
}

/** One line (or several) of text for people. */
export function say(text: string): void {
  process.stdout.write(`${escapeControls(text, { keepNewlines: true })}\n`);
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

/** Prints one coded line and returns the exit code: 2 for wrong usage, 130 after an interrupt, else 1. */
export function report(error: unknown, json: boolean): number {
  const coded =
    error instanceof AdaptuneError
      ? error
      : new AdaptuneError('E_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
  if (json) sayJson({ error: { code: coded.code, message: coded.message } });
  note(`adaptune: ${coded.code}: ${coded.message}`);
  if (coded.code === 'E_INTERNAL' && process.env['ADAPTUNE_DEBUG'] && error instanceof Error) note(error.stack ?? '');
  if (coded.code === 'E_INTERRUPTED') return 130;
  return ERRORS[coded.code].usage ? 2 : 1;
}

/** `1234567` -> `1,234,567` */
export const count = (value: number) => Math.round(value).toLocaleString('en-US');
export const percent = (value: number, digits = 1) => `${(100 * value).toFixed(digits)} %`;

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A plain table without lines; columns of numbers stand to the right. Cells are escaped. */
export function table(head: string[], rows: (string | number)[][]): string {
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^-?[\d.,]+( %)?$/.test(String(row[column]))),
  );
  const made = new Table({
    head,
    chars: BARE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  });
  for (const row of rows) made.push(row.map((cell) => escapeControls(String(cell))));
  return made.toString().replaceAll(/ +$/gm, '');
}

export const csvCell = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
export const tsvCell = (value: string) => value.replaceAll(/[\t\r\n]+/g, ' ');
