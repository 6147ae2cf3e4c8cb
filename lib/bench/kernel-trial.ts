/** One trial of a kernel case, in the process that calls it. */
import { AdaptuneError } from '../errors.js';
import { binding, type KernelHandle } from '../native/binding.js';
import { Device } from '../native/device.js';
import { KERNEL_CASES, type KernelCall } from './kernel-cases.js';
import type { Trial } from './report.js';
import { median } from './statistics.js';

export interface KernelTrialSpec {
  name: string;
  threads: number;
  /** Seconds that the runs take together, about. */
  budget: number;
  /** A shared library with cblas_sgemm that is timed instead; its threads are its environment's. */
  blas?: string;
}

const [FEWEST_RUNS, MOST_RUNS] = [5, 2000];

export async function kernelTrial({ name, threads, budget, blas }: KernelTrialSpec): Promise<Trial> {
  const found = KERNEL_CASES.find((known) => known.name === name);
  if (!found) throw new AdaptuneError('E_ARGUMENT', `expected a kernel case but received ${name}`);
  await using device = Device.open({ threads });
  if (blas !== undefined) {
    const product: KernelCall = ['blasGemm', { ...found.blas!(), library: blas }];
    const [seconds] = await timeInTurn(device, [product], budget);
    return { seconds: seconds! };
  }
  const { run, plain } = found.build();
  const work = [...run, ...(plain ? [plain] : [])];
  const seconds = await timeInTurn(device, [...work, ...PEAK], budget);
  const flops = await multiplyAddFlops(device);
  return {
    seconds: seconds.slice(0, run.length).reduce((a, b) => a + b, 0),
    ...(plain && { plain_seconds: seconds[run.length]! }),
    peak: flops / median(seconds.slice(work.length)),
  };
}

/** About half a millisecond: more than one a turn, because something else on the processor hits or misses it whole. */
const MULTIPLY_ADD: KernelCall = ['multiplyAdd', { steps: 10_000 }];
const PEAK: readonly KernelCall[] = [MULTIPLY_ADD, MULTIPLY_ADD, MULTIPLY_ADD];

const multiplyAddFlops = async (device: Device): Promise<number> =>
  (await binding().runKernel(device.handle, ...(MULTIPLY_ADD as readonly ['multiplyAdd', { steps: number }]))).flops;

/** FLOP/s of multiply-adds in registers on all threads of the device. */
export async function multiplyAddPeak(device: Device, budget: number): Promise<number> {
  const seconds = await timeInTurn(device, PEAK, budget);
  return (await multiplyAddFlops(device)) / median(seconds);
}

/** Median seconds of each call. They take turns, after two turns that are not counted. */
async function timeInTurn(device: Device, calls: readonly KernelCall[], budget: number): Promise<number[]> {
  const kernels: KernelHandle[] = [];
  try {
    for (const [kernel, args] of calls) kernels.push(binding().createKernel(device.handle, kernel, args));
    await binding().timeKernels(kernels, 1);
    const turn = (await binding().timeKernels(kernels, 1)).reduce((a, b) => a + b, 0);
    const runs = Math.min(MOST_RUNS, Math.max(FEWEST_RUNS, Math.round(budget / turn)));
    const seconds = await binding().timeKernels(kernels, runs);
    return kernels.map((_, k) => median(Array.from({ length: runs }, (_, run) => seconds[run * kernels.length + k]!)));
  } finally {
    for (const kernel of kernels) binding().close(kernel);
  }
}
