import { Worker } from 'node:worker_threads';
import { AdaptuneError } from '../errors.js';
import { unpackPatterns } from './packed-patterns.js';
import type { WorkerJob, WorkerReport } from './worker.js';

/** Worker threads that search beside the calling thread, on the same database. */
export class Workers {
  /** Patterns visited by the workers, by length. */
  readonly visited: number[] = [];
  private active = 0;
  private failure: AdaptuneError | null = null;
  private readonly exits: Promise<void>[] = [];

  /** @param found Called on this thread for each pattern that a worker found. */
  constructor(private readonly found: (items: Int32Array, support: number) => void) {}

  start(count: number, job: WorkerJob): void {
    for (let i = 0; i < count; i++) this.startOne(job);
  }

  /** Whether some still work. Throws the error that ended one of them. */
  get working(): boolean {
    if (this.failure !== null) throw this.failure;
    return this.active > 0;
  }

  /** Settles when all threads have ended, however they did. */
  async ended(): Promise<void> {
    await Promise.all(this.exits);
  }

  private startOne(job: WorkerJob): void {
    // Without the caller's flags: `--input-type`, loaders and profilers are not meant for this file.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: job, execArgv: [] });
    let reported = false;
    this.active += 1;
    worker.on('message', (report: WorkerReport) => {
      if ('patterns' in report) {
        unpackPatterns(report.patterns, this.found);
        return;
      }
      reported = true;
      report.visited.forEach((count, length) => (this.visited[length] = (this.visited[length] ?? 0) + count));
    });
    worker.on('error', (error: NodeJS.ErrnoException) => this.fail(error));
    this.exits.push(
      new Promise((resolve) => {
        worker.on('exit', (code) => {
          if (!reported) this.fail(new Error(`the thread ended with exit code ${code}`));
          this.active -= 1;
          resolve();
        });
      }),
    );
  }

  private fail(cause: NodeJS.ErrnoException): void {
    this.failure ??=
      cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? new AdaptuneError('E_MEMORY', 'a mining thread ran out of memory; raise minSupport or lower threads', {
            cause,
          })
        : new AdaptuneError('E_INTERNAL', `a mining thread failed: ${cause.message}`, { cause });
  }
}
