/** What `doctor` looks at, and its advice: the command that mends it, or what to expect. */
import { AdaptuneError } from '../errors.js';
import { addonPath, binding, type SystemInfo } from '../native/binding.js';
import { BUILD_COMMAND } from '../native/remedies.js';
import { packageVersion } from '../util/version.js';

export interface Check {
  name: string;
  /** False: something does not work until it is mended. */
  ok: boolean;
  value: string;
  advice?: string;
}

const check = (name: string, value: string, advice: string | null = null): Check => ({
  name,
  ok: true,
  value,
  ...(advice === null ? {} : { advice }),
});
const bad = (name: string, value: string, advice: string): Check => ({ name, ok: false, value, advice });

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString('en-US')} MiB`;

/** Bytes; finetuning MiniLM at the default batch and length needs about as much. */
const ROOMY = 2 ** 30;

export async function allChecks(): Promise<Check[]> {
  return [check('adaptune', packageVersion()), nodeCheck(), ...engineChecks(), await tokenizerCheck()];
}

/** package.json's `engines`. */
function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (ok) return check('Node.js', process.version);
  return bad('Node.js', process.version, 'install Node.js 20.19 or later of line 20, or 22.12 or later');
}

/** Its binary is an optional dependency for each platform, which a lock file or node_modules of another platform lacks. */
async function tokenizerCheck(): Promise<Check> {
  try {
    await import('tokenizers');
    return check('tokenizers', 'loaded');
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!;
    return bad(
      'tokenizers',
      reason,
      'its binary for this platform is not installed: remove node_modules and install again, with optional dependencies; ' +
        'if it stays away, remove package-lock.json too',
    );
  }
}

function engineChecks(): Check[] {
  let info;
  try {
    info = binding().systemInfo();
  } catch (error) {
    if (!(error instanceof AdaptuneError)) throw error;
    return [bad('addon', error.code, error.message)];
  }
  return [addonCheck(info), check('processor', info.cpuModel), isaCheck(info), threadsCheck(info), memoryCheck(info)];
}

function addonCheck({ version }: SystemInfo): Check {
  const value = `${addonPath()} (${version})`;
  if (version === packageVersion()) return check('addon', value);
  const advice = process.env['ADAPTUNE_BINARY']
    ? `ADAPTUNE_BINARY names a file of another version than ${packageVersion()}: correct the path, or unset the variable`
    : `built for another version than ${packageVersion()}: ${BUILD_COMMAND}`;
  return bad('addon', value, advice);
}

function isaCheck({ isas }: SystemInfo): Check {
  const name = 'instruction set';
  const best = isas.at(-1)!;
  const forced = process.env['ADAPTUNE_ISA'];
  if (!forced) {
    const narrow = best === 'scalar' || best === 'ref';
    return check(
      name,
      `${best} (of ${isas.join(', ')})`,
      narrow ? 'no vector kernels for this processor: expect several times the run time of one with AVX2' : null,
    );
  }
  const known = isas.find((isa) => isa === forced);
  if (known === undefined)
    return bad(name, forced, `ADAPTUNE_ISA: expected one of ${isas.join(', ')}; unset it for the widest`);
  return check(
    name,
    `${forced}, forced by ADAPTUNE_ISA`,
    known === best ? null : `${best} would be faster: unset ADAPTUNE_ISA`,
  );
}

function threadsCheck({ logicalCpus, affinityCpus, quotaCpus, defaultThreads }: SystemInfo): Check {
  const cpus = [
    `${logicalCpus} processors`,
    `${affinityCpus} allowed`,
    quotaCpus === null ? 'no quota' : `quota ${quotaCpus.toFixed(2)}`,
  ];
  return check(
    'threads',
    `${defaultThreads} by default (${cpus.join(', ')})`,
    quotaCpus !== null && quotaCpus < 1 ? 'less than one processor: expect throttling; raise the quota' : null,
  );
}

function memoryCheck({ memoryLimit, memoryTotal }: SystemInfo): Check {
  return check(
    'memory',
    memoryLimit === null
      ? `${mebibytes(memoryTotal)}, no container limit`
      : `${mebibytes(memoryLimit)} (container limit)`,
    (memoryLimit ?? memoryTotal) >= ROOMY
      ? null
      : 'enough to predict; to finetune MiniLM lower --batch and --max-length, or raise the limit (train says what it needs)',
  );
}
