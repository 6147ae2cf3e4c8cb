/** Shapes that do not fit are refused: the message names the array, what was expected and what came. */
import { expect } from 'chai';
import {
  adamw,
  type AdaptuneError,
  attention,
  attentionBackward,
  columnSum,
  Device,
  dispersion,
  gelu,
  geluBackward,
  gemm,
  layerNorm,
  layerNormBackward,
  type Matrix,
  maskColumns,
} from '../../lib/kernels/index.js';
import { failure } from '../helpers/failure.js';

const of = (rows: number, cols: number, length = rows * cols): Matrix => ({
  data: new Float32Array(length),
  rows,
  cols,
});
const floats = (length: number) => new Float32Array(length);

describe('kernels, errors', () => {
  let device: Device;
  before(() => (device = Device.open({ threads: 1 })));
  after(() => device.close());

  const refused = async (work: Promise<unknown>, message: RegExp, code = 'E_ARGUMENT') => {
    const error: AdaptuneError = await failure(work);
    expect(error.message).to.match(message);
    expect(error.code).to.equal(code);
  };

  it('of products', async () => {
    await refused(
      gemm(device, 'forward', of(2, 3, 5), of(4, 3)),
      /expected 2 x 3 floats for args\.a\.data but received 5/,
    );
    await refused(
      gemm(device, 'forward', of(2, 3), of(4, 5)),
      /expected 3 columns in args\.b, as args\.a has columns, but received 5/,
    );
    await refused(
      gemm(device, 'inputGrad', of(2, 3), of(4, 5)),
      /expected 3 rows in args\.b, as args\.a has columns, but received 4/,
    );
    await refused(
      gemm(device, 'weightGrad', of(2, 3), of(4, 5)),
      /expected 2 rows in args\.b, as args\.a has rows, but received 4/,
    );
    await refused(
      gemm(device, 'forward', of(2, 3), of(4, 3), { bias: floats(3) }),
      /expected 4 floats for args\.bias but received 3/,
    );
    await refused(
      gemm(device, 'forward', of(2, 3), of(4, 3), { residual: of(4, 2) }),
      /expected 2 x 4 for args\.residual but received 4 x 2/,
    );
    await refused(
      gemm(device, 'forward', of(2, 3), of(4, 3), { activationGrad: 'gelu' }),
      /expected an object for args\.gradPre but received undefined/,
    );
    await refused(
      gemm(device, 'forward', of(2, 3), of(4, 3), { activation: 'relu' as never }),
      /expected one of none, gelu, tanh for args\.activation but received 'relu'/,
    );
    await refused(
      gemm(device, 'forward', of(2, 3), of(4, 3), { aColumns: Int32Array.of(0) }),
      /undefined unless kind is weightGrad for args\.aColumns/,
    );
    await refused(
      gemm(device, 'weightGrad', of(2, 3), of(2, 4), { bColumns: Int32Array.of(1, 4) }),
      /ascending indices in \[0, 4\) for args\.bColumns but received 4 after 1/,
    );
    await refused(
      gemm(device, 'weightGrad', of(2, 3), of(2, 4), { aColumns: Int32Array.of() }),
      /expected at least one index for args\.aColumns/,
    );
    await refused(
      gemm(device, 'forward', of(0, 3), of(4, 3)),
      /expected an integer from 1 to 2147483647 for args\.a\.rows but received 0/,
    );
    await refused(columnSum(device, of(2, 3), Int32Array.of(3)), /\[0, 3\) for args\.columns but received 3/);
  });

  it('of what is larger than memory, before it is taken', () =>
    refused(gemm(device, 'weightGrad', of(1, 2 ** 21), of(1, 2 ** 21)), /2\^40 floats/, 'E_MEMORY'));

  it('of activations, norms and attention', async () => {
    await refused(gelu(device, of(2, 3, 7)), /expected 2 x 3 floats for x\.data but received 7/);
    await refused(gelu(device, of(2, 2 ** 31, 6)), /expected 2 x 2147483648 floats for x\.data but received 6/);
    await refused(geluBackward(device, of(2, 3), of(3, 2)), /expected 2 x 3 for args\.gradPre but received 3 x 2/);
    await refused(
      layerNorm(device, of(2, 3), floats(2), floats(3)),
      /expected 3 floats for args\.gamma but received 2/,
    );
    const saved = { sum: of(2, 3), mean: floats(2), rstd: floats(3) };
    await refused(
      layerNormBackward(device, of(2, 3), saved, floats(3)),
      /expected 2 floats for args\.rstd but received 3/,
    );
    const shape = { heads: 2, headWidth: 4 };
    await refused(
      attention(device, of(5, 20), Int32Array.of(0, 5), shape),
      /expected 24 columns, \(heads \+ 2 kvHeads\) headWidth, in args\.qkv but received 20/,
    );
    for (const offsets of [[], [0], [0, 4], [1, 5], [0, 3, 3, 5], [0, 6, 5]])
      await refused(
        attention(device, of(5, 24), Int32Array.from(offsets), shape),
        /expected args\.offsets to ascend from 0 to 5/,
      );
    await refused(
      attention(device, of(5, 24), Int32Array.of(0, 5), { ...shape, kvHeads: 3 }),
      /expected an integer from 1 to 2 for args\.kvHeads/,
    );
    await refused(
      attention(device, of(5, 24), Int32Array.of(0, 5), { ...shape, scale: 0 }),
      /for args\.scale but received 0/,
    );
    const [out, lse] = [of(5, 8), of(2, 4)];
    await refused(
      attentionBackward(device, of(5, 24), Int32Array.of(0, 5), shape, { out, lse }, of(5, 8)),
      /expected 2 x 5 for args\.lse but received 2 x 4/,
    );
  });

  it('of sensitivity and AdamW', async () => {
    await refused(
      dispersion(device, of(2, 6), { group: 4 }),
      /expected args\.group to divide the 6 columns of x but received 4/,
    );
    const merge = { count: 1, mean: new Float64Array(2), m2: new Float64Array(3) };
    await refused(
      dispersion(device, of(2, 3), { merge }),
      /expected 3 means and sums in merge, one a unit, but received 2 and 3/,
    );
    const state = (rows: number, cols: number) => ({ grad: of(rows, cols), m: of(rows, cols), v: of(rows, cols) });
    const options = { t: 1, lr: 0.1 };
    await refused(adamw(device, of(4, 5), state(4, 4), options), /expected 4 x 5 for args\.grad but received 4 x 4/);
    await refused(
      adamw(device, of(4, 5), state(1, 5), { ...options, rows: Int32Array.of(4) }),
      /\[0, 4\) for args\.rows but received 4/,
    );
    await refused(adamw(device, of(4, 5), state(4, 5), { ...options, t: 0 }), /for args\.t but received 0/);
    await refused(adamw(device, of(4, 5), state(4, 5), { ...options, beta2: 1 }), /for args\.beta2 but received 1/);
    expect([...maskColumns([0, 1, -1, 0])]).to.deep.equal([1, 2]);
  });

  it('of arrays that other threads share, and of a closed device', async () => {
    const shared = { data: new Float32Array(new SharedArrayBuffer(24)), rows: 2, cols: 3 };
    await refused(columnSum(device, shared), /expected memory that no other thread shares for args\.x\.data/);
    const closed = Device.open({ threads: 1 });
    closed.close();
    await refused(columnSum(closed, of(2, 3)), /expected an open device/, 'E_CLOSED');
  });
});
