/** A run in a fresh process: starts worker.ts, passes on what it says, and stops it at the next safe point. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TrainEvent } from '../train/run.js';
import type { Answer, Request } from './worker.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** Characters of stderr that a message quotes. */
const QUOTED = 400;

export type Outcome = Exclude<Answer, { type: 'progress' | 'note' }>;

export interface ProcessHooks {
  signal: AbortSignal;
  onProgress?: ((event: TrainEvent) => void) | undefined;
  onNote?: ((text: string) => void) | undefined;
}

/** Rejects with the signal's reason after an abort. A process that ends without an answer has failed with E_INTERNAL. */
export async function runInProcess(request: Request, { signal, onProgress, onNote }: ProcessHooks): Promise<Outcome> {
  signal.throwIfAborted();
  const child = fork(WORKER, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let outcome: Outcome | null = null;
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-QUOTED)));
  child.on('message', (answer: Answer) => {
    if (answer.type === 'progress') onProgress?.(answer.event);
    else if (answer.type === 'note') onNote?.(answer.text);
    else outcome = answer;
  });
  const stop = () => {
    if (child.connected) child.send('stop');
  };
  signal.addEventListener('abort', stop);
  try {
    const ended = new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, by) => resolve(by ?? `exit status ${code}`));
    });
    child.send(request);
    const how = await ended;
    if (signal.aborted && (outcome as Outcome | null)?.type !== 'done') throw signal.reason;
    if (outcome) return outcome;
    const message = `expected the process of the run to answer but it ended with ${how}${said === '' ? '' : `: ${said.trim()}`}`;
    return { type: 'failed', code: 'E_INTERNAL', message, plan: null };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
