/**
 * Processor seconds that @huggingface/tokenizers takes for all texts, the folders' tokenizers in turn.
 *
 * usage: node tokenizer_speed.mjs MODULES ROUNDS DATA.jsonl FOLDER...
 *
 * MODULES holds a node_modules with the package. Prints a list of seconds by round for each folder.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [modules, rounds, data, ...folders] = process.argv.slice(2);
const { Tokenizer } = createRequire(resolve(modules, 'index.js'))('@huggingface/tokenizers');
const json = (folder, name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const tokenizers = folders.map(
  (folder) => new Tokenizer(json(folder, 'tokenizer.json'), json(folder, 'tokenizer_config.json')),
);
const lines = readFileSync(data, 'utf8').trim().split('\n');
const texts = lines.map((line) => JSON.parse(line).text);
const seconds = folders.map(() => []);
for (let round = 0; round < Number(rounds); round++) {
  tokenizers.forEach((tokenizer, i) => {
    const begin = process.cpuUsage();
    for (const text of texts) tokenizer.encode(text);
    const { user, system } = process.cpuUsage(begin);
    seconds[i].push((user + system) / 1e6);
  });
}
console.log(JSON.stringify(seconds));
