/**
 * Do a saved tokenizer's ids agree with those of @huggingface/tokenizers (pure JavaScript) from the same folder?
 *
 * usage: node check_tokenizer.mjs MODULES FOLDER DATA.jsonl IDS.jsonl
 *
 * MODULES holds a node_modules with the package. DATA has a "text" a line, IDS the list of ids. Prints one JSON line;
 * exit status 1 when a text differs.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [modules, folder, data, ids] = process.argv.slice(2);
const NAME = '@huggingface/tokenizers';
const { Tokenizer } = createRequire(resolve(modules, 'index.js'))(NAME);
const json = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const lines = (path) => readFileSync(path, 'utf8').trim().split('\n').map(JSON.parse);

const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
const texts = lines(data).map(({ text }) => text);
const expected = lines(ids);
let equal = 0;
let shown = 0;
texts.forEach((text, i) => {
  const came = tokenizer.encode(text).ids;
  if (came.join() === expected[i].join()) equal++;
  else if (shown++ < 3) console.error(JSON.stringify({ text, came, expected: expected[i] }));
});
const { version } = JSON.parse(readFileSync(join(modules, 'node_modules', NAME, 'package.json'), 'utf8'));
console.log(JSON.stringify({ texts: texts.length, equal, version }));
if (equal < texts.length) process.exitCode = 1;
