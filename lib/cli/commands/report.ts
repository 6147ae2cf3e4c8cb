import { join } from 'node:path';
import type { OptionTable } from '../../util/options.js';
import type { CommandSpec } from '../command.js';
import { say } from '../output.js';

const OPTIONS = {
  out: { type: 'path', value: 'FILE', help: 'Write the page here. Default: report.html in <dir>.' },
} as const satisfies OptionTable;

interface Result {
  out: string;
}

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'report',
  summary:
    'Makes the page that train writes again, from adaptune.json and report.json in the folder of the run: curves, confusions, ' +
    'mistakes, selected units, tokens, cost. It opens from disk, without script or network.',
  arguments: '<dir>',
  options: OPTIONS,
  example: 'adaptune report runs/intents --out intents.html',
  async run({ args, options: { out } }) {
    const folder = args[0]!;
    if (out !== null) {
      const { checkOutput } = await import('../output-file.js');
      await checkOutput(out, [join(folder, 'adaptune.json'), join(folder, 'report.json')]);
    }
    const { writeTrainingReport } = await import('../../report/write.js');
    return { out: await writeTrainingReport(folder, out) };
  },
  print({ out }) {
    say(`written: ${out}`);
  },
};
