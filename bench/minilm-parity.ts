/**
 * How far are pooled vectors and logits of real texts from PyTorch's in fp64? This half computes ours; the other compares.
 *
 * usage: node dist/bench/minilm-parity.js MODEL_DIR TEXTS.jsonl OURS.json [ISA]
 *        python bench/peers/minilm_parity.py MODEL_DIR OURS.json... > bench/results/minilm-parity.json
 *
 * The first 64 texts, at most 128 tokens, a 7-way classifier of N(0, initializer_range) from seed 1 that is written along.
 */
import { Device } from '../lib/native/device.js';
import { Encoder } from '../lib/model/encoder.js';
import { forwardAll } from '../lib/model/inference.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { readTexts } from '../lib/util/data.js';
import { writeAtomic } from '../lib/util/files.js';
import { packageVersion } from '../lib/util/version.js';
import type { Isa } from '../lib/native/binding.js';

const TEXTS = 64;
const CLASSES = 7;
const MAX_LENGTH = 128;

const [model, data, out, isa] = process.argv.slice(2);
if (!model || !data || !out) {
  console.error('usage: node dist/bench/minilm-parity.js MODEL_DIR TEXTS.jsonl OURS.json [ISA]');
  process.exit(2);
}
const device = Device.open(isa ? { isa: isa as Isa } : {});
const encoder = await Encoder.load(device, model, { classes: CLASSES, seed: 1 });
const tokenizer = await Tokenizer.load(model);
const texts = (await readTexts(data, { labels: 'none' })).texts.slice(0, TEXTS);
const encodings = await tokenizer.encode(texts, { maxLength: MAX_LENGTH });
const rows = (values: Float32Array, width: number) =>
  Array.from({ length: values.length / width }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
const result = {
  version: packageVersion(),
  isa: device.isa,
  maxLength: MAX_LENGTH,
  texts,
  ids: encodings.map((encoding) => [...encoding.ids]),
  classifier: {
    weight: rows(await encoder.get('classifier.weight'), encoder.config.hidden),
    bias: [...(await encoder.get('classifier.bias'))],
  },
  pooled: rows(await forwardAll(encoder, encodings, 'pooled'), encoder.config.hidden),
  logits: rows(await forwardAll(encoder, encodings, 'logits'), CLASSES),
};
await writeAtomic(out, JSON.stringify(result));
encoder.close();
device.close();
