/** Commands that write a file with --out, while operations fail or kill them: the file is the old one or the new one. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import type { CommandSpec } from '../../lib/cli/command.js';
import { command as mine } from '../../lib/cli/commands/mine.js';
import { command as predict } from '../../lib/cli/commands/predict.js';
import { parseFlags } from '../../lib/cli/flags.js';
import { ProgressLine } from '../../lib/cli/progress.js';
import { isTemporary, operationCount, setFaultPlan, setRecorder, type FaultPlan } from '../../lib/util/files.js';
import { resolveOptions, type OptionTable } from '../../lib/util/options.js';
import { inPairs, start, trainedModel } from './cli.js';

const CHILD = fileURLToPath(new URL('./fault-child.js', import.meta.url));
const OLD = 'the result of last week\n';

class Silence extends ProgressLine {
  override update(): void {}
}

/** Runs a command in this process, without printing. */
async function invoke<Table extends OptionTable, Result>(
  spec: CommandSpec<Table, Result>,
  argv: string[],
): Promise<void> {
  const { args, flags } = parseFlags(spec, argv)!;
  const { signal } = new AbortController();
  await spec.run({
    args,
    options: resolveOptions(spec.options, flags),
    json: true,
    signal,
    progress: new Silence(),
  });
}

export class WrittenFile {
  #whole = '';
  /** File operations of the command, and the first one that changes anything. */
  operations = 0;
  firstChange = 0;

  private constructor(
    readonly name: string,
    private readonly argv: string[],
    private readonly folder: string,
    private readonly out: string,
  ) {
    mkdirSync(folder);
  }

  /** What `predict` and `mine` write, in every form. */
  static async all(): Promise<WrittenFile[]> {
    const space = await trainedModel();
    const spmf = space.write('faults-sequences.txt', '1 -1 2 -1 -2\n1 -1 3 -1 2 -1 -2\n');
    const mining = ['mine', '--model', space.model, '--train', space.train, '--min-support', '2', '--min-uses', '2'];
    const list: [string, string, string[]][] = [
      ['predict', 'jsonl', ['predict', space.model, space.train, '--threads', '1']],
      ['predict', 'csv', ['predict', space.model, space.train, '--threads', '1', '--top-k', '3']],
      ['mine', 'json', mining],
      ['mine', 'csv', mining],
      ['mine --spmf', 'txt', ['mine', '--spmf', spmf, '--min-support', '2']],
    ];
    const files: WrittenFile[] = [];
    for (const [command, ending, argv] of list) {
      const folder = space.at(`faults-${files.length}`);
      const out = join(folder, `result.${ending}`);
      const file = new WrittenFile(`${command} --out .${ending}`, [...argv, '--out', out], folder, out);
      await file.#measure();
      files.push(file);
    }
    return files;
  }

  async #measure(): Promise<void> {
    setFaultPlan(null);
    setRecorder(() => (this.firstChange ||= operationCount()));
    await this.#run();
    setRecorder(null);
    this.operations = operationCount();
    this.#whole = this.#read();
    expect(this.#whole).not.to.equal('').and.not.to.equal(OLD);
  }

  /** Without the times, which differ from run to run. */
  #read(): string {
    return readFileSync(this.out, 'utf8').replace(/"seconds": \{[^}]*\}/, '"seconds": {}');
  }

  #run(): Promise<void> {
    const [name, ...rest] = this.argv;
    return name === 'predict' ? invoke(predict, rest) : invoke(mine, rest);
  }

  /** Before something happens: the old file, or none. */
  #begin(old: boolean): void {
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name));
    if (old) writeFileSync(this.out, OLD);
  }

  /** Afterwards, and that the next call writes the new file. */
  async #check(old: boolean, what: string): Promise<void> {
    const content = existsSync(this.out) ? this.#read() : null;
    expect([old ? OLD : null, this.#whole], what).to.include(content);
    await this.#run();
    expect(this.#read(), what).to.equal(this.#whole);
  }

  /** Whether the command stopped. */
  async failAt(plan: FaultPlan, old: boolean): Promise<boolean> {
    const what = `${this.name}: ${plan.error} ${plan.repeat ?? 'once'} at operation ${plan.k}`;
    this.#begin(old);
    setFaultPlan(plan);
    const error: unknown = await this.#run().then(
      () => null,
      (reason: unknown) => reason,
    );
    setFaultPlan(null);
    if (error === null) expect(this.#read(), what).to.equal(this.#whole);
    else {
      expect(error, what).to.be.instanceOf(AdaptuneError).with.property('code', 'E_FILE');
      expect((error as AdaptuneError).message, what).to.include(plan.error);
    }
    // Where everything fails from some operation on, the temporary cannot be removed either.
    if (plan.repeat !== 'always') expect(readdirSync(this.folder).filter(isTemporary), what).to.deep.equal([]);
    await this.#check(old, what);
    return error !== null;
  }

  async killAt(k: number, old: boolean): Promise<void> {
    this.#begin(old);
    const { signal, stderr } = await start(process.execPath, [CHILD, String(k), ...this.argv]).ended;
    expect(signal, `${this.name}, operation ${k}: ${stderr}`).to.equal('SIGKILL');
    await this.#check(old, `${this.name}: killed at operation ${k}`);
    // The next call for the same path clears what the killed one left.
    expect(readdirSync(this.folder).filter(isTemporary)).to.deep.equal([]);
  }
}

/** Kills every command at each of its operations from the first change on; the number of kills. */
export async function killAll(files: readonly WrittenFile[], stride = 1): Promise<number> {
  let kills = 0;
  await inPairs(files, async (file) => {
    for (let k = file.firstChange; k <= file.operations; k += stride) {
      await file.killAt(k, kills++ % 2 === 0);
    }
  });
  return kills;
}
