/** Every kernel of adaptune/kernels against plain loops in double precision, on every instruction set. */
import { expect } from 'chai';
import {
  adamw,
  attention,
  attentionBackward,
  columnSum,
  Device,
  dispersion,
  gelu,
  geluBackward,
  gemm,
  gradientNorm,
  gradientNorms,
  layerNorm,
  layerNormBackward,
  maskColumns,
  type Matrix,
  unitIndices,
} from '../../lib/kernels/index.js';
import { ISAS, requireIsa } from '../helpers/engine.js';
import * as oracle from './oracle.js';
import { dot, each, expectNear, product, random, rowsOf, transposed, vector } from './oracle.js';

const pick = (x: oracle.Rows, columns: Int32Array) => x.map((row) => Array.from(columns, (column) => row[column]!));

function attentionOracle(qkv: oracle.Rows, offsets: Int32Array, heads: number, kvHeads: number, width: number) {
  const out = qkv.map(() => new Array<number>(heads * width).fill(0));
  const lse = Array.from({ length: heads }, () => new Array<number>(qkv.length).fill(0));
  for (let s = 0; s + 1 < offsets.length; s++)
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      const head = (t: number, first: number) => qkv[t]!.slice(first * width, (first + 1) * width);
      for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
        const scores: number[] = [];
        for (let j = offsets[s]!; j < offsets[s + 1]!; j++)
          scores.push(dot(head(i, h), head(j, heads + kv)) / Math.sqrt(width));
        lse[h]![i] = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
        for (const [j, score] of scores.entries())
          for (const [d, value] of head(offsets[s]! + j, heads + kvHeads + kv).entries())
            out[i]![h * width + d]! += Math.exp(score - lse[h]![i]!) * value;
      }
    }
  return { out, lse };
}

/** The derivative of sum(weights x f(x)) in each element of x, by central differences. */
function numericGradient(x: oracle.Rows, weights: oracle.Rows, f: (x: oracle.Rows) => oracle.Rows): oracle.Rows {
  const step = 1e-5;
  const total = (rows: oracle.Rows) => rows.reduce((sum, row, r) => sum + dot(row, weights[r]!), 0);
  return each(x, (value, r, c) => {
    const moved = (by: number) => total(f(each(x, (other, r2, c2) => (r2 === r && c2 === c ? value + by : other))));
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

for (const isa of ISAS)
  describe(`kernels, ${isa}`, function () {
    let device: Device;
    before(function () {
      requireIsa(this, isa);
      device = Device.open({ isa, threads: 2 });
    });
    after(() => device?.close());

    it('gemm multiplies in three ways', async () => {
      for (const [m, n, k] of [
        [1, 1, 1],
        [7, 5, 3],
        [50, 33, 401],
        [33, 100, 401],
      ] as const) {
        const [a, w] = [random(m, k), random(n, k)];
        const forward = await gemm(device, 'forward', a, w);
        expect(forward).to.have.all.keys('c');
        expectNear(forward.c.data, product(rowsOf(a), rowsOf(w)), k);
        const b = random(k, n);
        const { c } = await gemm(device, 'inputGrad', a, b);
        expect([c.rows, c.cols]).to.deep.equal([m, n]);
        expectNear(c.data, product(rowsOf(a), transposed(rowsOf(b))), k);
        const dy = random(k, m);
        const { c: dw } = await gemm(device, 'weightGrad', dy, b);
        expectNear(dw.data, product(transposed(rowsOf(dy)), transposed(rowsOf(b))), k);
      }
    });

    it('gemm multiplies listed columns', async () => {
      // Long sums, narrow and wide lists: computed straight and across.
      for (const k of [20, 500]) {
        const [a, b] = [random(k, 90), random(k, 120)];
        const lists = [null, Int32Array.of(0, 4, 88), Int32Array.from({ length: 44 }, (_, i) => 2 * i)];
        for (const aColumns of lists)
          for (const bColumns of lists) {
            const { c } = await gemm(device, 'weightGrad', a, b, {
              ...(aColumns && { aColumns }),
              ...(bColumns && { bColumns }),
            });
            const [left, right] = [
              aColumns ? pick(rowsOf(a), aColumns) : rowsOf(a),
              bColumns ? pick(rowsOf(b), bColumns) : rowsOf(b),
            ];
            expect([c.rows, c.cols]).to.deep.equal([left[0]!.length, right[0]!.length]);
            expectNear(c.data, product(transposed(left), transposed(right)), k);
          }
      }
    });

    it('gemm runs its epilogue in order', async () => {
      const [m, n, k] = [70, 40, 30];
      const [a, w, residual, gradPre, bias] = [
        random(m, k, 0.3),
        random(n, k, 0.3),
        random(m, n),
        random(m, n),
        vector(n),
      ];
      const { c, pre, moments } = await gemm(device, 'forward', a, w, {
        bias,
        residual,
        savePre: true,
        activation: 'gelu',
        activationGrad: 'tanh',
        gradPre,
        moments: 'abs',
      });
      const sums = product(rowsOf(a), rowsOf(w));
      const [r, g] = [rowsOf(residual), rowsOf(gradPre)];
      const before = each(sums, (v, i, j) => v + bias[j]! + r[i]![j]!);
      const after = each(before, (v, i, j) => oracle.gelu(v) * (1 - g[i]![j]! ** 2));
      expectNear(pre!.data, before, k);
      expectNear(c.data, after, k);
      const columns = transposed(after).map((column) => column.map(Math.abs));
      const means = columns.map((column) => column.reduce((x, y) => x + y, 0) / m);
      expect(moments!.count).to.equal(m);
      expectNear(moments!.mean, means, k);
      expectNear(
        moments!.m2,
        columns.map((column, j) => column.reduce((sum, x) => sum + (x - means[j]!) ** 2, 0)),
        k,
      );
    });

    it('columnSum adds columns, all or listed', async () => {
      const x = random(130, 11);
      const sums = transposed(rowsOf(x)).map((column) => column.reduce((a, b) => a + b, 0));
      expectNear(await columnSum(device, x), sums, 130);
      const columns = Int32Array.of(2, 3, 10);
      expectNear(
        await columnSum(device, x, columns),
        Array.from(columns, (c) => sums[c]!),
        130,
      );
    });

    it('gelu and its derivative', async () => {
      const [x, dy] = [random(9, 37, 2), random(9, 37)];
      expectNear((await gelu(device, x)).data, each(rowsOf(x), oracle.gelu), 4);
      const d = rowsOf(dy);
      expectNear(
        (await geluBackward(device, dy, x)).data,
        each(rowsOf(x), (v, r, c) => d[r]![c]! * oracle.geluGradient(v)),
        4,
      );
    });

    it('gelu and its derivative over the whole line', async () => {
      const values = [
        ...Array.from({ length: 4001 }, (_, i) => (i - 2000) / 200),
        ...[1e-6, 1e-30, 100, 1e4, 1e30, Infinity].flatMap((value) => [-value, value]),
      ].map(Math.fround);
      const row = (data: Float32Array) => ({ data, rows: 1, cols: values.length });
      const x = row(Float32Array.from(values));
      const [y, dx] = [
        await gelu(device, x),
        await geluBackward(device, row(new Float32Array(values.length).fill(1)), x),
      ];
      for (const [i, value] of values.entries()) {
        const size = Math.max(1, Math.abs(value));
        const [gelu, slope] =
          Math.abs(value) > 6
            ? [Math.max(0, value), Number(value > 0)]
            : [oracle.gelu(value), oracle.geluGradient(value)];
        if (Math.abs(value) === Infinity) continue; // 0 times it, as in PyTorch
        expect(y.data[i], `gelu(${value})`).to.satisfy((v: number) => v === gelu || Math.abs(v - gelu) <= 1e-6 * size);
        expect(dx.data[i], `its derivative at ${value}`).to.be.closeTo(slope, 6e-7);
      }
      const nothing = row(new Float32Array(values.length).fill(NaN));
      for (const { data } of [await gelu(device, nothing), await geluBackward(device, nothing, nothing)])
        expect(data.every(Number.isNaN)).to.equal(true);
    });

    it('layerNorm and its gradients', async () => {
      const [rows, width, eps] = [5, 24, 1e-5];
      const [x, residual, dy, gamma, beta] = [
        random(rows, width),
        random(rows, width),
        random(rows, width),
        vector(width),
        vector(width),
      ];
      const statistics = (row: number[]) => {
        const mean = row.reduce((a, b) => a + b, 0) / width;
        const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
        return { mean, rstd: 1 / Math.sqrt(variance + eps) };
      };
      const norm = (s: oracle.Rows) =>
        s.map((row) => {
          const { mean, rstd } = statistics(row);
          return row.map((v, c) => (v - mean) * rstd * gamma[c]! + beta[c]!);
        });
      const r = rowsOf(residual);
      const sum = each(rowsOf(x), (v, i, j) => v + r[i]![j]!);
      const forward = await layerNorm(device, x, gamma, beta, { residual, eps });
      expectNear(forward.sum.data, sum, 1);
      expectNear(forward.y.data, norm(sum), width);
      expectNear(
        forward.mean,
        sum.map((row) => statistics(row).mean),
        width,
      );
      expectNear(
        forward.rstd,
        sum.map((row) => statistics(row).rstd),
        width,
      );
      const backward = await layerNormBackward(device, dy, forward, gamma);
      expectNear(backward.dx.data, numericGradient(sum, rowsOf(dy), norm), width);
      const normed = sum.map((row) => row.map((v) => (v - statistics(row).mean) * statistics(row).rstd));
      expectNear(
        backward.dgamma,
        transposed(rowsOf(dy)).map((d, c) => dot(d, transposed(normed)[c]!)),
        width,
      );
      expectNear(
        backward.dbeta,
        transposed(rowsOf(dy)).map((d) => d.reduce((a, b) => a + b, 0)),
        width,
      );
      const plain = await layerNorm(device, x, gamma, beta, { eps });
      expectNear(plain.y.data, norm(rowsOf(x)), width);
      expect([...plain.sum.data]).to.deep.equal([...x.data]);
    });

    it('attention and its gradient, with shared key heads', async () => {
      const offsets = Int32Array.of(0, 1, 6, 9);
      for (const [heads, kvHeads, headWidth] of [
        [2, 2, 8],
        [4, 2, 3],
      ] as const) {
        const qkv = random(9, (heads + 2 * kvHeads) * headWidth);
        const shape = { heads, kvHeads, headWidth };
        const saved = await attention(device, qkv, offsets, shape);
        const run = (x: oracle.Rows) => attentionOracle(x, offsets, heads, kvHeads, headWidth);
        const expected = run(rowsOf(qkv));
        expectNear(saved.out.data, expected.out, 16);
        expectNear(saved.lse.data, expected.lse, 16);
        const dout = random(9, heads * headWidth);
        const dqkv = await attentionBackward(device, qkv, offsets, shape, saved, dout);
        expectNear(
          dqkv.data,
          numericGradient(rowsOf(qkv), rowsOf(dout), (x) => run(x).out),
          64,
        );
      }
    });

    it('dispersion of columns and of units, in one part or two', async () => {
      const [rows, cols] = [150, 12];
      const x = random(rows, cols);
      const index = (columns: oracle.Rows) =>
        columns.map((values) => {
          const mean = values.reduce((a, b) => a + b, 0) / rows;
          return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / rows / mean;
        });
      const columns = transposed(rowsOf(x));
      expectNear((await dispersion(device, x)).index, index(columns.map((column) => column.map(Math.abs))), 8);
      const signed = await dispersion(device, x, { form: 'signed' });
      expectNear(signed.index, index(columns), 8);
      const norms = transposed(
        rowsOf(x).map((row) => [0, 4, 8].map((first) => Math.hypot(...row.slice(first, first + 4)))),
      );
      const units = await dispersion(device, x, { group: 4 });
      expectNear(units.index, index(norms), 8);

      const part = (first: number, count: number): Matrix => {
        return { data: x.data.subarray(first * cols, (first + count) * cols), rows: count, cols };
      };
      const half = await dispersion(device, part(0, 60), { group: 4 });
      const both = await dispersion(device, part(60, 90), { group: 4, merge: half });
      expect(both.count).to.equal(rows);
      for (const [i, value] of both.index.entries()) expect(value).to.be.closeTo(units.index[i]!, 1e-12);
      const constant = await dispersion(device, { data: new Float32Array(6), rows: 3, cols: 2 });
      expect([...constant.index]).to.deep.equal([0, 0]);
    });

    it('gradient norms of all, rows and columns', async () => {
      const x = random(33, 17);
      expect(await gradientNorm(device, x)).to.be.closeTo(Math.hypot(...x.data), 1e-5);
      expectNear(
        await gradientNorms(device, x, 'rows'),
        rowsOf(x).map((row) => Math.hypot(...row)),
        4,
      );
      expectNear(
        await gradientNorms(device, x, 'columns'),
        transposed(rowsOf(x)).map((col) => Math.hypot(...col)),
        4,
      );
    });

    it('adamw changes the selected elements, and no other bit', async () => {
      const options = { t: 3, lr: 0.1, beta1: 0.8, beta2: 0.9, eps: 1e-6, weightDecay: 0.05, gradScale: 0.5 };
      const w = random(6, 10);
      const mask = Uint8Array.from({ length: 60 }, (_, i) => (i % 7 === 2 ? 1 : 0));
      const flat: Matrix = { ...w, rows: 1, cols: 60 };
      const cases: { w: Matrix; rows?: Int32Array; columns?: Int32Array; elements: number[] }[] = [
        { w, elements: [...w.data.keys()] },
        {
          w,
          rows: Int32Array.of(1, 5),
          elements: [10, 50].flatMap((r) => Array.from({ length: 10 }, (_, c) => r + c)),
        },
        { w, columns: Int32Array.of(0, 9), elements: [0, 1, 2, 3, 4, 5].flatMap((r) => [10 * r, 10 * r + 9]) },
        { w, rows: Int32Array.of(2), columns: Int32Array.of(3, 4), elements: [23, 24] },
        { w: flat, columns: maskColumns(mask), elements: [...mask.keys()].filter((i) => mask[i] === 1) },
      ];
      for (const { w, rows, columns, elements } of cases) {
        const [r, c] = [rows?.length ?? w.rows, columns?.length ?? w.cols];
        const [grad, m] = [random(r, c), random(r, c, 0.1)];
        const v = { ...random(r, c), data: random(r, c).data.map((x) => x * x) };
        const before = [w, grad, m, v].map(({ data }) => data.slice());
        const came = await adamw(
          device,
          w,
          { grad, m, v },
          { ...options, ...(rows && { rows }), ...(columns && { columns }) },
        );
        const expected = Array.from(w.data);
        const [newM, newV]: [number[], number[]] = [[], []];
        for (const [i, element] of elements.entries()) {
          const g = 0.5 * grad.data[i]!;
          newM.push(0.8 * m.data[i]! + 0.2 * g);
          newV.push(0.9 * v.data[i]! + 0.1 * g * g);
          const update = newM[i]! / (1 - 0.8 ** 3) / (Math.sqrt(newV[i]! / (1 - 0.9 ** 3)) + 1e-6);
          expected[element] = w.data[element]! * (1 - 0.1 * 0.05) - 0.1 * update;
        }
        expectNear(came.w.data, expected, 4);
        expectNear(came.m.data, newM, 4);
        expectNear(came.v.data, newV, 4);
        const touched = new Set(elements);
        for (const [i, value] of came.w.data.entries()) if (!touched.has(i)) expect(value).to.equal(w.data[i]);
        expect([w, grad, m, v].map(({ data }) => data)).to.deep.equal(before);
      }
    });

    it('gives the same bits for any number of threads', async () => {
      const [a, w] = [random(130, 500), random(90, 500)];
      const run = async (threads: number) => {
        const other = Device.open({ isa, threads });
        const { c, moments } = await gemm(other, 'forward', a, w, { activation: 'gelu', moments: 'abs' });
        const { out } = await attention(other, c, Int32Array.of(0, 70, 130), { heads: 3, headWidth: 10 });
        other.close();
        return [c.data, moments!.m2, out.data];
      };
      const [one, three] = await Promise.all([run(1), run(3)]);
      expect(three).to.deep.equal(one);
    });
  });

describe('kernels, units', () => {
  it('are rows of query, key and value and columns of the output, or rows and columns of neurons', () => {
    const shape = { heads: 4, kvHeads: 2, headWidth: 3, feedForward: 8 };
    const { query, key, qkv, neurons } = unitIndices(shape, { groups: [1], neurons: [0, 7] });
    expect([...query]).to.deep.equal([6, 7, 8, 9, 10, 11]);
    expect([...key]).to.deep.equal([3, 4, 5]);
    expect([...qkv]).to.deep.equal([6, 7, 8, 9, 10, 11, 15, 16, 17, 21, 22, 23]);
    expect([...neurons]).to.deep.equal([0, 7]);
    for (const [units, message] of [
      [{ groups: [0, 0], neurons: [] }, /expected groups ascending in \[0, 2\) but received 0 at 1/],
      [{ groups: [], neurons: [8] }, /expected neurons ascending in \[0, 8\) but received 8 at 0/],
      [{ groups: [0.5], neurons: [] }, /received 0\.5 at 0/],
      [{ groups: [], neurons: [-1] }, /received -1 at 0/],
    ] as const)
      expect(() => unitIndices(shape, units)).to.throw(message);
    expect(() => unitIndices({ ...shape, kvHeads: 3 }, { groups: [], neurons: [] })).to.throw(/multiple of kvHeads/);
    expect(() => unitIndices({ ...shape, headWidth: 0 }, { groups: [], neurons: [] })).to.throw(/for headWidth/);
  });
});
