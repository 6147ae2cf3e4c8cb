/** The training loss over the steps, in as many points as a plot can show. */
const POINTS = 200;

/** Of `steps` steps, so many are a point. */
export const stepsOfPoint = (steps: number): number => Math.max(1, Math.ceil(steps / POINTS));

/** Sum and number of the losses of each point. */
export type Curve = [sum: number, steps: number][];

export function addToCurve(curve: Curve, step: number, steps: number, loss: number): void {
  const at = Math.floor(step / stepsOfPoint(steps));
  while (curve.length <= at) curve.push([0, 0]);
  const point = curve[at]!;
  point[0] += loss;
  point[1] += 1;
}

/** Null where no step had a finite loss. */
export const meansOf = (curve: Curve): (number | null)[] =>
  curve.map(([sum, steps]) => (steps === 0 ? null : Number((sum / steps).toPrecision(5))));
