/**
 * The whole job on a corpus of this repository's own making, from random weights: mine, grow the vocabulary, measure,
 * select, finetune, evaluate, save, predict. `npm run demo` runs it in less than two minutes on two cores.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Classifier, train } from 'adaptune';
import { tickets } from './corpus.mjs';

const folder = process.argv[2] ?? 'runs/demo';
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const jsonl = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
await writeFile(join(folder, 'train.jsonl'), jsonl(tickets(2400, 1)));
await writeFile(join(folder, 'validation.jsonl'), jsonl(tickets(400, 2)));
await writeFile(join(folder, 'test.jsonl'), jsonl(tickets(800, 3)));

const started = performance.now();
let stage = '';
const result = await train({
  model: 'scratch:tiny',
  train: join(folder, 'train.jsonl'),
  validation: join(folder, 'validation.jsonl'),
  test: join(folder, 'test.jsonl'),
  out: join(folder, 'model'),
  onProgress(progress) {
    if (progress.stage !== stage) console.log(`… ${(stage = progress.stage)}`);
  },
});
console.log(JSON.stringify(result, null, 1).slice(0, 3000));
console.log(`done in ${((performance.now() - started) / 1000).toFixed(0)} s`);

const classifier = await Classifier.load(join(folder, 'model'));
const text = 'the operator reported a small leak from return manifold beside the press';
console.log(text, (await classifier.predict([text]))[0]);
classifier.close();
