import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { Encoder } from '../../lib/model/encoder.js';
import { parseHfConfig } from '../../lib/model/hf-config.js';
import { openSavedModel, readModelManifest, writeModelManifest } from '../../lib/model/saved-model.js';
import { Device } from '../../lib/native/device.js';
import { writeAtomic } from '../../lib/util/files.js';
import { TINY } from '../helpers/model-folder.js';
import { smallTokenizer } from '../helpers/small-tokenizer.js';
import { failure } from '../helpers/failure.js';

const FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
const LABELS = ['__proto__', '10', '9'];

describe('saved model', () => {
  let dir: string;
  let device: Device;
  before(() => {
    device = Device.open({ threads: 1 });
  });
  after(() => device.close());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-saved-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  async function save(name: string, seed: number, labels = LABELS): Promise<string> {
    const folder = join(dir, name);
    const tokenizer = smallTokenizer({ lowercase: seed !== 2 });
    const { encoder: tiny } = parseHfConfig(JSON.stringify(TINY), 'config.json');
    const config = {
      ...tiny,
      vocabulary: tokenizer.vocabularySize,
      positions: 32,
      classes: labels.length,
      classifierDropout: seed / 10,
    };
    await using encoder = await Encoder.random(device, config, { seed });
    await encoder.save(folder, { labels });
    for (const [file, text] of Object.entries(tokenizer.files(16 + seed))) await writeAtomic(join(folder, file), text);
    await writeModelManifest(folder, { labels, maxLength: 16 + seed, method: 'full', tokens: [] });
    return folder;
  }
  const refusal = (folder: string) => failure(openSavedModel(device, folder));

  it('opens with its labels in the order of its classes', async () => {
    const { encoder, labels, maxLength } = await openSavedModel(device, await save('a', 1));
    encoder.close();
    expect(labels).to.deep.equal(LABELS);
    expect(maxLength).to.equal(17);
  });

  it('is refused when any one file is another model’s', async () => {
    const a = await save('a', 1);
    const b = await save('b', 2);
    for (const name of FILES) {
      const kept = readFileSync(join(a, name));
      expect(readFileSync(join(b, name)).equals(kept), name).to.equal(false);
      copyFileSync(join(b, name), join(a, name));
      const error = await refusal(a);
      expect(error.code, name).to.equal('E_MODEL_MISMATCH');
      expect(error.message).to.contain(join(a, name));
      writeFileSync(join(a, name), kept);
    }
    copyFileSync(join(b, 'adaptune.json'), join(a, 'adaptune.json'));
    expect((await refusal(a)).code).to.equal('E_MODEL_MISMATCH');
  });

  it('is refused when a bit of any file is another', async () => {
    const folder = await save('a', 1);
    for (const name of FILES) {
      const whole = readFileSync(join(folder, name));
      for (let i = 0; i < 12; i++) {
        const at = Math.floor((whole.length * i) / 12);
        const flipped = Buffer.from(whole);
        flipped[at]! ^= 1 << (i % 8);
        writeFileSync(join(folder, name), flipped);
        expect((await refusal(folder)).code, `${name} at ${at}`).to.equal('E_MODEL_MISMATCH');
        writeFileSync(join(folder, name), whole.subarray(0, at));
        expect((await refusal(folder)).code, `${name} cut at ${at}`).to.equal('E_MODEL_MISMATCH');
      }
      writeFileSync(join(folder, name), whole);
    }
  });

  it('is incomplete without any of its files', async () => {
    const folder = await save('a', 1);
    for (const name of [...FILES, 'adaptune.json']) {
      const whole = readFileSync(join(folder, name));
      rmSync(join(folder, name));
      const error = await refusal(folder);
      expect(error.code).to.equal('E_MODEL_INCOMPLETE');
      expect(error.message).to.contain(name);
      writeFileSync(join(folder, name), whole);
    }
  });

  it('is refused when adaptune.json names other labels', async () => {
    const folder = await save('a', 1);
    const { length } = LABELS;
    for (const [labels, came] of [
      [LABELS.toReversed(), `${JSON.stringify(LABELS.at(-1))} as label 0, came ${JSON.stringify(LABELS[0])}`],
      [LABELS.slice(1), `the ${length - 1} labels of adaptune.json in config.json, came ${length}`],
      [[...LABELS, 'x'], `the ${length + 1} labels of adaptune.json in config.json, came ${length}`],
    ] as const) {
      await writeModelManifest(folder, { labels, maxLength: 17 });
      const { code, message } = await refusal(folder);
      expect(code).to.equal('E_MODEL_MISMATCH');
      expect(message).to.contain(came);
    }
  });

  it('is read or refused with a code, whatever adaptune.json holds', async () => {
    const folder = await save('a', 1);
    const path = join(folder, 'adaptune.json');
    const whole = readFileSync(path);
    const edit = fc.record({
      at: fc.nat(whole.length - 1),
      remove: fc.nat(9),
      insert: fc.constantFrom('', '}', '"', '0', ',', '[', '\\', 'e9'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        let text = whole.toString();
        for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
        writeFileSync(path, text);
        try {
          const read = await readModelManifest(folder);
          expect(read.labels).to.satisfy((list: unknown[]) => list.every((label) => typeof label === 'string'));
        } catch (error) {
          expect(error).to.be.instanceOf(AdaptuneError);
          expect((error as AdaptuneError).code).to.match(/^E_MODEL_(INCOMPLETE|MISMATCH)$/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
