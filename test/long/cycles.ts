/**
 * A process of its own (node --expose-gc) that opens, uses and closes everything `cycles` times, and prints what is left
 * after each.
 *
 * usage: node --expose-gc cycles.js FOLDER CYCLES
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { binding } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { Encoder } from '../../lib/model/encoder.js';
import { BATCH, CONFIG, LABELS, STEP } from '../process/tiny.js';

export interface Cycled {
  /** The allocator's live bytes and the resident set (bytes) after each cycle. */
  live: number[];
  resident: number[];
}

const [folder, cycles = '100'] = process.argv.slice(2);
/** 3 million weights: a copy that stays shows at once. */
const config = { ...CONFIG, hidden: 256, heads: 4, kvHeads: 4, headWidth: 64, feedForward: 1024, vocabulary: 5000 };
const plan = {
  layers: [0, 1].map(() => ({ groups: Int32Array.of(0, 1), neurons: Int32Array.of(0, 9, 100), extras: true })),
  embeddings: false,
  newRowsFirst: 4000,
  head: true,
};

async function cycle(dir: string): Promise<void> {
  const device = Device.open();
  const encoder = await Encoder.load(device, dir, { classes: CONFIG.classes });
  const addon = binding();
  const trainer = addon.createTrainer(encoder.handle, plan);
  await addon.trainStep(trainer, BATCH, LABELS, null, STEP);
  const calibration = addon.createCalibration(encoder.handle);
  await addon.calibrate(calibration, BATCH, LABELS, 1, 0);
  await encoder.forward(BATCH, 'logits');
  addon.close(calibration);
  addon.close(trainer);
  encoder.close();
  device.close();
}

const device = Device.open();
const encoder = await Encoder.random(device, config, { seed: 1 });
await encoder.save(folder!, { labels: ['a', 'b', 'c'] });
encoder.close();
device.close();

const live: number[] = [];
const resident: number[] = [];
for (let i = 0; i < Number(cycles); ++i) {
  await cycle(folder!);
  // A device's dispatcher frees its memory a moment after close.
  for (let wait = 0; binding().memory().live > 0 && wait < 100; ++wait) await sleep(5);
  globalThis.gc!();
  live.push(binding().memory().live);
  resident.push(process.memoryUsage.rss());
}
console.log(JSON.stringify({ live, resident } satisfies Cycled));
