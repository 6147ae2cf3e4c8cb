import { AdaptuneError } from '../../errors.js';
import { addonPath, binding } from '../../native/binding.js';
import type { OptionTable } from '../../util/options.js';
import { packageVersion } from '../../util/version.js';
import type { CommandSpec } from '../command.js';
import { say } from '../output.js';

interface Check {
  name: string;
  ok: boolean;
  value: string;
  advice?: string;
}
interface Result {
  ok: boolean;
  checks: Check[];
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString('en-US')} MiB`;

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  return {
    name: 'Node.js',
    ok,
    value: process.version,
    ...(ok ? {} : { advice: 'install Node.js 20.19 or later of line 20, or 22.12 or later' }),
  };
}

async function tokenizerCheck(): Promise<Check> {
  try {
    await import('tokenizers');
    return { name: 'tokenizers', ok: true, value: 'loaded' };
  } catch (error) {
    return {
      name: 'tokenizers',
      ok: false,
      value: (error as Error).message.split('\n')[0]!,
      advice: 'reinstall: npm ci (or npm rebuild tokenizers)',
    };
  }
}

function engineChecks(): Check[] {
  let info;
  try {
    info = binding().systemInfo();
  } catch (error) {
    if (!(error instanceof AdaptuneError)) throw error;
    return [{ name: 'addon', ok: false, value: error.code, advice: error.message }];
  }
  const forced = process.env['ADAPTUNE_ISA'];
  const best = info.isas.at(-1)!;
  const isa: Check =
    forced === undefined
      ? { name: 'instruction set', ok: true, value: `${best} (of ${info.isas.join(', ')})` }
      : info.isas.includes(forced as never)
        ? {
            name: 'instruction set',
            ok: true,
            value: `${forced}, forced by ADAPTUNE_ISA`,
            ...(forced === best ? {} : { advice: `${best} would be faster: unset ADAPTUNE_ISA` }),
          }
        : {
            name: 'instruction set',
            ok: false,
            value: forced,
            advice: `ADAPTUNE_ISA: expected one of ${info.isas.join(', ')}`,
          };
  const { logicalCpus, affinityCpus, quotaCpus, defaultThreads, memoryLimit, memoryTotal } = info;
  const cpus = [
    `${logicalCpus} processors`,
    `${affinityCpus} allowed`,
    quotaCpus === null ? 'no quota' : `quota ${quotaCpus.toFixed(2)}`,
  ];
  const memory = memoryLimit ?? memoryTotal;
  const roomy = memory >= 2 ** 30;
  return [
    {
      name: 'addon',
      ok: info.version === packageVersion(),
      value: `${addonPath()} (${info.version})`,
      ...(info.version === packageVersion()
        ? {}
        : { advice: `built for another version than ${packageVersion()}: npm run build` }),
    },
    { name: 'processor', ok: true, value: info.cpuModel },
    isa,
    {
      name: 'threads',
      ok: true,
      value: `${defaultThreads} by default (${cpus.join(', ')})`,
      ...(quotaCpus !== null && quotaCpus < 1
        ? { advice: 'less than one processor: expect throttling; raise the quota' }
        : {}),
    },
    {
      name: 'memory',
      ok: roomy,
      value:
        memoryLimit === null
          ? `${mebibytes(memoryTotal)}, no container limit`
          : `${mebibytes(memoryLimit)} (container limit)`,
      ...(roomy
        ? {}
        : { advice: 'finetuning MiniLM needs about 1 GiB: raise the limit, or lower --batch and --max-length' }),
    },
  ];
}

const OPTIONS = {} as const satisfies OptionTable;

export const command: CommandSpec<typeof OPTIONS, Result> = {
  name: 'doctor',
  summary: 'Says what this machine offers and what is wrong with the installation.',
  options: OPTIONS,
  example: 'adaptune doctor',
  async run() {
    const checks: Check[] = [
      { name: 'adaptune', ok: true, value: packageVersion() },
      nodeCheck(),
      ...engineChecks(),
      await tokenizerCheck(),
    ];
    const ok = checks.every((check) => check.ok);
    return { ok, checks };
  },
  exitCode: ({ ok }) => (ok ? 0 : 1),
  print({ ok, checks }) {
    for (const { name, ok, value, advice } of checks) {
      say(`${ok ? 'ok  ' : 'BAD '} ${name.padEnd(16)} ${value}`);
      if (advice) say(`${' '.repeat(5)}${advice.replaceAll('\n', `\n${' '.repeat(5)}`)}`);
    }
    say(ok ? 'everything that adaptune needs is here' : 'see the lines marked BAD');
  },
};
