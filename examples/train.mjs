/**
 * Trains a classifier from a script: with progress, with an abort that leaves a checkpoint, and resumed from it.
 *
 *   node examples/train.mjs [folder]
 */
import { rm } from 'node:fs/promises';
import { AdaptuneError, train } from 'adaptune';
import { systems } from './corpus.mjs';

const out = process.argv[2] ?? 'runs/example';
await rm(out, { recursive: true, force: true });

const columns = (rows) => ({ texts: rows.map(({ text }) => text), labels: rows.map(({ label }) => label) });
const options = {
  model: 'scratch:tiny', // random weights; usually the folder of a pretrained encoder: 'models/minilm-l6'
  train: columns(systems(800, 1)), // or a file: 'train.csv'
  test: columns(systems(200, 2)),
  out,
  epochs: 8,
};

// A deadline, a button, a shutdown: whatever aborts the signal. Here it is step 100.
const controller = new AbortController();
try {
  await train({
    ...options,
    signal: controller.signal,
    onProgress({ stage, done, total, loss }) {
      if (stage !== 'tokens' && stage !== 'units') return; // the two phases of finetuning
      if (done % 20 === 0) console.log(`${stage}: step ${done} of ${total}, loss ${loss.toFixed(3)}`);
      if (done === 100) controller.abort();
    },
  });
} catch (error) {
  if (!(error instanceof AdaptuneError) || error.code !== 'E_INTERRUPTED') throw error;
  console.log(`${error.code}: ${error.message}`);
}

// The same options with `resume` go on from the checkpoint, to the same bytes as an uninterrupted run.
const result = await train({ ...options, resume: true, onNote: (text) => console.log(`note: ${text}`) });
console.log(`${result.steps} steps, test macro-F1 ${result.test_macro_f1.toFixed(3)}`);
console.log(`saved in ${out}: ${Object.keys(result.sizes).join(', ')}`);
