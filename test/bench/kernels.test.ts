/** The kernel cases are what they say they are, and time what they say. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { KERNEL_CASES, type KernelCall } from '../../lib/bench/kernel-cases.js';
import { kernelTrial, multiplyAddPeak } from '../../lib/bench/kernel-trial.js';
import { Device } from '../../lib/kernels/index.js';
import { binding } from '../../lib/native/binding.js';
import { ISAS, requireIsa } from '../helpers/engine.js';
import { failure } from '../helpers/failure.js';
import { random } from '../kernels/oracle.js';

describe('bench, kernel cases', function () {
  this.timeout(60_000);

  it('have names of their own, and arguments that the kernels take', async () => {
    expect(new Set(KERNEL_CASES.map(({ name }) => name)).size).to.equal(KERNEL_CASES.length);
    const small = KERNEL_CASES.filter(({ name }) => name.includes('minilm') && !/ (512|1500) rows/.test(name));
    expect(small.length).to.be.greaterThan(30);
    await using device = Device.open({ threads: 1 });
    for (const { name, flops, bytes, build, blas } of small) {
      const { run, plain } = build();
      for (const [kernel, args] of [...run, ...(plain ? [plain] : [])] as KernelCall[])
        binding().close(binding().createKernel(device.handle, kernel, args));
      expect(flops, name).to.be.greaterThan(0);
      expect(bytes, name).to.be.greaterThan(0);
      if (!blas) continue;
      const { kind, a, b } = blas();
      const [m, k] = kind === 'weightGrad' ? [a.cols, a.rows] : [a.rows, a.cols];
      expect(flops, name).to.equal(2 * m * k * (kind === 'forward' ? b.rows : b.cols));
    }
  });

  it('are timed, with the multiply-adds of the same process', async () => {
    const named = (part: string) => KERNEL_CASES.find(({ name }) => name.startsWith(part))!;
    const product = named('forward, minilm out, 128');
    const { seconds, peak } = await kernelTrial({ name: product.name, threads: 1, budget: 0.01 });
    const share = product.flops / seconds / peak!;
    expect(share).to.be.within(0.01, 2); // whatever else the machine does meanwhile
    const fused = await kernelTrial({ name: named('column sums, minilm').name, threads: 2, budget: 0.01 });
    expect(fused.seconds / Number(fused['plain_seconds'])).to.be.within(0.2, 20);
    const unknown = await failure(kernelTrial({ name: 'nothing', threads: 1, budget: 1 }));
    expect(unknown.message).to.equal('expected a kernel case but received nothing');
  });

  for (const isa of ISAS)
    describe(isa, () => {
      before(function () {
        requireIsa(this, isa);
      });

      it('counts the multiply-adds that it does', async () => {
        await using device = Device.open({ isa, threads: 2 });
        const { flops, mean } = await binding().runKernel(device.handle, 'multiplyAdd', { steps: 1000 });
        const lanes = { ref: 1, scalar: 4, avx2: 8, avx512: 16 }[isa];
        expect(flops % (1000 * 12 * 2 * lanes)).to.equal(0);
        expect(mean).to.be.closeTo(1 + 4.5 * 0.999 ** 1000, 1e-4);
        const peak = await multiplyAddPeak(device, 0.005);
        expect(peak).to.be.within(1e8, 1e13);
      });
    });

  it('take turns in the order of the list', async () => {
    await using device = Device.open({ threads: 1 });
    await using other = Device.open({ threads: 1 });
    const make = (on: Device, steps: number) => binding().createKernel(on.handle, 'multiplyAdd', { steps });
    const [long, short] = [make(device, 20_000), make(device, 10)];
    const seconds = await binding().timeKernels([long, short], 5);
    expect(seconds.length).to.equal(10);
    const sum = (first: number) => [0, 1, 2, 3, 4].reduce((total, run) => total + seconds[2 * run + first]!, 0);
    expect(sum(0)).to.be.greaterThan(2 * sum(1));
    const foreign = make(other, 1);
    expect((await failure(binding().timeKernels([long, foreign], 1))).message).to.match(/kernels of one device/);
    binding().close(long);
    expect((await failure(binding().timeKernels([long], 1))).code).to.equal('E_CLOSED');
    for (const kernel of [short, foreign]) binding().close(kernel);
  });
});

const BLAS = (name: string, type: string) => `
#include <stdint.h>
void ${name}(int order, int ta, int tb, ${type} m, ${type} n, ${type} k, float alpha, const float* a, ${type} lda,
             const float* b, ${type} ldb, float beta, float* c, ${type} ldc) {
  for (${type} i = 0; i < m; ++i)
    for (${type} j = 0; j < n; ++j) {
      double sum = 0;
      for (${type} p = 0; p < k; ++p)
        sum += (double)(ta == 112 ? a[p * lda + i] : a[i * lda + p]) * (tb == 112 ? b[j * ldb + p] : b[p * ldb + j]);
      c[i * ldc + j] = order == 101 && beta == 0 ? alpha * (float)sum : -1;
    }
}`;

describe('bench, products of a BLAS', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'adaptune-blas-'))));
  after(() => rmSync(folder, { recursive: true }));

  function library(name: string, type: string): string | null {
    const [source, built] = [join(folder, `${name}.c`), join(folder, `${name}.so`)];
    writeFileSync(source, name === '' ? 'int nothing;' : BLAS(name, type));
    return spawnSync('cc', ['-shared', '-fPIC', source, '-o', built]).status === 0 ? built : null;
  }

  for (const [name, type] of [
    ['cblas_sgemm', 'int'],
    ['scipy_cblas_sgemm64_', 'int64_t'],
  ] as const)
    it(`are those of ours, by ${name}`, async function () {
      const built = library(name, type);
      if (built === null) return this.skip();
      await using device = Device.open({ threads: 1 });
      for (const [kind, a, b] of [
        ['forward', random(5, 7), random(4, 7)],
        ['inputGrad', random(5, 7), random(7, 4)],
        ['weightGrad', random(7, 5), random(7, 4)],
      ] as const) {
        const theirs = await binding().runKernel(device.handle, 'blasGemm', { kind, a, b, library: built });
        const { c } = await binding().runKernel(device.handle, 'gemm', { kind, a, b });
        expect([theirs.rows, theirs.cols]).to.deep.equal([5, 4]);
        for (const [i, value] of theirs.data.entries()) expect(value, `${kind} ${i}`).to.be.closeTo(c.data[i]!, 1e-5);
      }
    });

  it('need a library that has one', async function () {
    await using device = Device.open({ threads: 1 });
    const product = { kind: 'forward', a: random(2, 2), b: random(2, 2) } as const;
    const run = (library: string) => failure(binding().runKernel(device.handle, 'blasGemm', { ...product, library }));
    const absent = await run(join(folder, 'absent.so'));
    expect(absent.code).to.equal('E_FILE');
    expect(absent.message).to.match(/expected a shared library but received .*absent\.so: /);
    expect((await run('')).code).to.equal('E_FILE');
    const built = library('', '');
    if (built === null) return this.skip();
    expect((await run(built)).message).to.match(/expected a library with cblas_sgemm for args\.library/);
  });
});
