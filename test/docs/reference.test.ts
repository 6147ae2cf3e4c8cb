/** The committed reference is what the tables say today, and complete. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { COMMANDS, errorsPage, optionsPage, PAGES } from '../../docs/reference.js';
import { ERRORS } from '../../lib/errors.js';
import { kebab } from '../../lib/util/options.js';
import { ok } from '../cli/cli.js';

const ROOT = new URL('../../../', import.meta.url);
const committed = (name: string) => readFileSync(new URL(`docs/${name}`, ROOT), 'utf8');

describe('docs/reference', () => {
  for (const [name, page] of PAGES) {
    it(`docs/${name} is up to date (npm run docs)`, () => {
      expect(committed(name)).to.equal(page());
    });
  }

  it('has a row with meaning, remedy and exit status for every code', () => {
    const rows = [...errorsPage().matchAll(/^\| (E_\w+) \| (\d+) \| (.+) \| (.+) \|$/gm)];
    expect(rows.map(([, code]) => code)).to.deep.equal(Object.keys(ERRORS));
    for (const [, code, exit, meaning, remedy] of rows) {
      expect([meaning, remedy], code).to.satisfy((texts: string[]) => texts.every((text) => /^\S.{9,}\.$/.test(text)));
      expect(exit, code).to.equal(
        code === 'E_INTERRUPTED' ? '130' : ERRORS[code as keyof typeof ERRORS].usage ? '2' : '1',
      );
    }
  });

  it('has every environment variable that the sources read', () => {
    const read = ['lib', 'native'].flatMap((folder) =>
      readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(?:ts|cc|h)$/.test(name))
        .flatMap((name) => {
          const text = readFileSync(new URL(`${folder}/${name}`, ROOT), 'utf8');
          return [...text.matchAll(/(?:process\.env\['|getenv\(")(ADAPTUNE_\w+)/g)].map(([, variable]) => variable!);
        }),
    );
    const listed = [...optionsPage().matchAll(/^\| `(ADAPTUNE_\w+)` \|/gm)].map(([, variable]) => variable!);
    expect(listed.toSorted()).to.deep.equal([...new Set(read)].toSorted());
  });

  it('has every command of the program and every option of each', async () => {
    const help = await ok(['--help']);
    expect(COMMANDS.map(({ name }) => name)).to.deep.equal(
      [...help.matchAll(/^ {2}(\w+) +\S/gm)].map(([, name]) => name),
    );
    const sections = optionsPage().split(/^## /m);
    for (const { name, options } of COMMANDS) {
      const section = sections.find((text) => text.startsWith(`adaptune ${name}\n`));
      for (const option of Object.keys(options))
        expect(section).to.match(new RegExp(`^\\| \`--${kebab(option)}[ \`]`, 'm'));
    }
  });
});
