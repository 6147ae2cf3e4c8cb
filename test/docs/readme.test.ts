/** What the README says is so: its commands run, its options, defaults, files and examples are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { COMMANDS } from '../../docs/reference.js';
import { TRAIN_OPTIONS } from '../../lib/train/options.js';
import { kebab } from '../../lib/util/options.js';
import { MAIN, start, workspace } from '../cli/cli.js';

const url = (path: string) => new URL(`../../../${path}`, import.meta.url);
const README = readFileSync(url('README.md'), 'utf8');
const section = (title: string) => README.split(/^## /m).find((part) => part.startsWith(`${title}\n`))!;

describe('docs/readme', function () {
  this.timeout(120_000);

  it('takes a CSV to a prediction by its own commands', async () => {
    const { systems } = (await import(url('examples/corpus.mjs').href)) as {
      systems(count: number, seed: number): { text: string; label: string }[];
    };
    const space = workspace();
    const csv = (count: number, seed: number) =>
      systems(count, seed).reduce(
        (rows, { text, label }) => `${rows}"${text}, ""urgent""",${label}\n`,
        'message,team\n',
      );
    for (const [name, count] of [
      ['tickets', 160],
      ['held-out', 60],
      ['inbox', 20],
    ] as const)
      space.write(`${name}.csv`, csv(count, count));
    const lines = [...section('Five minutes').matchAll(/^.*npx adaptune (\w+) .*$/gm)].filter(
      ([line]) => !line.startsWith('In a clone'),
    );
    expect(lines.map(([, command]) => command)).to.deep.equal([
      'build',
      'doctor',
      'train',
      'predict',
      'train',
      'predict',
      'evaluate',
    ]);
    const printed: string[] = [];
    for (const [line, command] of lines) {
      if (command === 'build') continue;
      const shell = line
        .replace('npx adaptune', `'${process.execPath}' '${MAIN}'`)
        .replace('models/minilm-l6', 'scratch:tiny');
      const { code, stdout, stderr } = await start('sh', ['-c', `cd '${space.folder}' && ${shell}`]).ended;
      expect(code, `${line}\n${stderr}`).to.equal(0);
      printed.push(stdout);
    }
    const [, , predicted, , , evaluated] = printed;
    expect(predicted).to.match(/^\w+\t[01]\.\d{4}\twhere is my parcel\n$/);
    expect(readFileSync(space.at('labelled.csv'), 'utf8').split('\n')).to.have.length(1 + 20 + 1);
    expect(evaluated).to.match(/^60 texts in .*: macro-F1 [01]\.\d{3}, accuracy/);
  });

  it('names options that are there, with their defaults', () => {
    const known = new Set(COMMANDS.flatMap(({ options }) => Object.keys(options).map((name) => `--${kebab(name)}`)));
    for (const general of ['--help', '--json', '--config']) known.add(general);
    const named = [...README.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag);
    expect(named.length).to.be.greaterThan(30);
    expect(named.filter((flag) => !known.has(flag))).to.deep.equal([]);
    const rows = [...section('The command line').matchAll(/^\| (`--.*?) \| (.*?) \|/gm)].slice(0, 6);
    const defaults = rows.flatMap(([, flags, values]) => {
      const listed = values!.replaceAll('`', '').split(', ');
      return [...flags!.matchAll(/--([a-z-]+)/g)].map(([, flag], i) => [flag, listed[i]]);
    });
    const BY_METHOD: Record<string, string> = { newTokens: 'auto', score: 'random' };
    const table = Object.entries(TRAIN_OPTIONS).map(([name, spec]) => [
      kebab(name),
      'default' in spec ? String(spec.default) : (BY_METHOD[name] ?? null),
    ]);
    const truth = new Map(table as [string, string | null][]);
    expect(defaults.map(([flag]) => flag)).to.deep.equal([
      'method',
      'budget',
      'floor',
      'score',
      'new-tokens',
      'epochs',
      'batch',
      'max-length',
    ]);
    for (const [flag, value] of defaults) expect(value, flag).to.equal(truth.get(flag!));
  });

  it('links to files that are there', () => {
    const links = [...README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path!);
    expect(links.length).to.be.greaterThan(5);
    expect(links.filter((path) => !existsSync(url(path)))).to.deep.equal([]);
  });

  it('lists every example, and each uses nothing but what the package exports', () => {
    const names = readdirSync(url('examples')).filter((name) => name !== 'corpus.mjs');
    expect(names.length).to.be.greaterThan(4);
    for (const name of names) {
      expect(README).to.contain(`(examples/${name})`);
      for (const [, from] of readFileSync(url(`examples/${name}`), 'utf8').matchAll(/ from '([^']+)'/g))
        expect(from, name).to.match(/^(?:adaptune(?:\/(?:mining|kernels))?|node:.+|\.\/corpus\.mjs)$/);
    }
  });
});
