/** Hostile values for every argument, and every field of it, of every function of the addon (RELIABILITY 4, 43). */
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { binding, type Binding, type NativePlan } from '../../lib/native/binding.js';
import type { KernelArguments, KernelName } from '../../lib/native/kernels.js';
import { BATCH, CONFIG, LABELS, PLAN, STEP, open, type Tiny } from './tiny.js';

const thrown = new Error('from a getter');
const throws = () => {
  throw thrown;
};
const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;

function detached<T extends Int32Array | Float32Array | Uint8Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

const CONSTANTS: unknown[] = [
  undefined,
  null,
  true,
  false,
  '',
  '/nowhere/x',
  '__proto__/x',
  '\0',
  '\ud800/x',
  'é'.repeat(70_000),
  -1,
  -0,
  0,
  1,
  1.5,
  1e-320,
  127,
  2 ** 31,
  2 ** 31 - 1,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e308,
  NaN,
  Infinity,
  -Infinity,
  0n,
  2n ** 70n,
  Symbol('s'),
  throws,
  Map,
  /x/,
  new Date(NaN),
  cyclic,
  Object.create(null),
  Object.freeze({}),
  new Map(),
  new WeakMap(),
  Promise.resolve(),
];
/** Made anew for every call: some are changed by it. */
const HOSTILE: (() => unknown)[] = [
  ...CONSTANTS.map((value) => () => value),
  () => [],
  () => [[]],
  () => [1, 2, 3],
  () => Array(10),
  () => Array.from({ length: 3 }, () => cyclic),
  () => new Int32Array(),
  () => Int32Array.of(0),
  () => Int32Array.of(0, 3, 7),
  () => Int32Array.of(7, 3, 0),
  () => Int32Array.of(0, -5, 7),
  () => Int32Array.of(0, 2 ** 31 - 1),
  () => Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
  () => new Int32Array(7).fill(CONFIG.vocabulary),
  () => new Int32Array(7).fill(-1),
  () => new Float32Array(7).fill(NaN),
  () => new Float32Array(2).fill(-1),
  () => new Float32Array(CONFIG.hidden * 2).fill(Infinity),
  () => new Float64Array(7),
  () => new Uint8Array(3),
  () => new Uint8ClampedArray(4),
  () => new BigInt64Array(7),
  () => Buffer.from('abc'),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(28),
  () => new SharedArrayBuffer(28),
  () => new Int32Array(new SharedArrayBuffer(28)),
  () => new Float32Array(new SharedArrayBuffer(8)),
  () => detached(Int32Array.of(0, 3, 7)),
  () => detached(new Float32Array(7)),
  () => detached(new Uint8Array(64)),
  () => shrunk(),
  () => new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws }),
  () => new Proxy(Int32Array.of(0, 3, 7), {}),
  () => Object.defineProperty({ length: 3 }, 'ids', { get: throws }),
  () => Object.create(Int32Array.prototype) as unknown,
  () => ({ ids: Int32Array.of(1), offsets: Int32Array.of(0, 1), typeIds: Int32Array.of(2) }),
  () => ({ units: NaN, head: 1e39, rows: -1 }),
];

/** A view whose resizable buffer ends before it does. */
function shrunk(): Int32Array {
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: object,
  ) => ArrayBuffer & { resize(bytes: number): void };
  const buffer = new Resizable(64, { maxByteLength: 64 });
  const view = new Int32Array(buffer, 8, 7);
  buffer.resize(4);
  return view;
}

/** Handles of another device, and closed ones; `close` and `cancel` may have them. */
async function otherHandles(): Promise<unknown[]> {
  const addon = binding();
  const make = async () => {
    const { device, model } = await open('scalar', 1);
    const kernel = addon.createKernel(device, 'columnSum', { x: matrix(2, 2) });
    return [
      device,
      model,
      addon.createTrainer(model, PLAN),
      addon.createCalibration(model),
      kernel,
      addon.createToken(),
    ];
  };
  const [opened, closed] = [await make(), await make()];
  for (const handle of closed.toReversed()) addon.close(handle as never);
  return [
    ...opened,
    ...closed,
    { ...opened[0] },
    Object.create(opened[1] as object),
    new Proxy(opened[1] as object, {}),
  ];
}

const ADAPTED: NativePlan = {
  ...PLAN,
  layers: PLAN.layers.map((layer) => ({ ...layer, adapters: ['query', 'down'] })),
  lora: { rank: 2, alpha: 4, dropout: 0.1 },
};

/** Functions that read no argument. */
const WITHOUT_ARGUMENTS = ['systemInfo', 'errorCodes', 'memory', 'createToken'] satisfies (keyof Binding)[];

const matrix = (rows: number, cols: number) => ({ data: new Float32Array(rows * cols).fill(0.5), rows, cols });
const PAIR = { data: Float32Array.of(1, 2), rows: 1, cols: 2 };

/** Arguments that every kernel takes; as small as can be, and with everything that it can be given. */
const KERNELS = {
  gemm: {
    kind: 'weightGrad',
    a: matrix(3, 2),
    b: matrix(3, 2),
    aColumns: Int32Array.of(1),
    bColumns: Int32Array.of(0, 1),
    bias: Float32Array.of(1, 2),
    residual: PAIR,
    savePre: true,
    activation: 'gelu',
    activationGrad: 'tanh',
    gradPre: PAIR,
    moments: 'abs',
    keepPacks: true,
  },
  layerNorm: { x: PAIR, residual: PAIR, gamma: new Float32Array(2), beta: new Float32Array(2), eps: 1e-5 },
  layerNormBackward: {
    dy: PAIR,
    sum: PAIR,
    mean: new Float32Array(1),
    rstd: new Float32Array(1),
    gamma: new Float32Array(2),
  },
  attention: { qkv: matrix(2, 6), offsets: Int32Array.of(0, 2), heads: 1, kvHeads: 1, headWidth: 2, scale: 0.5 },
  attentionBackward: {
    qkv: matrix(1, 6),
    offsets: Int32Array.of(0, 1),
    heads: 1,
    kvHeads: 1,
    headWidth: 2,
    scale: 0.5,
    out: PAIR,
    lse: matrix(1, 1),
    dout: PAIR,
  },
  moments: { x: matrix(2, 4), group: 2, form: 'signed' },
  sumSquares: { x: PAIR, axis: 'rows' },
  columnSum: { x: PAIR, columns: Int32Array.of(0) },
  adamw: {
    w: matrix(2, 2),
    rows: Int32Array.of(1),
    columns: Int32Array.of(0, 1),
    grad: PAIR,
    m: PAIR,
    v: PAIR,
    t: 1,
    lr: 0.1,
    beta1: 0.9,
    beta2: 0.99,
    eps: 1e-8,
    weightDecay: 0.01,
    gradScale: 1,
  },
  multiplyAdd: { steps: 1 },
  blasGemm: { library: '/nowhere/at/all', kind: 'forward', a: PAIR, b: PAIR },
} satisfies { [K in KernelName]: KernelArguments<K> };

type Path = (string | number)[];

/** Every place in a value that a function may read: itself, fields, items. */
function places(value: unknown, path: Path = []): Path[] {
  const plain = Array.isArray(value) || (typeof value === 'object' && value?.constructor === Object);
  const keys = plain ? Object.keys(value as object) : [];
  return [path, ...keys.flatMap((key) => places((value as Record<string, unknown>)[key], [...path, key]))];
}

function replaced(value: unknown, [first, ...rest]: Path, by: unknown): unknown {
  if (first === undefined) return by;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[first] = replaced(copy[first], rest, by);
  return copy;
}

describe('hostile values', function () {
  let tiny: Tiny;
  let table: [keyof Binding, unknown[]][];
  let values: (() => unknown)[];

  before(async () => {
    tiny = await open('scalar', 1);
    const { device, model } = tiny;
    const trainer = binding().createTrainer(model, PLAN);
    const calibration = binding().createCalibration(model);
    const kernel = binding().createKernel(device, 'columnSum', KERNELS.columnSum);
    const token = binding().createToken();
    const bias = 'pooler.dense.bias';
    table = [
      ['containerLimits', ['/nowhere']],
      ['failAllocation', [0, false]],
      ['philox', [1, 2, 3, 4, 5]],
      ['lockFile', ['/nowhere/at/all']],
      ['unlockFile', [-1]],
      ['openDevice', [{ threads: 1, isa: 'none' }]],
      ['createModel', [device, CONFIG]],
      ['modelParameters', [model]],
      ['setParameter', [model, bias, 'F32', new Uint8Array(CONFIG.hidden * 4), 0]],
      ['getParameter', [model, bias]],
      ['trim', [model]],
      ['forward', [model, BATCH, 'logits', token]],
      ['createTrainer', [model, PLAN]],
      ['trainStep', [trainer, BATCH, LABELS, Float32Array.of(1, 1), STEP, token]],
      ['headStep', [trainer, new Float32Array(CONFIG.hidden * 2), LABELS, STEP]],
      ['keepPrefix', [trainer, 2, 4096]],
      ['trainingMemory', [model, PLAN, { tokens: 7, texts: 2 }, { tokens: 7, texts: 2 }, true]],
      ['freezeRows', [trainer]],
      ['mergeAdapters', [trainer]],
      ['trainerFloor', [trainer]],
      ['trainerSlots', [trainer]],
      ['getSlot', [trainer, 0, 'm']],
      ['setSlot', [trainer, 0, 'm', new Float32Array(1)]],
      ['setSlotStep', [trainer, 0, 1]],
      ['createCalibration', [model]],
      ['calibrate', [calibration, BATCH, LABELS, 0.5, 0, token]],
      ['calibrationResult', [calibration, -1]],
      ['backward', [model, BATCH, new Float32Array(7 * CONFIG.hidden), token]],
      ['createKernel', [device, 'columnSum', KERNELS.columnSum]],
      ['timeKernels', [[kernel], 1]],
      ...Object.entries(KERNELS).map(([name, args]): [keyof Binding, unknown[]] => ['runKernel', [device, name, args]]),
      ['cancel', [binding().createToken()]],
      ['progress', [token]],
      ['close', [binding().createToken()]],
      // The first one that is taken keeps the model to itself.
      ['createTrainer', [model, ADAPTED]],
    ];
  });
  before(async () => {
    values = [...HOSTILE, ...(await otherHandles()).map((handle) => () => handle)];
  });
  after(() => tiny.close());

  it('are at least 60, for every function of the addon', () => {
    expect(values.length).to.be.greaterThan(60);
    const names = new Set([...table.map(([name]) => name), ...WITHOUT_ARGUMENTS]);
    expect([...names].sort()).to.deep.equal(Object.keys(binding()).sort());
  });

  it('are refused with a code or taken, wherever they stand', async () => {
    const outcomes = new Map<string, number>();
    for (const [name, valid] of table) {
      const call = binding()[name] as (...args: unknown[]) => unknown;
      for (const path of places(valid))
        for (const [index, make] of values.entries()) {
          // The k-th allocation is a door for tests: a hostile k would arm it.
          if (name === 'failAllocation' && path.length > 0 && Number(path[0]) === 0) continue;
          const args = path.length ? (replaced(valid, path, make()) as unknown[]) : [make()];
          const where = `${name}, ${path.join('.')}, value ${index}`;
          let outcome = 'taken';
          try {
            await call(...args);
          } catch (error) {
            if (error === thrown) outcome = 'getter';
            else if (error instanceof AdaptuneError) outcome = error.code;
            else throw new Error(`${where}: ${String(error)}`, { cause: error });
          }
          expect(outcome, where).to.not.equal('E_INTERNAL');
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
    }
    binding().failAllocation(0, false);
    const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    expect(total).to.be.greaterThan(5000);
    expect(outcomes.get('E_ARGUMENT')! / total).to.be.greaterThan(0.7);
    expect([...outcomes.keys()]).to.include.members(['getter', 'E_MODEL_SHAPE', 'taken']);
  });

  it('more arguments than a function has change nothing, fewer are refused', async () => {
    for (const name of WITHOUT_ARGUMENTS) {
      const call = binding()[name] as (...args: unknown[]) => unknown;
      expect(typeof call(...values.map((make) => make())), name).to.equal('object');
    }
    for (const [name, valid] of table) {
      const call = binding()[name] as (...args: unknown[]) => unknown;
      for (const args of [[], valid.slice(0, 1), [...valid, ...values.map((make) => make())]]) {
        try {
          await call(...args);
        } catch (error) {
          expect(error, `${name} of ${args.length}`).to.be.instanceOf(AdaptuneError);
          expect((error as AdaptuneError).code, `${name} of ${args.length}`).to.not.equal('E_INTERNAL');
        }
      }
    }
  });

  it('a message names the argument, what was expected and what came', () => {
    const message = (work: () => unknown) => {
      try {
        work();
      } catch (error) {
        return (error as Error).message;
      }
      return 'nothing thrown';
    };
    const config = { ...CONFIG, heads: 1.5 };
    expect(message(() => binding().createModel(tiny.device, config))).to.match(
      /^expected an integer from 0 to \d+ for config\.heads but received 1\.5$/,
    );
    expect(message(() => binding().createModel(tiny.model as never, CONFIG))).to.equal(
      'expected a device handle for device but received a model handle',
    );
    const plan = { ...PLAN, layers: [PLAN.layers[0]!, { ...PLAN.layers[1]!, neurons: Int32Array.of(5, 5) }] };
    expect(message(() => binding().createTrainer(tiny.model, plan))).to.equal(
      'expected ascending indices in [0, 64) for plan.layers[1].neurons but received 5 after 5',
    );
  });

  it('what a getter does to earlier fields changes nothing', async () => {
    const expected = await binding().forward(tiny.model, BATCH, 'logits');
    const other = await open('scalar', 1);
    const ids = BATCH.ids.slice();
    const batch = {
      ids,
      get offsets() {
        detached(ids);
        other.close();
        return BATCH.offsets;
      },
    };
    const error = await binding()
      .forward(other.model, batch, 'logits')
      .catch((error: unknown) => error);
    expect((error as AdaptuneError).code).to.equal('E_CLOSED'); // the device; the model was held
    expect(ids.length).to.equal(0);
    expect([...(await binding().forward(tiny.model, BATCH, 'logits'))]).to.deep.equal([...expected]);
  });
});
