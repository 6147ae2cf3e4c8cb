/** A corpus whose labels depend on two-word terms, small enough to train on in a second. */
import { permutation, Words } from '../../lib/util/philox.js';
import type { LabelledTexts } from '../../lib/train/labelled-texts.js';

const FILLER =
  'pump near line report small check after routine old test shift area low unit some during valve crew'.split(' ');
// Every single word occurs in both classes.
const TERMS = [
  ['return manifold', 'feed pump', 'leak alarm'],
  ['feed manifold', 'return pump', 'alarm leak'],
];

/** `count` texts, half of each label; `seed` changes all of them. */
export function sampleTexts(count: number, seed: number): LabelledTexts {
  const words = new Words({ seed, stream: 'sample', site: 7 });
  const texts: string[] = [];
  const labels: string[] = [];
  for (const row of permutation(count, { seed, stream: 'sample' })) {
    const label = row % 2;
    const text = Array.from({ length: 4 + words.below(6) }, () => FILLER[words.below(FILLER.length)]!);
    text.splice(words.below(text.length + 1), 0, TERMS[label]![words.below(3)]!);
    texts.push(text.join(' '));
    labels.push(['constructor', '10'][label]!);
  }
  return { texts, labels };
}
