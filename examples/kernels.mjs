/**
 * The kernels on arrays of one's own: a layer of 64 neurons, of which the eight most sensitive are trained (index of dispersion
 * of what they put out, times the norm of their gradient) and the rest keeps its bits.
 *
 *   node examples/kernels.mjs
 */
import { adamw, Device, dispersion, gemm, gradientNorms } from 'adaptune/kernels';

const [ROWS, INPUTS, NEURONS, TRAINED, STEPS] = [256, 16, 64, 8, 200];
const matrix = (rows, cols, at) => ({ data: Float32Array.from({ length: rows * cols }, (_, i) => at(i)), rows, cols });
// Some numbers between -1 and 1, the same in every run.
const wave = (factor) => (i) => Math.sin(factor * (i + 1) * (i + 3));

const x = matrix(ROWS, INPUTS, wave(0.7));
const target = matrix(ROWS, 1, (row) => Math.max(0, x.data[row * INPUTS] + x.data[row * INPUTS + 1]));
let up = matrix(NEURONS, INPUTS, (i) => wave(1.3)(i) / 4); // [out, in]
const down = matrix(1, NEURONS, (i) => wave(2.1)(i) / 4);

const device = Device.open({ threads: 1 });

/** Loss, what the neurons put out, and their gradient dy [ROWS, NEURONS] in front of the activation. */
async function pass() {
  const { c: active, pre } = await gemm(device, 'forward', x, up, { activation: 'gelu', savePre: true });
  const { c: out } = await gemm(device, 'forward', active, down);
  const error = { ...out, data: out.data.map((value, row) => value - target.data[row]) };
  const scaled = { ...error, data: error.data.map((value) => (2 / ROWS) * value) };
  const { c: dy } = await gemm(device, 'inputGrad', scaled, down, { activationGrad: 'gelu', gradPre: pre });
  return { loss: error.data.reduce((sum, value) => sum + value * value, 0) / ROWS, active, dy };
}

const first = await pass();
const { index } = await dispersion(device, first.active);
const { c: gradient } = await gemm(device, 'weightGrad', first.dy, x);
const norms = await gradientNorms(device, gradient, 'rows');
const score = (neuron) => index[neuron] * norms[neuron];
const order = [...index.keys()].sort((a, b) => score(b) - score(a));
const rows = Int32Array.from(order.slice(0, TRAINED)).sort();

const before = up.data.slice();
let { m, v } = { m: matrix(TRAINED, INPUTS, () => 0), v: matrix(TRAINED, INPUTS, () => 0) };
for (let t = 1; t <= STEPS; t++) {
  const { dy } = await pass();
  // The gradient of the selected rows alone: a product of that size, not a mask over the whole one.
  const { c: grad } = await gemm(device, 'weightGrad', dy, x, { aColumns: rows });
  ({ w: up, m, v } = await adamw(device, up, { grad, m, v }, { rows, t, lr: 0.02, weightDecay: 0 }));
}
const { loss } = await pass();
const moved = order.filter((neuron) =>
  up.data.subarray(neuron * INPUTS, (neuron + 1) * INPUTS).some((value, i) => value !== before[neuron * INPUTS + i]),
);
console.log(`neurons ${rows.join(' ')} trained, ${moved.length} of ${NEURONS} changed`);
console.log(`loss ${first.loss.toFixed(4)} -> ${loss.toFixed(4)}`);
device.close();
