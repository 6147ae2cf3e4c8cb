/** What `--help` says, and that it is complete: the option table of `train` is the reference. */
import { expect } from 'chai';
import { TRAIN_OPTIONS } from '../../lib/train/options.js';
import { kebab, type OptionSpec } from '../../lib/util/options.js';
import { packageVersion } from '../../lib/util/version.js';
import { cli, inPairs, ok } from './cli.js';

const COMMANDS = ['train', 'mine', 'evaluate', 'predict', 'report', 'experiment', 'bench', 'doctor', 'build'];
const flat = (text: string) => text.replaceAll(/\s+/g, ' ');

describe('cli/help', function () {
  this.timeout(60_000);
  it('lists the commands, and prints the version', async () => {
    const [help, short, word, version] = await Promise.all([
      ok(['--help']),
      ok(['-h']),
      ok(['help']),
      ok(['--version']),
    ]);
    expect([short, word]).to.deep.equal([help, help]);
    expect([...help.matchAll(/^ {2}(\w+) +\S/gm)].map(([, name]) => name)).to.deep.equal(COMMANDS);
    expect(version).to.equal(`${packageVersion()}\n`);
  });

  it('shows usage, options that fit the terminal, and one example of every command', () =>
    inPairs(COMMANDS, async (command) => {
      const { code, stdout, stderr } = await cli([command, '--help']);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.match(new RegExp(`^Usage: adaptune ${command} `));
      const [options, example] = stdout.split('\nExample:\n');
      expect(example, command).to.match(new RegExp(`^ {2}.*adaptune ${command}.*\n$`));
      for (const line of options!.split('\n')) expect(line.length, line).to.be.at.most(80);
      expect(options)
        .to.match(/ --json /)
        .and.to.match(/ --config <FILE> /);
      expect(await ok(['help', command])).to.equal(stdout);
    }));

  it('explains every option of train with its default', async () => {
    const whole = flat(await ok(['train', '--help']));
    expect(whole).to.contain('Usage: adaptune train --model DIR --train FILE --out DIR [options]');
    const help = whole.replaceAll(/ <\S+>/g, '');
    for (const [name, spec] of Object.entries(TRAIN_OPTIONS) as [string, OptionSpec][]) {
      const value = spec.default;
      const shown = spec.required
        ? ' (required)'
        : value === undefined || value === false
          ? ''
          : ` (default: ${Array.isArray(value) ? value.join(' ') : String(value)})`;
      expect(help).to.contain(` --${kebab(name)} ${spec.help}${shown}`);
    }
  });

  it('without a command is wrong usage', async () => {
    const { code, stdout, stderr } = await cli([]);
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr).to.match(/^Usage: adaptune <command>/);
  });
});
