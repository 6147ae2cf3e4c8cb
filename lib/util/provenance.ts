/** Where a figure comes from, without what is no business of its readers. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function git(...args: string[]): string | null {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** A package in somebody's node_modules is not its own repository. */
const isClone = (): boolean => (git('ls-files', 'native/sources.gypi') ?? '') !== '';

const marked = (commit: string | null, paths: readonly string[]) => {
  if (!commit) return null;
  return git('status', '--porcelain', ...paths) === '' ? commit : `${commit} + changes`;
};

/** Of the sources that run; null where this is no clone. */
export function sourceCommit(): string | null {
  return isClone() ? marked(git('rev-parse', '--short', 'HEAD'), ['lib', 'native']) : null;
}

/** The last commit that changed one of these paths: two results of it come from the same code, whatever else was committed since. */
export function lastCommit(paths: readonly string[]): string | null {
  return isClone() ? marked(git('log', '-1', '--format=%h', '--', ...paths), paths) : null;
}

/** Paths in a text without their folders, which say nothing on another machine. */
export const withoutFolders = (text: string): string =>
  text.replaceAll(/(?<=[\s'"=(]|data:|^)\/[^\s'"]*\/(?=[^\s/'"])/g, '');
