/**
 * Labels texts with the model of train.mjs.
 *
 *   node examples/predict.mjs [folder] [text...]
 */
import { Classifier } from 'adaptune';

const [folder = 'runs/example', ...given] = process.argv.slice(2);
const texts =
  given.length > 0
    ? given
    : ['bypass valve leaked again, manifold replaced', 'optical encoder tripped twice, probe checked'];

const classifier = await Classifier.load(folder);
try {
  console.log(`labels: ${classifier.labels.join(', ')}`);
  const predictions = await classifier.predict(texts, { topK: 2 });
  for (const [i, text] of texts.entries()) {
    const scores = predictions[i].map(({ label, score }) => `${label} ${score.toFixed(3)}`);
    console.log(`${text} -> ${scores.join(', ')}`);
  }
} finally {
  classifier.close();
}
