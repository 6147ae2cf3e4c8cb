/**
 * Hand-made files with the verdict of the reference reader (safetensors 0.8.0, `deserialize`) and ours. We are stricter on
 * purpose where `ours` differs; a number such as 2.0 or 2e0 is an integer to every JSON parser of JavaScript.
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import { SafetensorsFile } from '../../lib/model/safetensors.js';

/** header, data; `n`: header length to claim instead of the true one. */
function file(header: string | Uint8Array, data = 0, n?: bigint): Buffer {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(n ?? BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(data)]);
}
const entry = (shape: string, offsets: string, dtype = '"F32"') =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const one = (description: string) => `{"a":${description}}`;
const A = entry('[2]', '[0,8]');

type Verdict = 'accepts' | 'refuses';
/** name, bytes, the reference's verdict, ours, what our message names. */
const TABLE: [string, Buffer, Verdict, Verdict, RegExp?][] = [
  ['one tensor', file(one(A), 8), 'accepts', 'accepts'],
  ['leading spaces', file(`  ${one(A)}`, 8), 'accepts', 'accepts'],
  ['trailing spaces', file(`${one(A)}   `, 8), 'accepts', 'accepts'],
  ['tabs and line ends around', file('\t\n{}\r\n'), 'accepts', 'accepts'],
  ['no tensors', file('{}'), 'accepts', 'accepts'],
  ['no tensors but metadata', file('{"__metadata__":{"format":"pt"}}'), 'accepts', 'accepts'],
  ['null as metadata', file(`{"__metadata__":null,"a":${A}}`, 8), 'accepts', 'accepts'],
  ['scalar', file(one(entry('[]', '[0,4]')), 4), 'accepts', 'accepts'],
  [
    'unknown inner field',
    file('{"a":{"x":[{}],"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
    'accepts',
    'accepts',
  ],
  [
    'unaligned data',
    file(`{"b":${entry('[1]', '[0,1]', '"U8"')},"a":${entry('[2]', '[1,9]')}}`, 9),
    'accepts',
    'accepts',
  ],
  ['offsets in another order than names', file(`{"a":${entry('[1]', '[8,12]')},"b":${A}}`, 12), 'accepts', 'accepts'],
  [
    'empty tensors at the same place',
    file(`{"a":${entry('[0]', '[8,8]')},"c":${entry('[0]', '[0,0]')},"b":${A}}`, 8),
    'accepts',
    'accepts',
  ],
  ['name __proto__', file(`{"__proto__":${A}}`, 8), 'accepts', 'accepts'],
  ['name constructor', file(`{"constructor":${A}}`, 8), 'accepts', 'accepts'],
  ['name ../x', file(`{"../x":${A}}`, 8), 'accepts', 'accepts'],
  ['a float8 tensor', file(one(entry('[8]', '[0,8]', '"F8_E4M3"')), 8), 'accepts', 'accepts'],
  ['a product of zero', file(one(entry('[0,4294967296,4294967296]', '[0,0]'))), 'accepts', 'accepts'],

  ['empty name', file(`{"":${A}}`, 8), 'accepts', 'refuses', /names in Unicode, came ""/],
  ['duplicate key, same range', file(`{"a":${A},"a":${A}}`, 8), 'accepts', 'refuses', /every key once, came "a" twice/],
  [
    'duplicate key, zero-size twin',
    file(`{"a":${entry('[0]', '[0,0]')},"a":${A}}`, 8),
    'accepts',
    'refuses',
    /"a" twice/,
  ],
  ['duplicate key, escaped', file(`{"a":${A},"\\u0061":${A}}`, 8), 'accepts', 'refuses', /"a" twice/],
  ['duplicate key in metadata', file('{"__metadata__":{"a":"b","a":"c"}}'), 'accepts', 'refuses', /"a" twice/],
  [
    'rank 10,000',
    file(one(entry(`[${Array(10_000).fill(1).join()}]`, '[0,4]')), 4),
    'accepts',
    'refuses',
    /at most 8 dimensions/,
  ],
  [
    'rank 9',
    file(one(entry('[1,1,1,1,1,1,1,1,1]', '[0,4]')), 4),
    'accepts',
    'refuses',
    /at most 8 dimensions of tensor "a", came 9/,
  ],
  [
    'sizes of 2^63 beside a zero',
    file(one(entry('[0,9223372036854775808,9223372036854775808]', '[0,0]'))),
    'accepts',
    'refuses',
    /sizes below 2\^53/,
  ],
  ['dtype F4', file(one(entry('[2]', '[0,1]', '"F4"')), 1), 'accepts', 'refuses', /as dtype of tensor "a", came "F4"/],
  ['dtype C64', file(one(entry('[1]', '[0,8]', '"C64"')), 8), 'accepts', 'refuses', /came "C64"/],
  [
    'a list as the description',
    file('{"a":["F32",[2],[0,8]]}', 8),
    'accepts',
    'refuses',
    /an object as the description/,
  ],

  ['size 2e0', file(one(entry('[2e0]', '[0,8]')), 8), 'refuses', 'accepts'],
  ['size 2.0', file(one(entry('[2.0]', '[0,8]')), 8), 'refuses', 'accepts'],

  ['no bytes', Buffer.alloc(0), 'refuses', 'refuses', /a safetensors file, came 0 bytes/],
  ['7 bytes', Buffer.alloc(7), 'refuses', 'refuses', /came 7 bytes/],
  ['header length 0', file('{}', 0, 0n), 'refuses', 'refuses', /a header of 1 to 2 bytes, came 0/],
  ['header length past the end', file('{}', 0, 3n), 'refuses', 'refuses', /came 3$/],
  ['header length 2^31', file('{}', 0, 2n ** 31n), 'refuses', 'refuses', /came 2147483648/],
  ['header length 2^53 + 1', file('{}', 0, 2n ** 53n + 1n), 'refuses', 'refuses', /came 9007199254740993/],
  ['header length 2^63', file('{}', 0, 2n ** 63n), 'refuses', 'refuses', /came 9223372036854775808/],
  ['header length 2^64 - 1', file('{}', 0, 2n ** 64n - 1n), 'refuses', 'refuses', /came 18446744073709551615/],
  ['header that ends early', file(one(A), 8, 20n), 'refuses', 'refuses', /valid JSON/],
  ['bad UTF-8', file(Buffer.from('{"\xff":1}', 'latin1')), 'refuses', 'refuses', /a header in UTF-8/],
  ['byte order mark', file(`\ufeff${one(A)}`, 8), 'refuses', 'refuses', /valid JSON/],
  ['NUL after the JSON', file('{}\0'), 'refuses', 'refuses', /valid JSON/],
  ['a list', file('[]'), 'refuses', 'refuses', /a JSON object, came \[\]/],
  ['null', file('null'), 'refuses', 'refuses', /a JSON object, came null/],
  ['null as the description', file('{"a":null}'), 'refuses', 'refuses', /an object as the description/],
  [
    'overlap',
    file(`{"a":${A},"b":${entry('[2]', '[4,12]')}}`, 12),
    'refuses',
    'refuses',
    /"b" to begin at 8, where the one before ends, came 4/,
  ],
  ['alias', file(`{"a":${A},"b":${A}}`, 8), 'refuses', 'refuses', /to begin at 8, where the one before ends, came 0/],
  [
    'hole',
    file(`{"a":${A},"b":${entry('[2]', '[12,20]')}}`, 20),
    'refuses',
    'refuses',
    /to begin at 8, where the one before ends, came 12/,
  ],
  ['hole at the start', file(one(entry('[1]', '[4,8]')), 8), 'refuses', 'refuses', /to begin at 0/],
  [
    'an empty tensor inside of another',
    file(`{"a":${entry('[0]', '[4,4]')},"b":${A}}`, 8),
    'refuses',
    'refuses',
    /begin at 8.*came 4|begin at 0.*came 4/,
  ],
  ['trailing bytes', file(one(A), 9), 'refuses', 'refuses', /8 bytes of tensors, came 9/],
  ['trailing bytes and no tensors', file('{}', 8), 'refuses', 'refuses', /0 bytes of tensors, came 8/],
  ['past the end', file(one(A), 7), 'refuses', 'refuses', /8 bytes of tensors, came 7/],
  [
    'end before start',
    file(`{"a":${entry('[0]', '[4,0]')},"b":${entry('[1]', '[0,4]')}}`, 4),
    'refuses',
    'refuses',
    /data_offsets \[4,0\]/,
  ],
  [
    'size mismatch',
    file(one(entry('[3]', '[0,8]')), 8),
    'refuses',
    'refuses',
    /12 bytes of tensor "a" with dtype F32 and shape \[3\], came data_offsets \[0,8\]/,
  ],
  [
    'product overflow',
    file(one(entry('[4294967296,4294967296]', '[0,0]'))),
    'refuses',
    'refuses',
    /fewer than 2\^53 bytes/,
  ],
  [
    'product overflow to the right size',
    file(one(entry('[4611686018427387904,4,2]', '[0,8]')), 8),
    'refuses',
    'refuses',
    /sizes below 2\^53|fewer than/,
  ],
  ['negative size', file(one(entry('[-2]', '[0,8]')), 8), 'refuses', 'refuses', /shape of tensor "a", came \[-2\]/],
  ['size -0', file(one(entry('[-0]', '[0,0]'))), 'refuses', 'refuses', /shape of tensor "a"/],
  ['fractional size', file(one(entry('[0.5]', '[0,2]')), 2), 'refuses', 'refuses', /came \[0.5\]/],
  ['string size', file(one(entry('["2"]', '[0,8]')), 8), 'refuses', 'refuses', /came \["2"\]/],
  ['null shape', file(one(entry('null', '[0,8]')), 8), 'refuses', 'refuses', /came null/],
  ['three offsets', file(one(entry('[2]', '[0,4,8]')), 8), 'refuses', 'refuses', /two sizes as data_offsets/],
  ['one offset', file(one(entry('[2]', '[8]')), 8), 'refuses', 'refuses', /two sizes as data_offsets/],
  [
    'no dtype',
    file('{"a":{"shape":[2],"data_offsets":[0,8]}}', 8),
    'refuses',
    'refuses',
    /as dtype of tensor "a", came undefined/,
  ],
  ['unknown dtype', file(one(entry('[2]', '[0,8]', '"F33"')), 8), 'refuses', 'refuses', /came "F33"/],
  ['lower-case dtype', file(one(entry('[2]', '[0,8]', '"f32"')), 8), 'refuses', 'refuses', /came "f32"/],
  ['dtype toString', file(one(entry('[2]', '[0,8]', '"toString"')), 8), 'refuses', 'refuses', /came "toString"/],
  [
    'dtype twice',
    file('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
    'refuses',
    'refuses',
    /"dtype" twice/,
  ],
  ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}'), 'refuses', 'refuses', /"__metadata__" twice/],
  [
    'metadata that is no text',
    file('{"__metadata__":{"a":1}}'),
    'refuses',
    'refuses',
    /a string as __metadata__ "a", came 1/,
  ],
  ['metadata that is a tensor', file(`{"__metadata__":${A}}`, 8), 'refuses', 'refuses', /a string as __metadata__/],
  ['lone surrogate', file(`{"\\ud800":${A}}`, 8), 'refuses', 'refuses', /names in Unicode/],
  ['deep nesting', file(`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`), 'refuses', 'refuses', /levels of nesting/],
];

describe('safetensors verdicts', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-verdicts-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const verdict = async (bytes: Buffer): Promise<AdaptuneError | null> => {
    const path = join(dir, 'model.safetensors');
    writeFileSync(path, bytes);
    try {
      await (await SafetensorsFile.open(path)).close();
      return null;
    } catch (error) {
      expect(error).to.be.instanceOf(AdaptuneError);
      expect((error as AdaptuneError).code).to.equal('E_MODEL_FORMAT');
      return error as AdaptuneError;
    }
  };

  for (const [name, bytes, reference, ours, message] of TABLE) {
    it(`${ours} ${name}${reference === ours ? '' : ` (the reference ${reference})`}`, async () => {
      const error = await verdict(bytes);
      expect(error === null ? 'accepts' : 'refuses', error?.message ?? 'accepted').to.equal(ours);
      if (message) expect(error!.message).to.match(message);
    });
  }

  it('takes no memory on the word of a header length', async () => {
    const path = join(dir, 'large.safetensors');
    for (const n of [99_999_999n, 100_000_001n, 2n ** 40n]) {
      writeFileSync(path, file('{}', 0, n));
      // A sparse file, so that the length is not past its end.
      truncateSync(path, 2 ** 41);
      const before = process.memoryUsage().rss;
      const error = await SafetensorsFile.open(path).then(
        () => null,
        (caught: unknown) => caught as AdaptuneError,
      );
      expect(error).to.have.property('code', 'E_MODEL_FORMAT');
      if (n > 100_000_000n) expect(process.memoryUsage().rss - before).to.be.below(8 * 2 ** 20);
    }
  });

  it('refuses a file cut or garbled anywhere in its header', async () => {
    const good = file(`{"__metadata__":{"format":"pt"},"a":${A},"b":${entry('[1,2]', '[8,12]', '"F16"')}}`, 12);
    expect(await verdict(good)).to.equal(null);
    for (let length = 0; length < good.length; length++)
      expect(await verdict(good.subarray(0, length))).to.not.equal(null);
    for (let at = 0; at < good.length - 12; at++) {
      const garbled = Buffer.from(good);
      garbled[at]! ^= 0x80;
      expect(await verdict(garbled), `byte ${at}`).to.not.equal(null);
    }
  });
});
