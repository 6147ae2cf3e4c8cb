/** Samples of the training texts: the validation split, calibration, head fit. Order and choice depend on the seed alone. */
import { permutation, type Place } from '../util/philox.js';

/** Rows by label, each list shuffled. */
function shuffledByLabel(labels: Int32Array, place: Place): number[][] {
  const rows: number[][] = [];
  for (const row of permutation(labels.length, place)) (rows[labels[row]!] ??= []).push(row);
  return Array.from(rows, (list) => list ?? []);
}

/** Shares of `total` in proportion to `sizes`, rounded by largest remainder (ties: lower index); they sum to `total`, or to all there is. */
export function proportionalShares(sizes: readonly number[], total: number): number[] {
  const all = sizes.reduce((a, b) => a + b, 0);
  const wanted = Math.min(total, all);
  const exact = sizes.map((size) => (all === 0 ? 0 : (size * wanted) / all));
  const shares = exact.map(Math.floor);
  const order = sizes.map((_, i) => i).sort((a, b) => exact[b]! - shares[b]! - (exact[a]! - shares[a]!) || a - b);
  const left = wanted - shares.reduce((a, b) => a + b, 0);
  for (const i of order.slice(0, left)) shares[i]! += 1;
  return shares;
}

/**
 * At most `size` rows, every label with its share, in two halves that differ by at most one row in size and by label.
 * The halves do not overlap.
 */
export function stratifiedHalves(labels: Int32Array, size: number, place: Place): [number[], number[]] {
  const byLabel = shuffledByLabel(labels, place);
  const shares = proportionalShares(
    byLabel.map((rows) => rows.length),
    Math.min(size, labels.length),
  );
  const halves: [number[], number[]] = [[], []];
  let turn = 0;
  for (const [label, rows] of byLabel.entries()) {
    for (const row of rows.slice(0, shares[label])) halves[turn++ % 2]!.push(row);
  }
  return halves;
}

/**
 * Takes a tenth (`fraction`) of the rows for validation, every label with its share. Rows with equal keys stay together,
 * so that no text is trained on and validated with; no label loses its last training row.
 */
export function splitValidation(
  keys: Int32Array,
  labels: Int32Array,
  seed: number,
  fraction = 0.1,
): { train: number[]; validation: number[] } {
  const sizes: number[] = [];
  for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
  const rows = Array.from(sizes, (size) => size ?? 0);
  const target = proportionalShares(rows, Math.round(fraction * labels.length));
  const groups = new Map<number, number[]>();
  for (const [row, key] of keys.entries()) {
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  const list = [...groups.values()];
  const taken = target.map(() => 0);
  const validation: number[] = [];
  for (const at of permutation(list.length, { seed, stream: 'split' })) {
    const group = list[at]!;
    const counts = new Map<number, number>();
    for (const row of group) counts.set(labels[row]!, (counts.get(labels[row]!) ?? 0) + 1);
    let change = 0;
    let empties = false;
    for (const [label, count] of counts) {
      const missing = target[label]! - taken[label]!;
      change += Math.abs(missing - count) - Math.abs(missing);
      empties ||= taken[label]! + count >= rows[label]!;
    }
    if (change >= 0 || empties) continue;
    for (const [label, count] of counts) taken[label]! += count;
    validation.push(...group);
  }
  validation.sort((a, b) => a - b);
  const held = new Set(validation);
  return { train: Array.from(labels.keys()).filter((row) => !held.has(row)), validation };
}
