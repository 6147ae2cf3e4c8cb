/** A process of its own: Workers load the addon, one after another, before the main thread ever does. */
import { Worker } from 'node:worker_threads';
import { binding } from '../../lib/native/binding.js';
import { BATCH, open } from './tiny.js';
import type { Ending } from './worker.js';

async function cycle(ending: Ending): Promise<void> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { ending } });
  const failed = new Promise<void>((resolve) => worker.once('error', () => resolve()));
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  await Promise.race([new Promise((resolve) => worker.once('message', resolve)), failed]);
  if (ending === 'terminate') await worker.terminate();
  await ended;
}

const [cycles = '1'] = process.argv.slice(2);
for (let i = 0; i < Number(cycles); ++i)
  for (const ending of ['return', 'throw', 'exit', 'terminate'] as const) await cycle(ending);
const { model, close } = await open('ref');
const logits = await binding().forward(model, BATCH, 'logits');
close();
console.log(`alive ${logits.length}`);
