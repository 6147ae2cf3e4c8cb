/** The committed PyTorch fixtures (test/fixtures/make_fixtures.py says what they hold) and the rule that judges against them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AdapterSettings, AdapterTarget } from '../../lib/native/adapters.js';
import type { EncoderConfig, NativePlan, PackedBatch } from '../../lib/native/binding.js';

export interface PlanJson {
  layers: { groups: number[]; neurons: number[]; extras: boolean; adapters?: AdapterTarget[] | undefined }[];
  lora?: AdapterSettings | undefined;
  embeddings: boolean;
  newRowsFirst: number;
  head: boolean;
}

export interface Run {
  plan: PlanJson;
  lr: { units: number; head: number; rows: number };
  clip: number;
  /** New rows train in the first `rowSteps` steps. */
  rowSteps: number;
}

type Values = Float32Array | Float64Array | Int32Array;
interface Tensor {
  shape: number[];
  values: Values;
}

/** Results of PyTorch, and by how much its own 32-bit floats miss them. */
export interface Judged {
  /** Most elements of a parameter that a run stores. */
  sample: number;
  tensors: Map<string, Tensor>;
  /** PyTorch's own fp32 error of a tensor; of a run's parameter, one per step. */
  errors: Record<string, number | number[]>;
  /** By how much a quotient with a small denominator amplifies rounding; absent: 1. */
  conditions: Record<string, number>;
}

export interface Fixture extends Judged {
  config: EncoderConfig;
  runs: Record<string, Run>;
}

export const WIDTHS = [16, 32, 64] as const;
const ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array } as const;

export const readFixture = (width: (typeof WIDTHS)[number]): Fixture =>
  readFile(`bert-${width}.safetensors`) as Fixture;

/** Runs with adapters on the model and the batches of `bert-16` (test/fixtures/make_lora_fixture.py). */
export interface LoraFixture extends Judged {
  runs: Record<string, { lora: AdapterSettings & { targets: AdapterTarget[] }; lr: Run['lr']; clip: number }>;
}
export const readLoraFixture = (): LoraFixture => readFile('lora-16.safetensors') as LoraFixture;

function readFile(name: string): Judged {
  const path = new URL(`../../../test/fixtures/${name}`, import.meta.url);
  const bytes = readFileSync(fileURLToPath(path));
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: keyof typeof ARRAYS; shape: number[]; data_offsets: [number, number] }
  > & { __metadata__: { fixture: string } };
  const { __metadata__, ...entries } = header;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const [begin, end] = data_offsets;
    const data = Uint8Array.from(bytes.subarray(8 + headerLength + begin, 8 + headerLength + end));
    tensors.set(name, { shape, values: new ARRAYS[dtype](data.buffer) });
  }
  return { ...(JSON.parse(__metadata__.fixture) as Omit<Judged, 'tensors'>), tensors };
}

export function values(fixture: Judged, key: string): Values {
  const tensor = fixture.tensors.get(key);
  if (!tensor) throw new Error(`the fixture has no ${key}`);
  return tensor.values;
}

/** Names of the parameters, in the file's order. */
export function parameterNames(fixture: Fixture): string[] {
  return [...fixture.tensors.keys()].filter((key) => key.startsWith('weight/')).map((key) => key.slice(7));
}

export function batchOf(fixture: Fixture, index: number): { batch: PackedBatch; labels: Int32Array } {
  const read = (key: string) => values(fixture, `batch/${index}/${key}`) as Int32Array;
  return { batch: { ids: read('ids'), offsets: read('offsets'), typeIds: read('types') }, labels: read('labels') };
}

export function nativePlan(plan: PlanJson): NativePlan {
  const layers = plan.layers.map(({ groups, neurons, extras, adapters = [] }) => {
    return { groups: Int32Array.from(groups), neurons: Int32Array.from(neurons), extras, adapters };
  });
  const { lora, ...rest } = plan;
  return { ...rest, layers, ...(lora && { lora }) };
}

/** Flat indices, ascending, of the elements of a parameter that a plan trains (new rows included). */
export function trainedElements(
  fixture: { config: Pick<EncoderConfig, 'headWidth'> },
  plan: PlanJson,
  name: string,
  shape: number[],
): number[] {
  const [rows, cols] = shape.length === 2 ? (shape as [number, number]) : [shape[0]!, 1];
  const pick = (row: (r: number) => boolean, col: (c: number) => boolean) => {
    const out: number[] = [];
    for (let r = 0; r < rows; r++) if (row(r)) for (let c = 0; c < cols; c++) if (col(c)) out.push(r * cols + c);
    return out;
  };
  if (!name.startsWith('encoder.')) {
    const all = name.startsWith('embeddings.') ? plan.embeddings : plan.head;
    const first = name === 'embeddings.word_embeddings.weight' && plan.newRowsFirst >= 0 ? plan.newRowsFirst : rows;
    return pick((r) => all || r >= first, yes);
  }
  const layer = plan.layers[Number(name.split('.')[2])]!;
  if (shape.length === 1) return layer.extras ? pick(yes, yes) : [];
  const groups = new Set(layer.groups);
  const neurons = new Set(layer.neurons);
  const inGroup = (i: number) => groups.has(Math.floor(i / fixture.config.headWidth));
  if (name.includes('attention.self')) return pick(inGroup, yes);
  if (name.includes('attention.output')) return pick(yes, inGroup);
  if (name.includes('intermediate')) return pick((r) => neurons.has(r), yes);
  return pick(yes, (c) => neurons.has(c));
}

const yes = () => true;

/** The stored sample of a run's trained elements. */
export function sampled(fixture: Judged, current: Float32Array, trained: number[]): Float32Array {
  const stride = Math.ceil(trained.length / fixture.sample) | 1;
  return Float32Array.from({ length: Math.ceil(trained.length / stride) }, (_, i) => current[trained[i * stride]!]!);
}

/** |x - r| / |r| in the L2 norm. */
export function relativeError(x: ArrayLike<number>, r: ArrayLike<number>): number {
  if (x.length !== r.length) return Infinity;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < r.length; i++) {
    difference += (x[i]! - r[i]!) ** 2;
    norm += r[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** 8 eps of float32: what the norm of a tensor allows at least. */
export const ERROR_FLOOR = 8 * 2 ** -23;

/**
 * Adam divides by |g|: of a gradient that is rounding noise it makes a step of up to the learning rate. In a sample of this
 * many weights after a step, one may be off by as much, and the others are judged without it.
 */
const NOISY_SAMPLE = 32;

/** `x` with the element that is furthest from `r` taken from there, when it is no further than `most`. */
function withoutWorst(x: Float32Array, r: Values, most: number): Float32Array {
  const off = Array.from(r, (value, i) => Math.abs(x[i]! - value));
  const worst = off.indexOf(Math.max(...off));
  const kept = Float32Array.from(x);
  if (off[worst]! <= most) kept[worst] = r[worst]!;
  return kept;
}

/** Passes when the error is at most twice PyTorch's own in fp32; returns a line that says so otherwise. lr: of the weights. */
export function judge(
  fixture: Judged,
  key: string,
  x: ArrayLike<number>,
  { step, lr }: { step?: number | undefined; lr?: number } = {},
): string | null {
  const whole = values(fixture, key);
  const n = step === undefined ? whole.length : whole.length / fixture.tensors.get(key)!.shape[0]!;
  const begin = step === undefined ? 0 : step * n;
  const recorded = fixture.errors[key]!;
  const peer = Array.isArray(recorded) ? recorded[step!]! : recorded;
  const allowed = 2 * Math.max(peer, ERROR_FLOOR * (fixture.conditions[key] ?? 1));
  const right = whole.subarray(begin, begin + n);
  const noisy = lr !== undefined && n >= NOISY_SAMPLE;
  const error = relativeError(noisy ? withoutWorst(Float32Array.from(x), right, lr) : x, right);
  if (error <= allowed) return null;
  const at = step === undefined ? '' : ` after step ${step + 1}`;
  return `${key}${at}: error ${error.toExponential(2)}, PyTorch fp32 ${peer.toExponential(2)}, allowed ${allowed.toExponential(2)}`;
}
