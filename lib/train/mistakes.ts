/** Texts whose label the model got wrong although it was sure. */
import { head } from '../model/tokenization.js';
import type { Mistake } from '../report/data.js';

/** Kept of a run. */
export const MISTAKES = 20;
/** UTF-16 units of a text that are kept. */
const TEXT_KEPT = 500;

const beginning = (text: string) => (text.length <= TEXT_KEPT ? text : `${head(text, TEXT_KEPT)}…`);

/** The most confident first, ties by row. */
export function worstMistakes(
  logits: Float32Array,
  gold: Int32Array,
  predicted: Int32Array,
  texts: readonly string[],
): Mistake[] {
  const classes = logits.length / gold.length;
  const mistakes = Array.from(gold.keys())
    .filter((row) => gold[row] !== predicted[row])
    .map((row) => {
      const values = logits.subarray(row * classes, (row + 1) * classes);
      const most = values[predicted[row]!]!;
      const total = values.reduce((sum, value) => sum + Math.exp(value - most), 0);
      return { row, confidence: 1 / total, goldProbability: Math.exp(values[gold[row]!]! - most) / total };
    });
  mistakes.sort((a, b) => b.confidence - a.confidence || a.row - b.row);
  return mistakes.slice(0, MISTAKES).map(({ row, confidence, goldProbability }) => ({
    row,
    text: beginning(texts[row]!),
    gold: gold[row]!,
    predicted: predicted[row]!,
    confidence: Number(confidence.toPrecision(4)),
    goldProbability: Number(goldProbability.toPrecision(4)),
  }));
}
