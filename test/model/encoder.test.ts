import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { Encoder } from '../../lib/model/encoder.js';
import type { LoadOptions } from '../../lib/model/encoder.js';
import { binding } from '../../lib/native/binding.js';
import { Device } from '../../lib/native/device.js';
import { setFaultPlan } from '../../lib/util/files.js';
import { floats, rawSafetensors, tinyShapes, tinyTensors, valuesOf, writeModel } from '../helpers/model-folder.js';
import type { RawTensor } from '../helpers/model-folder.js';

const WORDS = 'embeddings.word_embeddings.weight';
const HEAD = ['bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias'];
const BATCH = { ids: Int32Array.of(1, 4, 2, 1, 9, 10, 3, 2), offsets: Int32Array.of(0, 3, 8) };

/** The float32 whose upper half is the bfloat16, and the bfloat16's bytes. */
function bfloat16(values: Float32Array): { bytes: Uint8Array; values: Float32Array } {
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
  return {
    bytes: new Uint8Array(halves.buffer),
    values: new Float32Array(Uint32Array.from(halves, (h) => h << 16).buffer),
  };
}

/** Multiples of 1/8 in [-2, 2) as float16: sign, exponent and fraction by hand. */
function float16(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

describe('encoder', () => {
  let dir: string;
  let device: Device;
  before(() => {
    device = Device.open({ threads: 1 });
  });
  after(() => device.close());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-encoder-'));
  });
  afterEach(() => {
    setFaultPlan(null);
    rmSync(dir, { recursive: true });
  });

  /** Loads, hands over, closes. */
  async function loaded<T>(work: (encoder: Encoder) => T | Promise<T>, options: LoadOptions = {}): Promise<T> {
    await using encoder = await Encoder.load(device, dir, options);
    return await work(encoder);
  }
  async function failure(options: LoadOptions = {}): Promise<AdaptuneError> {
    const error: unknown = await loaded(() => null, options).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(AdaptuneError);
    return error as AdaptuneError;
  }
  const valuesByName = async (encoder: Encoder) => {
    const values = new Map<string, Float32Array>();
    for (const { name } of encoder.parameters()) values.set(name, await encoder.get(name));
    return values;
  };
  const expected = () =>
    new Map(
      [...tinyShapes()].map(([name, shape]) => [
        name.replace(/^bert\./, ''),
        valuesOf(
          name,
          shape.reduce((a, b) => a * b, 1),
        ),
      ]),
    );
  const without = (...names: string[]) => new Map([...tinyTensors()].filter(([name]) => !names.includes(name)));
  const changed = (name: string, tensor: RawTensor) => tinyTensors().set(name, tensor);

  it('holds every tensor of the folder', async () => {
    writeModel(dir);
    await loaded(async (encoder) => {
      expect(await valuesByName(encoder)).to.deep.equal(expected());
      expect(encoder.notes).to.deep.equal([]);
      expect(encoder.labels).to.deep.equal(['no', 'yes', 'maybe']);
      const logits = await encoder.forward(BATCH, 'logits');
      expect(logits).to.have.length(6);
      expect(logits.every(Number.isFinite)).to.equal(true);
      expect((await encoder.forward(BATCH, 'cls')).length).to.equal(16);
    });
  });

  it('takes another dropout rate than the folder’s, and saves it', async () => {
    writeModel(dir);
    const rates = { hiddenDropout: 0.25, attentionDropout: 0.25, classifierDropout: 0.25 };
    await loaded((encoder) => encoder.save(dir, { labels: ['no', 'yes', 'maybe'] }), { dropout: 0.25 });
    await loaded(({ config }) => expect(config).to.include(rates));
  });

  it('knows bare names, gamma and beta, saved buffers and heads of other tasks', async () => {
    const renamed = new Map<string, RawTensor>([
      // One byte first, so that all that follows is unaligned.
      ['mask', { dtype: 'BOOL', shape: [1], bytes: new Uint8Array(1) }],
      ['embeddings.position_ids', { dtype: 'I64', shape: [1, 6], bytes: new Uint8Array(48) }],
    ]);
    for (const [name, tensor] of tinyTensors()) {
      renamed.set(
        name
          .replace(/^bert\./, '')
          .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
          .replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
        tensor,
      );
    }
    renamed.set('cls.predictions.bias', floats('x', [11])).set('qa_outputs.weight', floats('x', [2, 8]));
    writeModel(dir, renamed);
    await loaded(async (encoder) => {
      expect(await valuesByName(encoder)).to.deep.equal(expected());
      expect(encoder.notes).to.deep.equal([
        'ignored tensors: mask, embeddings.position_ids, cls.predictions.bias, qa_outputs.weight',
      ]);
    });
    renamed.set('bert.encoder.layer.0.output.dense.bias', floats('x', [8]));
    writeModel(dir, renamed);
    const error = await failure();
    expect(error.code).to.equal('E_MODEL_FORMAT');
    expect(error.message).to.contain(
      'came encoder.layer.0.output.dense.bias and bert.encoder.layer.0.output.dense.bias',
    );
  });

  it('converts float16 and bfloat16 exactly', async () => {
    const tensors = tinyTensors();
    const word = bfloat16(valuesOf('bfloat16', 88));
    tensors.set(`bert.${WORDS}`, { dtype: 'BF16', shape: [11, 8], bytes: word.bytes });
    const eighths = Float32Array.from({ length: 24 }, (_, i) => (i - 12) / 8);
    const bytes = new Uint8Array(Uint16Array.from(eighths, float16).buffer);
    tensors.set('classifier.weight', { dtype: 'F16', shape: [3, 8], bytes });
    writeModel(dir, tensors);
    await loaded(async (encoder) => {
      expect(await encoder.get(WORDS)).to.deep.equal(word.values);
      expect(await encoder.get('classifier.weight')).to.deep.equal(eighths);
    });
    writeModel(dir, changed('classifier.bias', { dtype: 'I32', shape: [3], bytes: new Uint8Array(12) }));
    expect((await failure()).message).to.contain('classifier.bias: expected F32, F16, BF16, came I32');
  });

  it('refuses NaN and infinity in any tensor', async () => {
    for (const [name, { shape }] of tinyTensors()) {
      for (const value of [NaN, Infinity]) {
        const tensor = floats(name, shape);
        new DataView(tensor.bytes.buffer).setFloat32(tensor.bytes.length - 4, value, true);
        writeModel(dir, changed(name, tensor));
        const error = await failure();
        expect(error.code, name).to.equal('E_MODEL_VALUE');
        expect(error.message).to.contain(name.replace(/^bert\./, ''));
      }
    }
  });

  it('refuses every tensor whose shape is not config.json’s, before native code sees it', async () => {
    for (const [name, shape] of tinyShapes()) {
      const wrong = shape.flatMap((_, i) => [shape.with(i, shape[i]! + 1), shape.with(i, shape[i]! - 1)]);
      for (const other of [...wrong, [...shape, 1], [shape.reduce((a, b) => a * b, 1), 1, 1], []]) {
        writeModel(dir, changed(name, floats(name, other)));
        const error = await failure();
        expect(error.code, `${name} ${other.join()}`).to.equal('E_MODEL_SHAPE');
        expect(error.message).to.contain(
          `${name}: expected shape [${shape.join()}] by config.json, came [${other.join()}]`,
        );
      }
    }
  });

  for (const [key, value] of [
    ['vocab_size', 12],
    ['vocab_size', 10],
    ['max_position_embeddings', 5],
    ['type_vocab_size', 1],
    ['intermediate_size', 17],
    ['hidden_size', 10],
    ['num_hidden_layers', 1],
    ['vocab_size', 2 ** 24],
    ['num_hidden_layers', 1024],
  ] as const) {
    it(`refuses the folder when ${key} is ${value}`, async () => {
      writeModel(dir, tinyTensors(), {
        [key]: value,
        ...(key === 'num_hidden_layers' && value > 2 ? { intermediate_size: 2 ** 12 } : {}),
      });
      const before = binding().memory().live;
      expect((await failure()).code).to.equal('E_MODEL_SHAPE');
      expect(binding().memory().live).to.equal(before);
    });
  }

  it('names all missing tensors at once', async () => {
    writeModel(
      dir,
      without('bert.embeddings.LayerNorm.bias', 'bert.encoder.layer.1.attention.self.key.weight', ...HEAD),
    );
    const error = await failure();
    expect(error.code).to.equal('E_MODEL_INCOMPLETE');
    for (const name of ['embeddings.LayerNorm.bias', 'encoder.layer.1.attention.self.key.weight', ...HEAD]) {
      expect(error.message).to.contain(name.replace(/^bert\./, ''));
    }
    expect((await failure({ classes: 3 })).message)
      .to.contain('2 are missing: ')
      .and.not.contain('pooler');
    writeModel(dir, new Map([...tinyTensors()].map(([name, tensor]) => [`model.${name}`, tensor])));
    expect((await failure()).message)
      .to.contain('41 are missing')
      .and.contain('"model.bert.embeddings');
    writeModel(dir, tinyTensors(), { num_hidden_layers: 3 });
    expect((await failure()).message).to.contain('16 are missing: encoder.layer.2.attention.self.query.weight, ');
  });

  describe('head', () => {
    const head = (encoder: Encoder) => Promise.all(HEAD.map((name) => encoder.get(name.replace(/^bert\./, ''))));

    it('is made when it is missing, the same for the same seed', async () => {
      writeModel(dir, without(...HEAD), { hidden_size: 8, initializer_range: 0.5 });
      const options = { classes: 300, seed: 5 };
      const made = await loaded(async (encoder) => {
        expect(encoder.notes).to.deep.equal([
          'the folder has no pooler: one was made at random',
          'the folder has no classifier: one of 300 classes was made at random',
        ]);
        expect(encoder.labels).to.equal(null);
        return head(encoder);
      }, options);
      const [pooler, poolerBias, classifier, classifierBias] = made as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      expect([...poolerBias, ...classifierBias].every((x) => x === 0)).to.equal(true);
      expect(classifier).to.have.length(2400);
      const sd = Math.sqrt(classifier.reduce((sum, x) => sum + x * x, 0) / 2400);
      expect(Math.abs(sd / 0.5 - 1)).to.be.below(4 / Math.sqrt(2 * 2400));
      expect(pooler.slice(0, 8)).to.not.deep.equal(classifier.slice(0, 8));
      expect(await loaded(head, options)).to.deep.equal(made);
      expect((await loaded(head, { classes: 300, seed: 6 }))[2]).to.not.deep.equal(classifier);
      // The pooler does not depend on the number of classes.
      expect((await loaded(head, { classes: 2, seed: 5 }))[0]).to.deep.equal(pooler);
    });

    it('is kept when its classes fit, made anew when they do not', async () => {
      writeModel(dir);
      await loaded(
        async (encoder) => {
          expect(await valuesByName(encoder)).to.deep.equal(expected());
          expect(encoder.notes).to.deep.equal(["training starts from the folder's classifier of 3 classes"]);
        },
        { classes: 3 },
      );
      await loaded(
        async (encoder) => {
          expect(encoder.config.classes).to.equal(4);
          expect(encoder.notes).to.deep.equal(["the folder's classifier has 3 classes: one of 4 was made at random"]);
          expect((await encoder.get('classifier.weight')).length).to.equal(32);
          expect(await encoder.get('pooler.dense.weight')).to.deep.equal(expected().get('pooler.dense.weight'));
        },
        { classes: 4 },
      );
    });

    it('of another task is not taken for a classifier of texts', async () => {
      writeModel(dir, tinyTensors(), { architectures: ['BertForTokenClassification'] });
      await loaded(
        (encoder) => {
          expect(encoder.notes[0]).to.contain('belongs to BertForTokenClassification');
          expect(encoder.labels).to.equal(null);
        },
        { classes: 3 },
      );
      const error = await failure();
      expect(error.code).to.equal('E_MODEL_CONFIG');
      expect(error.message).to.contain('expected "BertForSequenceClassification", came "BertForTokenClassification"');
    });
  });

  describe('new rows', () => {
    const pieces = [Int32Array.of(3, 4), Int32Array.of(5, 6, 5), Int32Array.of(10)];
    const table = () => expected().get(WORDS)!;
    const rowsOf = (encoder: Encoder, first = 11) => encoder.get(WORDS).then((values) => values.slice(first * 8));

    it('start as the mean of their pieces’ rows', async () => {
      writeModel(dir);
      await loaded(
        async (encoder) => {
          expect(encoder.config.vocabulary).to.equal(14);
          expect((await encoder.get(WORDS)).slice(0, 88)).to.deep.equal(table());
          const row = (id: number) => Array.from(table().slice(id * 8, id * 8 + 8));
          const mean = pieces.flatMap((ids) =>
            row(0).map((_, i) => [...ids].reduce((sum, id) => sum + row(id)[i]!, 0) / ids.length),
          );
          expect(await rowsOf(encoder)).to.deep.equal(Float32Array.from(mean));
          await encoder.forward({ ids: Int32Array.of(13, 12, 11), offsets: Int32Array.of(0, 3) }, 'logits');
        },
        { grow: { pieces, init: 'mean' } },
      );
    });

    it('start at random, with the table’s own deviation', async () => {
      writeModel(dir);
      const many = Array.from({ length: 500 }, () => Int32Array.of(1, 2));
      const random = await loaded((encoder) => rowsOf(encoder), { grow: { pieces: many, init: 'random' }, seed: 1 });
      const average = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
      const deviation = (values: Float32Array) => {
        const mean = average(values);
        return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
      };
      expect(Math.abs(deviation(random) / deviation(table()) - 1)).to.be.below(4 / Math.sqrt(2 * 4000));
      const mean = await loaded((encoder) => rowsOf(encoder), { grow: { pieces: many, init: 'mean' }, seed: 1 });
      const noisy = await loaded((encoder) => rowsOf(encoder), { grow: { pieces: many, init: 'noisy-mean' }, seed: 1 });
      const noise = noisy.map((x, i) => x - mean[i]!);
      expect(Math.abs(deviation(noise) / (0.1 * deviation(table())) - 1)).to.be.below(4 / Math.sqrt(2 * 4000));
      expect(noisy.slice(0, 8)).to.not.deep.equal(noisy.slice(8, 16));
      expect(
        await loaded((encoder) => rowsOf(encoder), { grow: { pieces: many, init: 'random' }, seed: 1 }),
      ).to.deep.equal(random);
      expect(
        await loaded((encoder) => rowsOf(encoder), { grow: { pieces: many, init: 'random' }, seed: 2 }),
      ).to.not.deep.equal(random);
    });

    it('take the place of padded rows behind the vocabulary', async () => {
      writeModel(dir);
      const grow = { pieces: pieces.slice(0, 2), init: 'mean', first: 8 } as const;
      await loaded(
        async (encoder) => {
          expect(encoder.config.vocabulary).to.equal(11);
          const values = await encoder.get(WORDS);
          expect(values.slice(0, 64)).to.deep.equal(table().slice(0, 64));
          expect(values.slice(80)).to.deep.equal(table().slice(80));
          expect(values.slice(64, 72)).to.deep.equal(
            Float32Array.from({ length: 8 }, (_, i) => (table()[24 + i]! + table()[32 + i]!) / 2),
          );
        },
        { grow },
      );
      expect((await failure({ grow: { pieces, init: 'mean', first: 12 } })).code).to.equal('E_TOKENIZER');
      expect((await failure({ grow: { pieces: [Int32Array.of(11)], init: 'mean' } })).message).to.contain(
        'ids from 0 to 10, came 11',
      );
      expect((await failure({ grow: { pieces: [new Int32Array(0)], init: 'mean' } })).message).to.contain('came none');
    });
  });

  it('is made at random as BERT starts', async () => {
    writeModel(dir);
    const config = await loaded((encoder) => encoder.config);
    await using one = await Encoder.random(device, config, { seed: 1, initializerRange: 0.3 });
    await using two = await Encoder.random(device, config, { seed: 1, initializerRange: 0.3 });
    const values = await valuesByName(one);
    expect(await valuesByName(two)).to.deep.equal(values);
    for (const [name, tensor] of values) {
      if (name.endsWith('LayerNorm.weight'))
        expect(
          tensor.every((x) => x === 1),
          name,
        ).to.equal(true);
      else if (name.endsWith('.bias'))
        expect(
          tensor.every((x) => x === 0),
          name,
        ).to.equal(true);
      else expect(new Set(tensor).size, name).to.equal(tensor.length);
    }
  });

  it('saves what it loads, with the same bytes every time', async () => {
    writeModel(dir);
    const labels = ['__proto__', '10', '9'];
    const [a, b] = [join(dir, 'a'), join(dir, 'b')];
    const logits = await loaded(async (encoder) => {
      await encoder.save(a, { labels, extraConfig: { pad_token_id: 0 } });
      return encoder.forward(BATCH, 'logits');
    });
    await using again = await Encoder.load(device, a);
    expect(again.notes).to.deep.equal([]);
    expect(again.labels).to.deep.equal(labels);
    expect(await valuesByName(again)).to.deep.equal(expected());
    expect(await again.forward(BATCH, 'logits')).to.deep.equal(logits);
    await again.save(b, { labels, extraConfig: { pad_token_id: 0 } });
    for (const name of ['config.json', 'model.safetensors']) {
      expect(readFileSync(join(b, name)).equals(readFileSync(join(a, name))), name).to.equal(true);
    }
    const bytes = readFileSync(join(a, 'model.safetensors'));
    const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString();
    expect(header.length % 8).to.equal(0);
    const names = Object.keys(JSON.parse(header) as object).filter((name) => name !== '__metadata__');
    expect(names).to.deep.equal([...tinyShapes().keys()].sort());
  });

  it('gives its memory back when a read fails at any place', async () => {
    writeModel(dir);
    const before = binding().memory().live;
    let k = 1;
    for (; ; k++) {
      setFaultPlan({ operation: 'read', k, error: 'EIO' });
      const error: unknown = await loaded(() => null).then(
        () => null,
        (caught: unknown) => caught,
      );
      if (error === null) break;
      expect((error as AdaptuneError).code).to.equal('E_FILE');
      expect(binding().memory().live).to.equal(before);
    }
    // config.json, two reads of the header, one of each tensor.
    expect(k - 1).to.equal(3 + 41);
    setFaultPlan({ operation: 'read', k: 1, repeat: 'always', error: 'short' });
    await loaded(async (encoder) => expect(await valuesByName(encoder)).to.deep.equal(expected()));
  });

  it('refuses a file that is cut anywhere', async () => {
    writeModel(dir);
    const whole = rawSafetensors(tinyTensors());
    for (let i = 0; i < 50; i++) {
      writeFileSync(join(dir, 'model.safetensors'), whole.subarray(0, Math.floor((whole.length * i) / 50)));
      expect((await failure()).code).to.equal('E_MODEL_FORMAT');
    }
  });
});
