/**
 * A process of its own that works on `devices` devices at once for some seconds and idles for one: prints what it got done
 * and the processor time of both. Without a number of threads, each device has the default.
 *
 * usage: node work.js SECONDS [DEVICES [THREADS]]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Device } from '../../lib/native/device.js';
import { Encoder } from '../../lib/model/encoder.js';
import { busy, CONFIG } from '../process/tiny.js';

export interface Worked {
  threads: number;
  jobs: number;
  seconds: number;
  /** Of all threads, in seconds. */
  processor: number;
  /** In an idle second after it. */
  idle: number;
}

const [seconds = '2', devices = '1', threads] = process.argv.slice(2);
const config = { ...CONFIG, layers: 4, hidden: 128, heads: 4, kvHeads: 4, headWidth: 32, feedForward: 512 };
const batch = busy(16);
const encoders: Encoder[] = [];
let size = 0;
for (let i = 0; i < Number(devices); ++i) {
  const device = Device.open(threads === undefined ? {} : { threads: Number(threads) });
  size = device.threads;
  encoders.push(await Encoder.random(device, config, { seed: 1 }));
}
const processor = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};
for (const encoder of encoders) await encoder.forward(batch, 'logits');

const before = process.cpuUsage();
const begin = performance.now();
let jobs = 0;
await Promise.all(
  encoders.map(async (encoder) => {
    for (; performance.now() - begin < Number(seconds) * 1000; ++jobs) await encoder.forward(batch, 'logits');
  }),
);
const worked = { threads: size, jobs, seconds: (performance.now() - begin) / 1000, processor: processor(before) };
await sleep(20);
const rest = process.cpuUsage();
await sleep(1000);
console.log(JSON.stringify({ ...worked, idle: processor(rest) } satisfies Worked));
