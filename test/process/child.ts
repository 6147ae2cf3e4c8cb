/** A process of its own that ends in the way that its argument names, with jobs running. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AdaptuneError } from '../../lib/errors.js';
import { binding } from '../../lib/native/binding.js';
import { busy, open } from './tiny.js';

const [ending, milliseconds = '0'] = process.argv.slice(2);

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
    await sleep(Number(milliseconds));
    process.exit(7);
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
}
