/** Runs in a Worker: loads the addon there, leaves jobs running, and ends in the way that workerData names. */
import { parentPort, workerData } from 'node:worker_threads';
import { binding } from '../../lib/native/binding.js';
import { BATCH, busy, open, PLAN, STEP } from './tiny.js';

export type Ending = 'return' | 'throw' | 'exit' | 'terminate' | 'answer';

const { ending } = workerData as { ending: Ending };
const { model } = await open('ref');
if (ending === 'answer') {
  for (let i = 0; i < 20; ++i) await binding().forward(model, BATCH, 'logits');
  parentPort!.postMessage(await binding().forward(model, BATCH, 'logits'));
} else {
  const token = binding().createToken();
  const trainer = binding().createTrainer(model, PLAN);
  const calibration = binding().createCalibration(model);
  const jobs = [
    binding().forward(model, busy(40), 'logits', token),
    binding().trainStep(trainer, busy(10), new Int32Array(10), null, STEP, token),
    binding().calibrate(calibration, busy(5), new Int32Array(5), 1, 0, token),
  ];
  parentPort!.postMessage('running');
  if (ending === 'exit') process.exit(0);
  if (ending === 'throw') throw new Error('as asked');
  if (ending === 'return') await jobs[0];
  if (ending === 'terminate') setInterval(() => binding().memory(), 1);
}
