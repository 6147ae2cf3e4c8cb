/**
 * The safetensors format (https://huggingface.co/docs/safetensors): u64 length of a JSON header, the header, the tensors.
 * The reader refuses whatever the reference reader does, and on purpose also: duplicate keys, ranks over 8, empty names,
 * types that no model here uses. Nothing is allocated on the word of a number in the file before that number is checked.
 * Tensors may be unaligned and are copied, never viewed in place.
 */
import { AdaptuneError } from '../errors.js';
import { ReadableFile } from '../util/files.js';
import { isObject, parseJsonObject, show } from '../util/json.js';

/** Bytes of one element. Little-endian, row-major. */
const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;
export type StoredDtype = keyof typeof DTYPE_BYTES;

/** As in the reference reader. */
const HEADER_LIMIT = 100_000_000;
const RANK_LIMIT = 8;

export interface TensorEntry {
  name: string;
  dtype: StoredDtype;
  shape: readonly number[];
  /** Offset in the file, and length, in bytes. */
  begin: number;
  bytes: number;
}

export interface Header {
  /** In the order of their offsets. */
  tensors: Map<string, TensorEntry>;
  metadata: Map<string, string>;
}

const SURROGATE = /\p{Surrogate}/u;

/** Checks a header. `dataBegin`: where the tensors start in the file; `dataBytes`: how many bytes are there. */
export function parseHeader(json: Uint8Array, dataBegin: number, dataBytes: number, source: string): Header {
  const fail = (expected: string, came: string) =>
    new AdaptuneError('E_MODEL_FORMAT', `${source}: expected ${expected}, came ${came}`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
  } catch {
    throw fail('a header in UTF-8', 'other bytes');
  }
  const limits = { code: 'E_MODEL_FORMAT', length: HEADER_LIMIT, depth: 32, keys: HEADER_LIMIT } as const;
  const root = parseJsonObject(text, `${source}: header`, limits);

  const metadata = new Map<string, string>();
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === '__metadata__') {
      // The reference reader takes null for none.
      if (value === null) continue;
      if (!isObject(value)) throw fail('an object as __metadata__', show(value));
      for (const [key, item] of Object.entries(value)) {
        if (typeof item !== 'string' || SURROGATE.test(key + item)) {
          throw fail(`a string as __metadata__ ${show(key)}`, show(item));
        }
        metadata.set(key, item);
      }
      continue;
    }
    if (name === '' || SURROGATE.test(name)) throw fail('tensors with names in Unicode', show(name));
    entries.push(parseEntry(name, value, fail));
  }

  // Every byte belongs to exactly one tensor. Empty tensors stand before the one that begins where they do.
  entries.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
  const tensors = new Map<string, TensorEntry>();
  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      throw fail(`tensor ${show(entry.name)} to begin at ${end}, where the one before ends`, `${entry.begin}`);
    }
    end += entry.bytes;
    tensors.set(entry.name, { ...entry, begin: dataBegin + entry.begin });
  }
  if (end !== dataBytes) throw fail(`${end} bytes of tensors`, `${dataBytes}`);
  return { tensors, metadata };
}

/** One entry, its offsets as in the file. */
function parseEntry(
  name: string,
  value: unknown,
  fail: (expected: string, came: string) => AdaptuneError,
): TensorEntry {
  const of = `of tensor ${show(name)}`;
  if (!isObject(value)) throw fail(`an object as the description ${of}`, show(value));
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw fail(`one of ${Object.keys(DTYPE_BYTES).join(', ')} as dtype ${of}`, show(dtype));
  }
  if (!isSizes(shape)) throw fail(`a list of sizes below 2^53 as shape ${of}`, show(shape));
  if (shape.length > RANK_LIMIT) throw fail(`at most ${RANK_LIMIT} dimensions ${of}`, `${shape.length}`);
  if (!isSizes(offsets) || offsets.length !== 2) throw fail(`two sizes as data_offsets ${of}`, show(offsets));
  const [begin, end] = offsets as [number, number];
  let bytes: number = DTYPE_BYTES[dtype as StoredDtype];
  for (const size of shape) {
    bytes *= size;
    // Both factors are below 2^53, so a product that is exact is told from one that is not.
    if (bytes > Number.MAX_SAFE_INTEGER) throw fail(`fewer than 2^53 bytes ${of}`, `shape ${show(shape)}`);
  }
  if (end < begin || end - begin !== bytes) {
    throw fail(`${bytes} bytes ${of} with dtype ${dtype} and shape ${show(shape)}`, `data_offsets ${show(offsets)}`);
  }
  return { name, dtype: dtype as StoredDtype, shape, begin, bytes };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0));
}

/** An open safetensors file; its header was checked. */
export class SafetensorsFile implements Header {
  private constructor(
    private readonly file: ReadableFile,
    readonly tensors: Map<string, TensorEntry>,
    readonly metadata: Map<string, string>,
  ) {}

  get path(): string {
    return this.file.path;
  }

  static async open(path: string): Promise<SafetensorsFile> {
    const file = await ReadableFile.open(path);
    try {
      const { size } = file.stat;
      const fail = (expected: string, came: string) =>
        new AdaptuneError('E_MODEL_FORMAT', `${path}: expected ${expected}, came ${came}`);
      if (size < 8) throw fail('a safetensors file', `${size} bytes`);
      const first = await file.read(0, 8);
      // What `git clone` leaves without Git LFS: three lines of text.
      if (Buffer.from(first).equals(Buffer.from('version ')))
        throw fail('a safetensors file', 'a pointer of Git LFS (git lfs pull fetches the file)');
      const length = new DataView(first.buffer).getBigUint64(0, true);
      const limit = Math.min(HEADER_LIMIT, size - 8);
      if (length === 0n || length > BigInt(limit)) throw fail(`a header of 1 to ${limit} bytes`, `${length}`);
      const begin = 8 + Number(length);
      const header = parseHeader(await file.read(8, Number(length)), begin, size - begin, path);
      return new SafetensorsFile(file, header.tensors, header.metadata);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes of the elements [first, first + count) of a tensor, copied. */
  async read(entry: TensorEntry, first: number, count: number): Promise<Uint8Array> {
    const width = DTYPE_BYTES[entry.dtype];
    if (first < 0 || count < 0 || (first + count) * width > entry.bytes) {
      throw new AdaptuneError(
        'E_INTERNAL',
        `${entry.name}: elements ${first} to ${first + count} of ${entry.bytes / width}`,
      );
    }
    return this.file.read(entry.begin + first * width, count * width);
  }

  /** Throws when the file was written to since it was opened. */
  async checkUnchanged(): Promise<void> {
    await this.file.checkUnchanged();
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** All tensors of a file that `encodeSafetensors` wrote, by name. */
export async function readSafetensors(path: string): Promise<Map<string, Float32Array>> {
  await using file = await SafetensorsFile.open(path);
  const values = new Map<string, Float32Array>();
  for (const [name, entry] of file.tensors) {
    if (entry.dtype !== 'F32') {
      throw new AdaptuneError('E_MODEL_FORMAT', `${path}: expected tensor ${show(name)} in F32, came ${entry.dtype}`);
    }
    values.set(name, new Float32Array((await file.read(entry, 0, entry.bytes / 4)).buffer));
  }
  return values;
}

export interface TensorSource {
  name: string;
  shape: readonly number[];
  /** Fetches the values when their turn comes, so that one tensor is held at a time. */
  read(): Promise<Float32Array>;
}

/**
 * The bytes of a safetensors file of F32 tensors, to be passed to a writer of lib/util/files.ts. The same tensors give the
 * same bytes: sorted by name, header padded with spaces to a multiple of 8.
 */
export async function* encodeSafetensors(
  tensors: readonly TensorSource[],
  metadata: readonly (readonly [string, string])[] = [],
): AsyncGenerator<Uint8Array> {
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const elements = (tensor: TensorSource) => tensor.shape.reduce((product, size) => product * size, 1);
  const fields: string[] = [];
  if (metadata.length > 0)
    fields.push(`"__metadata__":{${metadata.map((pair) => pair.map((s) => JSON.stringify(s)).join(':')).join(',')}}`);
  let end = 0;
  for (const [i, tensor] of sorted.entries()) {
    if (tensor.name === '' || tensor.name === '__metadata__' || tensor.name === sorted[i - 1]?.name) {
      throw new AdaptuneError('E_ARGUMENT', `expected tensors with names of their own, came ${show(tensor.name)}`);
    }
    const begin = end;
    end += 4 * elements(tensor);
    fields.push(
      `${JSON.stringify(tensor.name)}:${JSON.stringify({ dtype: 'F32', shape: tensor.shape, data_offsets: [begin, end] })}`,
    );
  }
  const header = Buffer.from(`{${fields.join(',')}}`);
  const padded = Math.ceil(header.length / 8) * 8;
  const start = Buffer.alloc(8 + padded, ' ');
  start.writeBigUInt64LE(BigInt(padded));
  start.set(header, 8);
  yield start;
  for (const tensor of sorted) {
    const data = await tensor.read();
    if (data.length !== elements(tensor)) {
      throw new AdaptuneError('E_ARGUMENT', `${tensor.name}: expected ${elements(tensor)} values, came ${data.length}`);
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}
