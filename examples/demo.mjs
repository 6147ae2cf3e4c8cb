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
await writeFile(join(folder, 'train.jsonl'), jsonl(tickets(4000, 1)));
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
  epochs: 8,
  newTokens: 64,
  onProgress(event) {
    if (event.stage !== stage) console.log(`… ${(stage = event.stage)}`);
  },
});

console.log(`\n${result.new_tokens} mined tokens, among them:`);
for (const { phrase, support, pplU, association } of result.mined.slice(0, 8))
  console.log(
    `  ${phrase.padEnd(20)} in ${support} texts, PPL_u ${pplU.toFixed(2)}, ` +
      `${(100 * association.share).toFixed(0)} % ${association.label}`,
  );
console.log('\nselected units (10 % of the encoder matrices):');
for (const [layer, { groups, neurons }] of result.selected.entries())
  console.log(`  layer ${layer}: ${groups} attention groups, ${neurons} neurons`);
console.log(`\ntest macro-F1 ${result.test_macro_f1.toFixed(3)} (the majority class alone: 0.100)`);

const classifier = await Classifier.load(join(folder, 'model'));
try {
  const text = 'often checked mostly reset dusty filter return manifold slow pulse';
  const [[best]] = await classifier.predict([text]);
  console.log(`"${text}" -> ${best.label} (${best.score.toFixed(3)})`);
} finally {
  classifier.close();
}
console.log(
  `\nthe whole job took ${((performance.now() - started) / 1000).toFixed(0)} s; the model is in ${folder}/model`,
);
