/**
 * Ctrl-C, SIGTERM and a closed terminal: the first asks the work to stop at the next safe point, the second ends the
 * process at once.
 */
import { AdaptuneError } from '../errors.js';

/** 128 + SIGINT, as shells count; the same for all three, because scripts ask one question: was it interrupted? */
export const INTERRUPTED = 130;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interrupts {
  signal: AbortSignal;
  release: () => void;
}

/** `tell` prints a remark; `leave` is called before the process ends, to put the terminal in order. */
export function interruptible(tell: (text: string) => void, leave: () => void): Interrupts {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      leave();
      process.exit(INTERRUPTED);
    }
    tell('stopping at the next safe point; Ctrl-C again stops at once');
    controller.abort(new AdaptuneError('E_INTERRUPTED', 'stopped on request'));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

/** What an error is after an abort: cancelled work of any layer is an interrupted command. */
export function interruptedOr(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || !(error instanceof Error)) return error;
  const cancelled = error.name === 'AbortError' || (error instanceof AdaptuneError && error.code === 'E_ABORTED');
  return cancelled ? signal.reason : error;
}
