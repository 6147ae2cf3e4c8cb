/** The text of `--help` from a command's option table. */
import { kebab, type OptionSpec } from '../util/options.js';
import { GENERAL_OPTIONS, placeholder, usage, type Syntax } from './flags.js';

/** Columns where the terminal does not say. */
const WIDTH = 80;
/** A narrower column of words is not wrapped: the terminal does it. */
const LEAST_WIDTH = 40;
const GENERAL = 'General';

type Item = [term: string, text: string];

const term = (name: string, spec: OptionSpec) =>
  spec.type === 'boolean' ? `--${kebab(name)}` : `--${kebab(name)} <${placeholder(spec)}>`;

function textOf(spec: OptionSpec): string {
  if (spec.required) return `${spec.help} (required)`;
  const shown = spec.default;
  if (shown === undefined || shown === false) return spec.help;
  return `${spec.help} (default: ${Array.isArray(shown) ? shown.join(' ') : String(shown)})`;
}

function wrap(text: string, width: number): string[] {
  if (width < LEAST_WIDTH) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

export function helpText(syntax: Syntax, width = process.stdout.columns ?? WIDTH): string {
  const groups = new Map<string, Item[]>();
  const add = (group: string, item: Item) => groups.set(group, [...(groups.get(group) ?? []), item]);
  for (const [name, spec] of Object.entries(syntax.options))
    add(spec.group ?? 'Options', [term(name, spec), textOf(spec)]);
  for (const [flags, text] of GENERAL_OPTIONS) add(GENERAL, [flags, text]);
  add(GENERAL, ['-h, --help', 'Show this help.']);

  const longest = Math.max(...[...groups.values()].flat().map(([flags]) => flags.length));
  const indent = ' '.repeat(longest + 4);
  const lines = [`Usage: adaptune ${syntax.name} ${usage(syntax)}`, '', ...wrap(syntax.summary, width), ''];
  for (const [group, items] of groups) {
    lines.push(`${group}:`);
    for (const [flags, text] of items)
      lines.push(`  ${flags.padEnd(longest)}  ${wrap(text, width - indent.length).join(`\n${indent}`)}`);
    lines.push('');
  }
  return [...lines, 'Example:', `  ${syntax.example}`, ''].join('\n');
}
