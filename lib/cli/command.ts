/** From one description of a command: its flags, its help, its configuration file, its errors and exit codes. */
import { resolveOptions, type OptionTable, type ResolvedOf } from '../util/options.js';
import { checkRequired, parseFlags, type Syntax } from './flags.js';
import { interruptedOr, interruptible } from './interrupts.js';
import { report, sayJson } from './output.js';
import { ProgressLine } from './progress.js';

export interface Invocation<Table extends OptionTable> {
  args: string[];
  /** Checked: flag, else configuration file, else default. */
  options: ResolvedOf<Table>;
  json: boolean;
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP. */
  signal: AbortSignal;
  progress: ProgressLine;
}

export interface CommandSpec<Table extends OptionTable, Result> extends Syntax {
  options: Table;
  run(invocation: Invocation<Table>): Promise<Result>;
  /** Prints the result for people; --json prints it as it is. */
  print(result: Result, invocation: Invocation<Table>): void | Promise<void>;
  /** The exit code; 0 unless the result is bad news itself. */
  exitCode?(result: Result): number;
}

export async function runCommand<Table extends OptionTable, Result>(
  spec: CommandSpec<Table, Result>,
  argv: string[],
): Promise<number> {
  const json = argv.includes('--json');
  const progress = new ProgressLine();
  const { signal, release } = interruptible(
    (text) => progress.note(text),
    () => progress.end(),
  );
  try {
    const parsed = parseFlags(spec, argv);
    if (parsed === null) {
      const { helpText } = await import('./help.js');
      process.stdout.write(helpText(spec));
      return 0;
    }
    const config = parsed.config === null ? {} : await configOf(parsed.config, spec.options);
    const given = { ...config, ...parsed.flags };
    checkRequired(spec, given);
    const options = resolveOptions(spec.options, given);
    const invocation = { args: parsed.args, options, json, signal, progress };
    const result = await spec.run(invocation);
    progress.end();
    if (json) sayJson(result);
    else await spec.print(result, invocation);
    return spec.exitCode?.(result) ?? 0;
  } catch (error) {
    progress.end();
    return report(interruptedOr(error, signal), json);
  } finally {
    release();
  }
}

async function configOf(path: string, table: OptionTable): Promise<Record<string, unknown>> {
  const { readConfig } = await import('./config-file.js');
  return readConfig(path, table);
}
