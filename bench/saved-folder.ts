/**
 * Ids and logits of a saved folder, for transformers to agree with.
 *
 * usage: node dist/bench/saved-folder.js DIR DATA OURS.json
 *        python bench/peers/check_saved_folder.py DIR DATA OURS.json
 *
 * DATA: .jsonl, .csv or .tsv with a column `text`. Texts are cut at the folder's own maximum length.
 */
import { Device } from '../lib/native/device.js';
import { Encoder } from '../lib/model/encoder.js';
import { forwardAll } from '../lib/model/inference.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { readTexts } from '../lib/util/data.js';
import { readText, writeAtomic } from '../lib/util/files.js';
import { join } from 'node:path';

const [folder, data, out] = process.argv.slice(2);
if (!folder || !data || !out) {
  console.error('usage: node dist/bench/saved-folder.js DIR DATA OURS.json');
  process.exit(2);
}
const { id2label } = JSON.parse(await readText(join(folder, 'config.json'))) as { id2label: Record<string, string> };
const labels = Object.keys(id2label).map((id) => id2label[id]!);
const device = Device.open();
const encoder = await Encoder.load(device, folder, { classes: labels.length, seed: 1 });
const tokenizer = await Tokenizer.load(folder);
const { texts } = await readTexts(data, { labels: 'none' });
const maxLength = Math.min(tokenizer.maxLength ?? Infinity, encoder.config.positions);
const encodings = await tokenizer.encode(texts, { maxLength });
const logits = await forwardAll(encoder, encodings, 'logits');
const result = {
  isa: device.isa,
  labels,
  newTokens: tokenizer.phrases.length,
  ids: encodings.map((encoding) => [...encoding.ids]),
  logits: encodings.map((_, i) => [...logits.subarray(i * labels.length, (i + 1) * labels.length)]),
};
await writeAtomic(out, JSON.stringify(result));
encoder.close();
device.close();
