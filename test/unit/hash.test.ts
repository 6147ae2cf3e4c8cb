import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readText, writeAtomic } from '../../lib/util/files.js';
import { Hashing, sha256, sha256File, sha256OfTexts } from '../../lib/util/hash.js';

// FIPS 180-2, appendix B.1 and B.3.
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const MILLION = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0';

describe('hash', () => {
  it('is SHA-256, of data, of files and of what passes by', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'adaptune-hash-'));
    try {
      expect(sha256('abc')).to.equal(ABC);
      expect(sha256(new Uint8Array([97, 98, 99]))).to.equal(ABC);
      writeFileSync(join(dir, 'million'), 'a'.repeat(1_000_000));
      expect(await sha256File(join(dir, 'million'))).to.equal(MILLION);
      const hashing = new Hashing(['a', new Uint8Array([98]), 'c']);
      await writeAtomic(join(dir, 'abc'), hashing);
      expect(await readText(join(dir, 'abc'))).to.equal('abc');
      expect([hashing.digest(), hashing.bytes]).to.deep.equal([ABC, 3]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('tells lists apart that join to the same text', () => {
    expect(sha256OfTexts(['ab', 'c'])).to.not.equal(sha256OfTexts(['a', 'bc']));
    expect(sha256OfTexts(['ab', 'c'])).to.not.equal(sha256OfTexts(['abc']));
    expect(sha256OfTexts(['1:a'])).to.not.equal(sha256OfTexts(['', 'a']));
  });
});
