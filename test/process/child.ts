/** A process of its own that ends in the way that its argument names, with jobs running. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { AdaptuneError } from '../../lib/errors.js';
import { binding } from '../../lib/native/binding.js';
import { busy, open } from './tiny.js';

const [ending, argument = '', status = '7'] = process.argv.slice(2);

switch (ending) {
  case 'load':
    try {
      binding();
      console.log('loaded');
    } catch (error) {
      if (!(error instanceof AdaptuneError)) throw error;
      console.log(`${error.code}\n${error.message}`);
    }
    break;
  case 'idle':
    await open();
    console.log('idle');
    break;
  case 'unawaited': {
    const { model } = await open('ref');
    void binding()
      .forward(model, busy(50), 'logits')
      .then(() => console.log('settled'));
    break;
  }
  case 'exit': {
    const { model } = await open('ref');
    for (let i = 0; i < 20; ++i) void binding().forward(model, busy(20), 'logits');
    await sleep(Number(argument));
    process.exit(Number(status));
    break;
  }
  case 'exit-beside-workers': {
    const script = new URL('./worker.js', import.meta.url);
    const workers = [1, 2].map(() => new Worker(script, { workerData: { ending: 'terminate' } }));
    for (const worker of workers) worker.on('error', console.error);
    const { model } = await open('ref');
    for (let i = 0; i < 20; ++i) void binding().forward(model, busy(20), 'logits');
    await sleep(Number(argument));
    process.exit(Number(status));
    break;
  }
  case 'throw': {
    const { model } = await open('ref');
    void binding().forward(model, busy(500), 'logits');
    setTimeout(() => {
      throw new Error('as asked');
    }, 5);
    break;
  }
  case 'lock': {
    const lock = binding().lockFile(argument);
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20_000)'], { stdio: 'ignore', detached: true });
    console.log(lock === null ? 0 : child.pid);
    await sleep(20_000);
    break;
  }
  default:
    throw new Error(`unknown ending ${ending}`);
}
