/** Where a committed figure comes from. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { binding } from '../lib/native/binding.js';

/** Absolute paths are left out of the command. */
export function provenance(script: string): Record<string, unknown> {
  const system = binding().systemInfo();
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return {
    command: `node dist/bench/${script}.js ${process.argv.slice(2).join(' ')}`.replaceAll(
      /(?<=[\s'])\/[^\s']*\/(?=[^\s/'])/g,
      '',
    ),
    date: new Date().toISOString(),
    commit:
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'lib', 'native') === '' ? '' : ' + changes'),
    machine: {
      cpu: cpus()[0]?.model,
      isa: system.isas.at(-1),
      threads: system.defaultThreads,
      node: process.version,
    },
  };
}
