import type { OptionTable } from '../../util/options.js';
import type { Check } from '../checks.js';
import type { CommandSpec } from '../command.js';
import { say } from '../output.js';

const OPTIONS = {} as const satisfies OptionTable;

interface Result {
  ok: boolean;
  checks: Check[];
}

const mark = ({ ok, advice }: Check) => (ok ? (advice === undefined ? 'ok  ' : 'note') : 'BAD ');

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'doctor',
  summary: 'Says what this machine offers and what is wrong with the installation. Exit status 1 when something is.',
  options: OPTIONS,
  example: 'adaptune doctor',
  async run() {
    const { allChecks } = await import('../checks.js');
    const checks = await allChecks();
    return { ok: checks.every(({ ok }) => ok), checks };
  },
  exitCode: ({ ok }) => (ok ? 0 : 1),
  print({ ok, checks }) {
    for (const check of checks) {
      say(`${mark(check)} ${check.name.padEnd(16)} ${check.value}`);
      if (check.advice) say(`${' '.repeat(5)}${check.advice.replaceAll('\n', `\n${' '.repeat(5)}`)}`);
    }
    say(ok ? 'everything that adaptune needs is here' : 'see the lines marked BAD');
  },
};
