/** The reference pages of this folder, made from the tables that the program itself uses. */
import { command as bench } from '../lib/cli/commands/bench.js';
import { command as build } from '../lib/cli/commands/build.js';
import { command as doctor } from '../lib/cli/commands/doctor.js';
import { command as evaluate } from '../lib/cli/commands/evaluate.js';
import { command as experiment } from '../lib/cli/commands/experiment.js';
import { command as mine } from '../lib/cli/commands/mine.js';
import { command as predict } from '../lib/cli/commands/predict.js';
import { command as report } from '../lib/cli/commands/report.js';
import { command as train } from '../lib/cli/commands/train.js';
import { GENERAL_OPTIONS, placeholder, usage, type Syntax } from '../lib/cli/flags.js';
import { exitCode } from '../lib/cli/output.js';
import { ERRORS, type ErrorCode } from '../lib/errors.js';
import { kebab, legalValues, type OptionSpec } from '../lib/util/options.js';

/** In the order of `adaptune --help`. */
export const COMMANDS: readonly Syntax[] = [train, mine, evaluate, predict, report, experiment, bench, doctor, build];

const GENERATED = '<!-- Made by `npm run docs`; do not edit. -->';

/** A table cell: `|` would end it, and `<` outside of code would begin a tag. */
const cell = (text: string) =>
  text.replaceAll('|', '\\|').replaceAll(/`[^`]*`|</g, (part) => (part === '<' ? '&lt;' : part));
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  row(head) + row(head.map(() => '---')) + rows.map((cells) => row(cells)).join('');

export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { meaning, remedy }]) => {
    return [code, String(exitCode(code as ErrorCode)), cell(meaning), cell(remedy)];
  });
  return `${GENERATED}

# Errors

The command line prints one line, \`adaptune: CODE: message\`, on stderr (\`E_ADDON\`: with remedies below) and ends with the exit
status. With \`--json\` stdout holds \`{"error": {"code", "message"}}\` besides. In a program every error is an \`AdaptuneError\` with \`code\`,
\`message\` and, where there is one, \`cause\`; the list is exported as \`ERRORS\`. Messages say what was expected and what came; they are
for people and may change, codes do not.

${table(['code', 'exit', 'meaning', 'what to do'], rows)}
Exit status 0: done. 2 without a code: no command was given. 130: interrupted by Ctrl-C or SIGTERM.
`;
}

function shownDefault({ required, default: value }: OptionSpec): string {
  if (required) return 'required';
  if (value === undefined || value === false) return '';
  return `\`${Array.isArray(value) ? value.join(' ') : String(value)}\``;
}

function commandSection(syntax: Syntax): string {
  const entries = Object.entries(syntax.options);
  const groups = [...new Set(entries.map(([, { group }]) => group))];
  const tables = groups.map((group) => {
    const rows = entries
      .filter(([, spec]) => spec.group === group)
      .map(([name, spec]) => {
        const value = spec.type === 'boolean' ? '' : ` ${placeholder(spec)}`;
        return [cell(`\`--${kebab(name)}${value}\``), cell(spec.help), cell(legalValues(spec)), shownDefault(spec)];
      });
    return (group === undefined ? '' : `### ${group}\n\n`) + table(['option', '', 'value', 'default'], rows);
  });
  return [
    `## adaptune ${syntax.name}\n`,
    `${cell(syntax.summary)}\n`,
    `\`\`\`sh\nadaptune ${syntax.name} ${usage(syntax)}\n${syntax.example}    # for example\n\`\`\`\n`,
    ...tables,
  ].join('\n');
}

export function optionsPage(): string {
  const general = table(
    ['option', ''],
    [
      ...GENERAL_OPTIONS.map(([flags, text]) => [`\`${flags}\``, cell(text)]),
      ['`-h, --help`', 'The same as here, in the terminal.'],
    ],
  );
  return `${GENERATED}

# Options

The typed API has the same options under names in camel case: \`--max-length 64\` is \`maxLength: 64\` in \`train({ ... })\` and \`maxLength\` or
\`max-length\` in a configuration file. A flag wins over the file, the file over the default. Unknown names and values out of range are
refused before any work is done.

## Every command

${general}
${COMMANDS.map((syntax) => commandSection(syntax)).join('\n')}
## Environment

${table(
  ['variable', ''],
  [
    [
      '`ADAPTUNE_ISA`',
      '`avx512`, `avx2`, `scalar` or `ref`: the instruction set, instead of the widest that runs here.',
    ],
    ['`ADAPTUNE_BINARY`', 'Path of the addon, instead of `build/Release` and `prebuilds`.'],
    ['`ADAPTUNE_DEBUG`', '1: stack traces of internal errors.'],
    ['`ADAPTUNE_CHECK_OPS`', '1: check the arguments of every native operation; slower.'],
  ],
)}`;
}

/** By file name. */
export const PAGES: ReadonlyMap<string, () => string> = new Map([
  ['errors.md', errorsPage],
  ['options.md', optionsPage],
]);
