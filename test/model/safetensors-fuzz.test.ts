/** Random headers near the valid ones: our reader agrees with a second one that was written without it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { encodeSafetensors, readSafetensors, SafetensorsFile } from '../../lib/model/safetensors.js';
import { writeAtomic } from '../../lib/util/files.js';

const BYTES = new Map([
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['F8_E4M3', 1],
  ['F8_E5M2', 1],
  ['I64', 8],
  ['I32', 4],
  ['I16', 2],
  ['I8', 1],
  ['U64', 8],
  ['U32', 4],
  ['U16', 2],
  ['U8', 1],
  ['BOOL', 1],
]);

interface Field {
  name: string;
  dtype: unknown;
  shape: unknown[];
  offsets: unknown[];
}

/** Big integers and a bit per byte instead of sums and an order. */
function second(fields: readonly Field[], dataBytes: number): boolean {
  if (new Set(fields.map((field) => field.name)).size !== fields.length) return false;
  const owner = new Uint8Array(dataBytes);
  for (const { name, dtype, shape, offsets } of fields) {
    const width = BYTES.get(dtype as string);
    const sizes = [...shape, ...offsets];
    if (name === '' || width === undefined || shape.length > 8 || offsets.length !== 2) return false;
    if (!sizes.every((n) => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n < 2 ** 53)) return false;
    const [begin, end] = offsets as [number, number];
    const bytes = (shape as number[]).reduce((product, n) => product * BigInt(n), BigInt(width));
    if (end > dataBytes || BigInt(end) - BigInt(begin) !== bytes) return false;
    for (let i = begin; i < end; i++) if (owner[i]!++) return false;
    // An empty tensor lies at a border, not inside of another.
    if (begin === end && fields.some((other) => Number(other.offsets[0]) < begin && begin < Number(other.offsets[1])))
      return false;
  }
  return owner.every((n) => n === 1);
}

function bytesOf(fields: readonly Field[], dataBytes: number): Buffer {
  const described = fields.map(
    ({ name, dtype, shape, offsets }) =>
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`,
  );
  const header = Buffer.from(`{${described.join(',')}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(dataBytes)]);
}

describe('safetensors fuzz', () => {
  let path: string;
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-fuzz-'));
    path = join(dir, 'model.safetensors');
  });
  after(() => rmSync(dir, { recursive: true }));

  /** A file that is right: tensors one after another, described in any order. */
  const valid = fc
    .array(fc.record({ dtype: fc.constantFrom(...BYTES.keys()), shape: fc.array(fc.nat(3), { maxLength: 4 }) }), {
      maxLength: 5,
    })
    .chain((tensors) => {
      let end = 0;
      const fields: Field[] = tensors.map(({ dtype, shape }, i) => {
        const begin = end;
        end += shape.reduce((product, n) => product * n, BYTES.get(dtype)!);
        return { name: `t${i}`, dtype, shape, offsets: [begin, end] };
      });
      return fc.record({
        fields: fc.shuffledSubarray(fields, { minLength: fields.length }),
        dataBytes: fc.constant(end),
      });
    });
  const odd = fc.oneof(
    fc.integer({ min: -2, max: 40 }),
    fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53, 2 ** 62, 1.5, 1e300),
    fc.constantFrom(null, '4', true, [], {}),
  );
  const mutation = fc.record({
    kind: fc.constantFrom('shape', 'offset', 'both', 'dtype', 'name', 'length', 'rank', 'swap', 'drop', 'data'),
    tensor: fc.nat(4),
    at: fc.nat(3),
    value: odd,
    delta: fc.integer({ min: -9, max: 9 }),
  });
  type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

  function mutate(file: { fields: Field[]; dataBytes: number }, { kind, tensor, at, value, delta }: Mutation): void {
    const field = file.fields[tensor % Math.max(1, file.fields.length)];
    if (kind === 'data') file.dataBytes = Math.max(0, file.dataBytes + delta);
    else if (!field) return;
    else if (kind === 'shape') field.shape[at % Math.max(1, field.shape.length)] = value;
    else if (kind === 'offset') field.offsets[at % 2] = value;
    else if (kind === 'both') field.offsets = field.offsets.map((n) => Number(n) + delta);
    else if (kind === 'dtype') field.dtype = [...BYTES.keys(), 'F4', 'f32', 'toString', ''][(tensor + at) * 3] ?? value;
    else if (kind === 'name') field.name = ['t0', 't1', '__proto__', ''][at]!;
    else if (kind === 'length') field.offsets.push(value);
    else if (kind === 'rank') field.shape.push(...Array<number>(at * 3).fill(1));
    else if (kind === 'swap') field.offsets.reverse();
    else file.fields.splice(tensor % file.fields.length, 1);
  }

  it('agrees with a second reader', async () => {
    const verdicts = [0, 0];
    await fc.assert(
      fc.asyncProperty(valid, fc.array(mutation, { maxLength: 2 }), async (original, mutations) => {
        const file = structuredClone(original);
        for (const m of mutations) mutate(file, m);
        writeFileSync(path, bytesOf(file.fields, file.dataBytes));
        const expected = second(file.fields, file.dataBytes);
        let accepted = true;
        try {
          await using opened = await SafetensorsFile.open(path);
          expect(opened.tensors.size).to.equal(file.fields.length);
        } catch (error) {
          expect(error).to.be.instanceOf(AdaptuneError);
          expect((error as AdaptuneError).code).to.equal('E_MODEL_FORMAT');
          accepted = false;
        }
        expect(accepted, JSON.stringify(file)).to.equal(expected);
        verdicts[Number(accepted)]!++;
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(...verdicts)).to.be.above(100);
  });

  it('reads what it writes', async () => {
    const tensor = fc.record({
      name: fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => name !== '__metadata__'),
      shape: fc.array(fc.nat(4), { maxLength: 3 }),
    });
    const tensors = fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(tensors, async (written) => {
        const values = new Map(
          written.map(({ name, shape }, t) => [
            name,
            Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => t + i / 8),
          ]),
        );
        const sources = written.map(({ name, shape }) => ({
          name,
          shape,
          read: () => Promise.resolve(values.get(name)!),
        }));
        await writeAtomic(path, encodeSafetensors(sources, [['format', 'pt']]));
        expect(await readSafetensors(path)).to.deep.equal(values);
      }),
      { numRuns: 200 },
    );
  });

  it('writes no two tensors of one name, and none with other than its values', async () => {
    const source = { name: 'a', shape: [2], read: () => Promise.resolve(new Float32Array(2)) };
    for (const tensors of [
      [source, source],
      [{ ...source, name: '' }],
      [{ ...source, name: '__metadata__' }],
      [{ ...source, shape: [3] }],
    ]) {
      const error: unknown = await writeAtomic(join(dir, 'none'), encodeSafetensors(tensors)).catch(
        (caught: unknown) => caught,
      );
      expect(error).to.have.property('code', 'E_ARGUMENT');
    }
  });
});
