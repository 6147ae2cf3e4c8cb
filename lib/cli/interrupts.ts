/**
 * Ctrl-C, SIGTERM and a closed terminal: the first asks the work to stop at the next safe point, the second ends the
 * process at once.
 */
import { AdaptuneError } from '../errors.js';

/** 128 + SIGINT, as shells count; the same for all three, because scripts ask one question: was it interrupted? */
export const INTERRUPTED = 130;

/** The same signal again within this time is the same request: npm forwards a Ctrl-C that the terminal sends to all, shells repeat a hangup. */
const ECHO_MS = 500;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interrupts {
  signal: AbortSignal;
  release: () => void;
}

/** `tell` prints a remark; `leave` is called before the process ends, to put the terminal in order. */
export function interruptible(tell: (text: string) => void, leave: () => void): Interrupts {
  const controller = new AbortController();
  let first: { name: NodeJS.Signals; at: number } | null = null;
  let hungUp = false;
  const onSignal = (name: NodeJS.Signals) => {
    hungUp ||= name === 'SIGHUP';
    const at = performance.now();
    if (name === first?.name && at - first.at < ECHO_MS) return;
    if (first) {
      leave();
      process.exit(INTERRUPTED);
    }
    first = { name, at };
    tell('stopping at the next safe point; Ctrl-C again stops at once');
    controller.abort(new AdaptuneError('E_INTERRUPTED', 'stopped on request'));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
      // Node up to 22 aborts in its own exit when the terminal to be reset is gone (nodejs/node#51519): end as the signal does.
      if (hungUp && [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY))
        process.kill(process.pid, 'SIGHUP');
    },
  };
}

/** What an error is after an abort: cancelled work of any layer is an interrupted command. */
export function interruptedOr(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || !(error instanceof Error)) return error;
  const cancelled = error.name === 'AbortError' || (error instanceof AdaptuneError && error.code === 'E_ABORTED');
  return cancelled ? signal.reason : error;
}
