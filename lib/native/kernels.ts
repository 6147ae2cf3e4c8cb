/** Arguments and results of the addon's kernels by name: ops on arrays of the caller's own (native/ops/ops.h has the formulas). */

/** Row-major; `data` holds rows x cols floats. */
export interface Matrix {
  data: Float32Array;
  rows: number;
  cols: number;
}

export type Activation = 'none' | 'gelu' | 'tanh';

export interface ColumnMoments {
  /** Rows. */
  count: number;
  /** Per column or group of columns. */
  mean: Float64Array;
  /** Sums of squared deviations from the mean. */
  m2: Float64Array;
}

export interface GemmArguments {
  kind: 'forward' | 'inputGrad' | 'weightGrad';
  a: Matrix;
  b: Matrix;
  aColumns?: Int32Array;
  bColumns?: Int32Array;
  bias?: Float32Array;
  residual?: Matrix;
  savePre?: boolean;
  activation?: Activation;
  activationGrad?: Activation;
  gradPre?: Matrix;
  moments?: 'signed' | 'abs';
  /** Timed kernels only: pack b once, as for a weight that does not change, not in every run. */
  keepPacks?: boolean;
}

export interface AttentionArguments {
  qkv: Matrix;
  offsets: Int32Array;
  heads: number;
  kvHeads?: number;
  headWidth: number;
  scale?: number;
}

export interface AdamwArguments {
  w: Matrix;
  rows?: Int32Array;
  columns?: Int32Array;
  grad: Matrix;
  m: Matrix;
  v: Matrix;
  t: number;
  lr: number;
  beta1?: number;
  beta2?: number;
  eps?: number;
  weightDecay?: number;
  gradScale?: number;
}

interface Call<Arguments, Result> {
  arguments: Arguments;
  result: Result;
}

export interface KernelCalls {
  gemm: Call<GemmArguments, { c: Matrix; pre?: Matrix; moments?: ColumnMoments }>;
  layerNorm: Call<
    { x: Matrix; residual?: Matrix; gamma: Float32Array; beta: Float32Array; eps?: number },
    { y: Matrix; sum: Matrix; mean: Float32Array; rstd: Float32Array }
  >;
  layerNormBackward: Call<
    { dy: Matrix; sum: Matrix; mean: Float32Array; rstd: Float32Array; gamma: Float32Array },
    { dx: Matrix; dgamma: Float32Array; dbeta: Float32Array }
  >;
  attention: Call<AttentionArguments, { out: Matrix; lse: Matrix }>;
  attentionBackward: Call<AttentionArguments & { out: Matrix; lse: Matrix; dout: Matrix }, Matrix>;
  moments: Call<{ x: Matrix; group?: number; form?: 'abs' | 'signed' }, ColumnMoments>;
  sumSquares: Call<{ x: Matrix; axis: 'all' | 'rows' | 'columns' }, Float64Array>;
  columnSum: Call<{ x: Matrix; columns?: Int32Array }, Float32Array>;
  adamw: Call<AdamwArguments, { w: Matrix; m: Matrix; v: Matrix }>;
  /** Chains of multiply-adds in registers on all threads: the limit of every product. */
  multiplyAdd: Call<{ steps: number }, { flops: number; mean: number }>;
  /** The plain product by the cblas_sgemm of a shared library. */
  blasGemm: Call<Pick<GemmArguments, 'kind' | 'a' | 'b'> & { library: string }, Matrix>;
}

export type KernelName = keyof KernelCalls;
export type KernelArguments<K extends KernelName> = KernelCalls[K]['arguments'];
export type KernelResult<K extends KernelName> = KernelCalls[K]['result'];
