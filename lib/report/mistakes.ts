/** The mistakes that the model was surest of: often labels worth a second look. */
import type { Details, Summary } from './data.js';
import { briefName, counted, percent, three } from './figures.js';
import { element, type Markup } from './html.js';
import { scoredOf } from './classes.js';
import { tableOf } from './tables.js';

export function mistakesSection(summary: Summary, details: Details): Markup[] {
  const { mistakes, scored } = details;
  if (mistakes.length === 0) return [];
  const { rows, accuracy } = scoredOf(summary, details);
  const wrong = Math.round(rows * (1 - accuracy));
  const name = (id: number) => briefName(summary.labels[id] ?? String(id));
  const table = tableOf({
    head: ['row', 'text', 'gold', 'predicted', 'confidence', 'of gold'],
    rows: mistakes.map(({ row, text, gold, predicted, confidence, goldProbability }) => [
      counted(row + 1),
      text,
      name(gold),
      name(predicted),
      three(confidence),
      three(goldProbability),
    ]),
    words: [1, 2, 3],
  });
  const which = mistakes.length < wrong ? `the ${mistakes.length} that the model was surest of` : 'all of them';
  return [
    element(
      'section',
      {},
      element('h2', {}, 'Worst mistakes'),
      element(
        'p',
        {},
        `${counted(wrong)} of ${counted(rows)} ${scored} texts got a wrong label (${percent(1 - accuracy)}); here are ${which}, by the probability of the predicted label, beside that of the gold one.`,
      ),
      table,
    ),
  ];
}
