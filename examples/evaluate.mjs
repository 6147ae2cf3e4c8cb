/**
 * Scores the model of train.mjs on labelled texts that it has not seen.
 *
 *   node examples/evaluate.mjs [folder]
 */
import { evaluate } from 'adaptune';
import { systems } from './corpus.mjs';

const rows = systems(200, 3);
// A file does as well: evaluate(folder, 'test.csv', { text: 'text', label: 'label' }).
const result = await evaluate(process.argv[2] ?? 'runs/example', {
  texts: rows.map(({ text }) => text),
  labels: rows.map(({ label }) => label),
});

console.log(`macro-F1 ${result.macroF1.toFixed(3)}, accuracy ${result.accuracy.toFixed(3)} on ${result.rows} texts`);
for (const { label, precision, recall, f1, support } of result.perClass)
  console.log(
    `${label}: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, F1 ${f1.toFixed(3)} (${support})`,
  );
