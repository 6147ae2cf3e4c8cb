/**
 * The list of kernel cases: every product of an encoder layer in its three directions, epilogues beside the plain product, and
 * what is not a product. FLOPs are multiplications and additions; bytes what has to move between memory and processor once.
 */
import type { GemmArguments, KernelArguments, KernelName, Matrix } from '../native/kernels.js';

/** One kernel with its arguments. */
export type KernelCall = { [K in KernelName]: readonly [K, KernelArguments<K>] }[KernelName];

export interface KernelCase {
  name: string;
  flops: number;
  bytes: number;
  /** Makes the arrays. `run` is timed, all together; `plain` in turns with it: what it costs more is the epilogue. */
  build(): { run: KernelCall[]; plain?: KernelCall };
  /** The same product for another library. */
  blas?(): Pick<GemmArguments, 'kind' | 'a' | 'b'>;
}

interface Shape {
  encoder: string;
  hidden: number;
  feedForward: number;
  heads: number;
  headWidth: number;
}
const SHAPES: readonly Shape[] = [
  { encoder: 'minilm', hidden: 384, feedForward: 1536, heads: 12, headWidth: 32 },
  { encoder: 'base', hidden: 768, feedForward: 3072, heads: 12, headWidth: 64 },
];
/** Rows: one text, a small batch, a batch of 32 texts. */
const ROWS = [128, 512, 1500];
/** Texts of the attention cases. */
const TEXT = 128;
/** Every tenth unit is selected. */
const TENTH = 10;

/** Numbers in [-1, 1), cheap and the same in every run. */
export function floats(length: number): Float32Array {
  const values = new Float32Array(length);
  let word = length >>> 0;
  for (let i = 0; i < length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    values[i] = word / 2 ** 31 - 1;
  }
  return values;
}
const matrix = (rows: number, cols: number): Matrix => ({ data: floats(rows * cols), rows, cols });
/** Squares: second moments, variances. */
const positive = (rows: number, cols: number): Matrix => ({ data: floats(rows * cols).map((x) => x * x), rows, cols });

const tenth = (count: number) => Int32Array.from({ length: Math.floor(count / TENTH) }, (_, i) => i * TENTH);

function products({ encoder, hidden, feedForward, headWidth }: Shape): KernelCase[] {
  // One head in twelve, in a matrix where the heads begin at `first`.
  const head = (first: number) => Array.from({ length: headWidth }, (_, i) => first + headWidth + i);
  // Weights [out, in]; what is selected of them are rows (query, key, value, up) or columns (out, down).
  const layers = [
    { layer: 'qkv', out: 3 * hidden, into: hidden, rows: Int32Array.from([0, hidden, 2 * hidden].flatMap(head)) },
    { layer: 'out', out: hidden, into: hidden, columns: Int32Array.from(head(0)) },
    { layer: 'up', out: feedForward, into: hidden, rows: tenth(feedForward) },
    { layer: 'down', out: hidden, into: feedForward, columns: tenth(feedForward) },
  ];
  return layers.flatMap(({ layer, out, into, rows: aColumns, columns: bColumns }) =>
    ROWS.flatMap((rows): KernelCase[] => {
      const title = (kind: string) => `${kind}, ${encoder} ${layer}, ${rows} rows`;
      const product = (name: string, m: number, n: number, k: number, args: () => GemmArguments, blas = args) => ({
        name: title(name),
        flops: 2 * m * n * k,
        bytes: 4 * (m * n + m * k + n * k),
        build: () => ({ run: [['gemm', args()] as const] }),
        blas: () => {
          const { kind, a, b } = blas();
          return { kind, a, b };
        },
      });
      const [m, n] = [aColumns?.length ?? out, bColumns?.length ?? into];
      return [
        product('forward', rows, out, into, () => forward(rows, out, into)),
        product('input gradient', rows, into, out, () => inputGrad(rows, out, into)),
        product('weight gradient', out, into, rows, () => weightGrad(rows, out, into)),
        product(
          'weight gradient of a tenth',
          m,
          n,
          rows,
          () => ({ ...weightGrad(rows, out, into), ...(aColumns && { aColumns }), ...(bColumns && { bColumns }) }),
          () => weightGrad(rows, m, n), // the other library gets what is selected
        ),
      ];
    }),
  );
}

const forward = (rows: number, out: number, into: number): GemmArguments => {
  return { kind: 'forward', a: matrix(rows, into), b: matrix(out, into), keepPacks: true };
};
const inputGrad = (rows: number, out: number, into: number): GemmArguments => {
  return { kind: 'inputGrad', a: matrix(rows, out), b: matrix(out, into), keepPacks: true };
};
const weightGrad = (rows: number, out: number, into: number): GemmArguments => {
  return { kind: 'weightGrad', a: matrix(rows, out), b: matrix(rows, into) };
};

/** Each beside the product without it. */
function epilogues({ encoder, hidden, feedForward }: Shape): KernelCase[] {
  const fused = (
    name: string,
    rows: number,
    floatsMoved: number,
    build: () => { run: KernelCall[]; plain: KernelCall },
  ): KernelCase => ({
    name: `${name}, ${encoder}, ${rows} rows`,
    flops: 2 * rows * hidden * feedForward,
    bytes: 4 * (floatsMoved + rows * hidden + rows * feedForward + hidden * feedForward),
    build,
  });
  const over = (plain: GemmArguments, more: Partial<GemmArguments>): { run: KernelCall[]; plain: KernelCall } => {
    return { run: [['gemm', { ...plain, ...more }]], plain: ['gemm', plain] };
  };
  return [ROWS[0]!, ROWS.at(-1)!].flatMap((rows) => {
    const wide = rows * feedForward;
    const up = (more: () => Partial<GemmArguments>) => () => over(forward(rows, feedForward, hidden), more());
    const down = (more: () => Partial<GemmArguments>) => () => over(forward(rows, hidden, feedForward), more());
    const bias = () => floats(feedForward);
    return [
      fused(
        'bias',
        rows,
        0,
        up(() => ({ bias: bias() })),
      ),
      fused(
        'bias and gelu',
        rows,
        0,
        up(() => ({ bias: bias(), activation: 'gelu' })),
      ),
      fused(
        'bias, gelu, pre-activation saved',
        rows,
        wide,
        up(() => ({ bias: bias(), activation: 'gelu', savePre: true })),
      ),
      fused('moments of gelu', rows, wide, () => {
        const plain = {
          ...forward(rows, feedForward, hidden),
          bias: bias(),
          activation: 'gelu',
          savePre: true,
        } as const;
        return over(plain, { moments: 'abs' });
      }),
      fused(
        'bias and residual',
        rows,
        rows * hidden,
        down(() => ({ bias: floats(hidden), residual: matrix(rows, hidden) })),
      ),
      fused('gradient of gelu', rows, wide, () =>
        over(inputGrad(rows, hidden, feedForward), { activationGrad: 'gelu', gradPre: matrix(rows, feedForward) }),
      ),
      fused(
        'weight packed every time',
        rows,
        0,
        up(() => ({ keepPacks: false })),
      ),
      fused('column sums', rows, wide, () => {
        const plain = weightGrad(rows, feedForward, hidden);
        return {
          run: [
            ['gemm', plain],
            ['columnSum', { x: plain.a }],
          ],
          plain: ['gemm', plain],
        };
      }),
    ];
  });
}

/** Cases that memory decides, and attention. */
function others({ encoder, hidden, feedForward, heads, headWidth }: Shape): KernelCase[] {
  const texts = 12;
  const rows = texts * TEXT;
  const inner = heads * headWidth;
  const offsets = Int32Array.from({ length: texts + 1 }, (_, i) => i * TEXT);
  const attentionShape = { heads, headWidth, offsets };
  const scores = 2 * texts * TEXT * TEXT * inner; // one of attention's products
  const one = (name: string, flops: number, floatsMoved: number, call: () => KernelCall): KernelCase => ({
    name: `${name}, ${encoder}`,
    flops,
    bytes: 4 * floatsMoved,
    build: () => ({ run: [call()] }),
  });
  const state = (r: number, c: number) => ({ grad: matrix(r, c), m: matrix(r, c), v: positive(r, c) });
  const step = { t: 10, lr: 1e-4 };
  const weights = hidden * feedForward;
  return [
    one('layer norm with residual', 9 * rows * hidden, 4 * rows * hidden, () => [
      'layerNorm',
      { x: matrix(rows, hidden), residual: matrix(rows, hidden), gamma: floats(hidden), beta: floats(hidden) },
    ]),
    one('layer norm backward', 12 * rows * hidden, 3 * rows * hidden, () => [
      'layerNormBackward',
      {
        dy: matrix(rows, hidden),
        sum: matrix(rows, hidden),
        mean: floats(rows),
        rstd: new Float32Array(rows).fill(1),
        gamma: floats(hidden),
      },
    ]),
    one(`attention, ${texts} texts of ${TEXT}`, 2 * scores, 4 * rows * inner, () => [
      'attention',
      { qkv: matrix(rows, 3 * inner), ...attentionShape },
    ]),
    one(`attention backward, ${texts} texts of ${TEXT}`, 5 * scores, 8 * rows * inner, () => [
      'attentionBackward',
      {
        qkv: matrix(rows, 3 * inner),
        out: matrix(rows, inner),
        lse: { data: new Float32Array(heads * rows).fill(Math.log(TEXT) + 1), rows: heads, cols: rows },
        dout: matrix(rows, inner),
        ...attentionShape,
      },
    ]),
    one('AdamW, whole matrix', 14 * weights, 7 * weights, () => [
      'adamw',
      { w: matrix(feedForward, hidden), ...state(feedForward, hidden), ...step },
    ]),
    one('AdamW, a tenth of the rows', 1.4 * weights, 0.7 * weights, () => {
      const selected = tenth(feedForward);
      return ['adamw', { w: matrix(feedForward, hidden), rows: selected, ...state(selected.length, hidden), ...step }];
    }),
    one('AdamW, a tenth of the columns', 1.4 * weights, 0.7 * weights, () => {
      const selected = tenth(feedForward);
      return [
        'adamw',
        { w: matrix(hidden, feedForward), columns: selected, ...state(hidden, selected.length), ...step },
      ];
    }),
    one('AdamW, a tenth of the elements', 1.4 * weights, 0.7 * weights, () => {
      const selected = tenth(weights);
      return ['adamw', { w: matrix(1, weights), columns: selected, ...state(1, selected.length), ...step }];
    }),
    one('dispersion of columns', 5 * rows * feedForward, rows * feedForward, () => [
      'moments',
      { x: matrix(rows, feedForward) },
    ]),
    one('dispersion of units', 2 * rows * inner, rows * inner, () => [
      'moments',
      { x: matrix(rows, inner), group: headWidth },
    ]),
    one('gradient norm', 2 * weights, weights, () => ['sumSquares', { x: matrix(feedForward, hidden), axis: 'all' }]),
  ];
}

export const KERNEL_CASES: readonly KernelCase[] = SHAPES.flatMap((shape) => [
  ...products(shape),
  ...epilogues(shape),
  ...others(shape),
]);
