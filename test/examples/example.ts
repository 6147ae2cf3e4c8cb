/** Runs a script of examples/ in a process of its own, and the one model that examples share. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../helpers/temporary.js';

/** stdout of an example that must succeed without a word on stderr. */
export async function example(name: string, args: string[] = []): Promise<string> {
  const path = fileURLToPath(new URL(`../../../examples/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  expect({ code, stderr }, stdout).to.deep.equal({ code: 0, stderr: '' });
  return stdout;
}

let trained: Promise<{ folder: string; stdout: string }> | undefined;

/** What train.mjs printed, and the folder that it wrote. */
export function trainedExample(): Promise<{ folder: string; stdout: string }> {
  trained ??= (async () => {
    const folder = temporaryFolder('example');
    return { folder, stdout: await example('train', [folder]) };
  })();
  return trained;
}
