/**
 * Is the merge in tokenizer.json exact? Every text of each data set, with its most frequent word n-grams as phrases,
 * against the slow rule of test/helpers/phrase-oracle.ts.
 *
 * usage: node dist/bench/check-merge.js --model DIR --data DIR [--phrases 1000] [--out DIR]
 *
 * DIR of --data holds a folder a data set. With --out, OUT/<set> gets the grown tokenizer and texts.jsonl, ids.jsonl
 * for bench/peers/check_tokenizer.py. Prints one JSON line a set; exit status 1 when a text differs.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { frequentPhrases, oracleIds } from '../test/helpers/phrase-oracle.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    phrases: { type: 'string', default: '1000' },
    out: { type: 'string' },
  },
});
const { model, data, out } = values;
if (!model || !data) throw new Error('expected --model DIR --data DIR');

const MAX_LENGTH = 128;
const base = await Tokenizer.load(model);
for (const set of readdirSync(data, { withFileTypes: true })) {
  if (!set.isDirectory()) continue;
  const folder = join(data, set.name);
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line) => (JSON.parse(line) as { text: string }).text);
  const grown = base.withPhrases(frequentPhrases(base, texts, Number(values.phrases)));
  const expected = await oracleIds(base, grown, texts);
  const plain = await base.encodeForMining(texts);
  // Long enough for every text.
  const started = performance.now();
  const encoded = await grown.encode(texts, { maxLength: 4096 });
  const seconds = (performance.now() - started) / 1000;
  let [equal, tokens, baseTokens] = [0, 0, 0];
  encoded.forEach(({ ids, baseTokens: count }, i) => {
    tokens += ids.length - 2;
    baseTokens += count - 2;
    const same = ids.length === expected[i]!.length + 2 && expected[i]!.every((id, k) => id === ids[k + 1]);
    if (same && count === plain[i]!.ids.length + 2) equal++;
  });
  if (equal < texts.length) process.exitCode = 1;
  console.log(
    JSON.stringify({
      set: set.name,
      texts: texts.length,
      equal,
      phrases: grown.phrases.length,
      length_ratio: tokens / baseTokens,
      texts_per_s: Math.round(texts.length / seconds),
    }),
  );
  if (out) {
    const target = join(out, set.name);
    mkdirSync(target, { recursive: true });
    for (const [name, text] of Object.entries(grown.files(MAX_LENGTH))) writeFileSync(join(target, name), text);
    const lines = (rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    writeFileSync(join(target, 'texts.jsonl'), lines(texts.map((text) => ({ text }))));
    const cut = await grown.encode(texts, { maxLength: MAX_LENGTH });
    writeFileSync(join(target, 'ids.jsonl'), lines(cut.map(({ ids }) => [...ids])));
  }
}
