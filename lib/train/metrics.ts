/**
 * Classification metrics, defined as in scikit-learn: the macro average runs over the labels that occur in the gold data
 * or in the predictions, and a ratio with denominator 0 is 0 (`zero_division=0`).
 */
export interface ClassMetrics {
  label: string;
  precision: number;
  recall: number;
  f1: number;
  /** Rows with this gold label. */
  support: number;
  /** Rows predicted as this label. */
  predicted: number;
}

export interface Metrics {
  rows: number;
  /** Equal to micro-F1, every row having exactly one label. */
  accuracy: number;
  macroF1: number;
  /** One entry per label of the model, in the model's order. */
  perClass: ClassMetrics[];
  /** confusion[gold][predicted], in the model's label order. */
  confusion: number[][];
}

/** What the logits give besides the labels that they choose. */
export interface Scores extends Metrics {
  /** Mean cross-entropy of the gold labels, nats. */
  loss: number;
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

export function classificationMetrics(gold: Int32Array, predicted: Int32Array, labels: readonly string[]): Metrics {
  const counts = labels.map(() => new Array<number>(labels.length).fill(0));
  let right = 0;
  for (let i = 0; i < gold.length; i++) {
    const g = gold[i]!;
    const p = predicted[i]!;
    counts[g]![p]! += 1;
    if (g === p) right++;
  }
  const perClass = labels.map((label, c): ClassMetrics => {
    const hits = counts[c]![c]!;
    const support = counts[c]!.reduce((a, b) => a + b, 0);
    const said = counts.reduce((a, row) => a + row[c]!, 0);
    return {
      label,
      precision: ratio(hits, said),
      recall: ratio(hits, support),
      f1: ratio(2 * hits, support + said),
      support,
      predicted: said,
    };
  });
  const present = perClass.filter((c) => c.support + c.predicted > 0);
  return {
    rows: gold.length,
    accuracy: ratio(right, gold.length),
    macroF1: ratio(
      present.reduce((a, c) => a + c.f1, 0),
      present.length,
    ),
    perClass,
    confusion: counts,
  };
}

/** Mean of -log softmax(row)[gold] over the rows of [gold.length, columns]. */
export function meanCrossEntropy(logits: Float32Array, gold: Int32Array, columns: number): number {
  let total = 0;
  for (const [r, label] of gold.entries()) {
    const row = logits.subarray(r * columns, (r + 1) * columns);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    total += most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0)) - row[label]!;
  }
  return total / gold.length;
}

/** Index of the largest entry of each row of [rows, columns]; ties go to the lower index. */
export function argmaxRows(values: Float32Array, columns: number): Int32Array {
  const best = new Int32Array(values.length / columns);
  for (let r = 0; r < best.length; r++) {
    let at = 0;
    for (let c = 1; c < columns; c++) if (values[r * columns + c]! > values[r * columns + at]!) at = c;
    best[r] = at;
  }
  return best;
}
