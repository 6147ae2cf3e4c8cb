/** The body of a worker thread: searches under the prefixes that it is handed, and posts what it finds every few milliseconds. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { SequenceDatabase } from './database.js';
import { openSearch, type SearchBounds } from './open-search.js';
import { SLICE_MS } from './options.js';
import { PatternPacker } from './packed-patterns.js';
import type { Sink } from './search.js';
import { type SharedTasks, Tasks } from './tasks.js';

export interface WorkerJob {
  database: SequenceDatabase;
  bounds: SearchBounds;
  tasks: SharedTasks;
}

export type WorkerReport = { patterns: Int32Array<ArrayBuffer> } | { visited: number[] };

async function work({ database, bounds, tasks: shared }: WorkerJob, port: MessagePort): Promise<void> {
  const post = (report: WorkerReport, transfer: ArrayBuffer[] = []): void => port.postMessage(report, transfer);
  const tasks = Tasks.join(shared, database);
  const packer = new PatternPacker();
  const sink: Sink = {
    get threshold() {
      return tasks.threshold;
    },
    add: (items, support) => packer.add(items, support),
  };
  const search = await openSearch(database, bounds, sink, tasks);
  for (let finished = false; !finished && !tasks.stopped;) {
    finished = search.advance(performance.now() + SLICE_MS);
    if (packer.isEmpty) continue;
    const patterns = packer.take();
    post({ patterns }, [patterns.buffer]);
  }
  post({ visited: search.visited });
}

if (parentPort) await work(workerData as WorkerJob, parentPort);
