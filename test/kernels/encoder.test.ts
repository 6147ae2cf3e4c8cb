/** The encoder kernel: forward in all its outputs, and backward against differences of forward. */
import { expect } from 'chai';
import { Device, EncoderKernel } from '../../lib/kernels/index.js';
import { ISAS, requireIsa } from '../helpers/engine.js';
import { failure } from '../helpers/failure.js';
import { CONFIG } from '../process/tiny.js';
import { random } from './oracle.js';

const BATCH = { ids: Int32Array.of(1, 2, 3, 4, 5, 2, 7), offsets: Int32Array.of(0, 3, 7) };
const TOKENS = BATCH.ids.length;

function weightsOf(encoder: EncoderKernel): [string, Float32Array][] {
  return encoder.parameters().map(({ name, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, (_, i) => 0.3 * Math.sin(1.7 * i + name.length));
    return [name, name.endsWith('LayerNorm.weight') ? values.map((x) => 1 + x) : values];
  });
}

const relative = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.hypot(...Array.from(a, (x, i) => x - b[i]!)) / Math.hypot(...Array.from(b));

describe('kernels, encoder', () => {
  let reference: Map<string, Float32Array>;
  const dhidden = random(TOKENS, CONFIG.hidden).data;

  it('backward is the slope of forward', async () => {
    await using device = Device.open({ isa: 'ref', threads: 1 });
    await using encoder = EncoderKernel.create(device, CONFIG);
    const weights = weightsOf(encoder);
    await encoder.set(weights);
    reference = await encoder.backward(BATCH, dhidden);
    const head = /^(pooler|classifier)/;
    expect([...reference.keys()].sort()).to.deep.equal(
      weights
        .map(([name]) => name)
        .filter((name) => !head.test(name))
        .sort(),
    );
    const value = async () => {
      const hidden = await encoder.forward(BATCH, 'hidden');
      return hidden.reduce((sum, x, i) => sum + x * dhidden[i]!, 0);
    };
    for (const [name, values] of weights.filter(([name]) => !head.test(name))) {
      const gradient = reference.get(name)!;
      expect(gradient.length, name).to.equal(values.length);
      // Along the gradient itself, by steps that single precision of the activations leaves digits for.
      const norm = Math.hypot(...gradient);
      // The softmax does not see what is the same for all keys: only rounding is left.
      if (name.endsWith('key.bias')) expect(norm).to.be.below(1e-4);
      else {
        const along = async (step: number) => {
          await encoder.set([[name, values.map((x, i) => x + (step * gradient[i]!) / norm)]]);
          return value();
        };
        const step = 3e-3;
        const slope = ((await along(step)) - (await along(-step))) / (2 * step);
        await encoder.set([[name, values]]);
        expect(slope / norm, name).to.be.closeTo(1, 5e-3);
      }
    }
  });

  for (const isa of ISAS.filter((isa) => isa !== 'ref'))
    describe(isa, () => {
      before(function () {
        requireIsa(this, isa);
      });

      it('gives the gradients of ref, and every output of the same states', async () => {
        await using device = Device.open({ isa, threads: 2 });
        await using encoder = EncoderKernel.create(device, CONFIG);
        await encoder.set(weightsOf(encoder));
        for (const [name, gradient] of await encoder.backward(BATCH, dhidden))
          if (!name.endsWith('key.bias')) expect(relative(gradient, reference.get(name)!), name).to.be.below(1e-4);
        const hidden = await encoder.forward(BATCH, 'hidden');
        expect(hidden.length).to.equal(TOKENS * CONFIG.hidden);
        const cls = await encoder.forward(BATCH, 'cls');
        for (const [b, first] of [0, 3].entries())
          expect(cls.slice(b * CONFIG.hidden, (b + 1) * CONFIG.hidden)).to.deep.equal(
            hidden.slice(first * CONFIG.hidden, (first + 1) * CONFIG.hidden),
          );
        expect((await encoder.forward(BATCH, 'pooled')).length).to.equal(2 * CONFIG.hidden);
        expect((await encoder.forward(BATCH, 'logits')).length).to.equal(2 * CONFIG.classes);
      });
    });

  it('refuses shapes, names and values that do not fit', async () => {
    await using device = Device.open({ threads: 1 });
    expect(() => EncoderKernel.create(device, { ...CONFIG, heads: 0 })).to.throw(/expected heads in/);
    await using encoder = EncoderKernel.create(device, CONFIG);
    const set = (name: string, values: Float32Array) => failure(encoder.set([[name, values]]));
    expect((await set('pooler.dense.bias', new Float32Array(3))).message).to.equal(
      'expected 32 floats for pooler.dense.bias but received 3',
    );
    expect((await set('nothing', new Float32Array(3))).message).to.match(/expected the name of a parameter for name/);
    expect((await set('pooler.dense.bias', new Float32Array(32).fill(NaN))).code).to.equal('E_MODEL_VALUE');
    expect((await failure(encoder.backward(BATCH, new Float32Array(8)))).message).to.equal(
      'expected 7 x 32 floats for dhidden but received 8',
    );
    const long = { ids: Int32Array.of(1, 50), offsets: Int32Array.of(0, 2) };
    expect((await failure(encoder.forward(long, 'hidden'))).message).to.match(/token ids in \[0, 50\) but received 50/);
    const abort = AbortSignal.abort(new Error('enough'));
    expect((await failure(encoder.backward(BATCH, dhidden, abort))).code).to.equal('E_ABORTED');
  });
});
