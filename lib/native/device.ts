import { AdaptuneError } from '../errors.js';
import { binding, type DeviceHandle, type Isa, type TokenHandle } from './binding.js';

export interface DeviceOptions {
  /** `auto` (default): the best device of this machine. */
  device?: 'auto' | 'cpu';
  /**
   * Default: what affinity and the container's CPU quota allow. Devices of one process share the processors: where several
   * work at the same time, each is slower, and fewer threads for each save little.
   */
  threads?: number;
  /** Default: ADAPTUNE_ISA, else the widest that runs here. */
  isa?: Isa;
}

const MAX_THREADS = 256;

/** The processors with one dispatcher thread: jobs run one after another in the order of the calls. */
export class Device {
  private constructor(
    readonly handle: DeviceHandle,
    readonly isa: Isa,
    readonly threads: number,
  ) {}

  /** Throws E_ARGUMENT, E_DEVICE (not available here), E_ADDON (the addon cannot be loaded). */
  static open(options: DeviceOptions = {}): Device {
    const device: unknown = options.device ?? 'auto';
    if (device !== 'auto' && device !== 'cpu')
      throw new AdaptuneError('E_DEVICE', `expected auto or cpu for device but received ${String(device)}`);
    const system = binding().systemInfo();
    const threads = options.threads ?? system.defaultThreads;
    if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS)
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected an integer from 1 to ${MAX_THREADS} for threads but received ${String(threads)}`,
      );
    const wanted = options.isa ?? (process.env['ADAPTUNE_ISA'] || system.isas.at(-1));
    const isa = system.isas.find((name) => name === wanted);
    if (isa === undefined)
      throw new AdaptuneError(
        'E_DEVICE',
        `expected one of ${system.isas.join(', ')} for ${options.isa ? 'isa' : 'ADAPTUNE_ISA'} but received ${String(wanted)}: not compiled in, or this processor lacks it`,
      );
    return new Device(binding().openDevice({ threads, isa }), isa, threads);
  }

  /** Ends the dispatcher once the jobs handed to it are done. Idempotent; later calls throw E_CLOSED. */
  close(): void {
    binding().close(this.handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** Runs `work` with a token that `signal` cancels: E_ABORTED, with the signal's reason as cause. */
export async function withSignal<T>(
  signal: AbortSignal | undefined,
  work: (token: TokenHandle | undefined) => Promise<T>,
): Promise<T> {
  if (!signal) return work(undefined);
  if (signal.aborted) throw aborted(signal);
  const token = binding().createToken();
  const cancel = () => binding().cancel(token);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await work(token);
  } catch (error) {
    throw error instanceof AdaptuneError && error.code === 'E_ABORTED' && signal.aborted ? aborted(signal) : error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

const aborted = (signal: AbortSignal) =>
  new AdaptuneError('E_ABORTED', 'cancelled by its AbortSignal', { cause: signal.reason });
