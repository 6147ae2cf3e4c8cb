import { expect } from 'chai';
import { argmaxRows, classificationMetrics, meanCrossEntropy } from '../../lib/train/metrics.js';

const ids = (...values: number[]) => Int32Array.from(values);
const LABELS = ['a', 'b', 'c', 'd', 'e'];

describe('train/metrics', () => {
  it('agrees with scikit-learn where labels are absent from gold, predictions or both', () => {
    // precision_recall_fscore_support, f1_score(average='macro', zero_division=0) of scikit-learn 1.7:
    // d is predicted only, e is nowhere and does not count in the average.
    const metrics = classificationMetrics(ids(0, 0, 1, 1, 1, 2, 2, 0, 1, 2), ids(0, 1, 1, 1, 2, 2, 0, 0, 1, 3), LABELS);
    expect(metrics.macroF1).to.be.closeTo(0.4541666666666666, 1e-15);
    expect(metrics.accuracy).to.equal(0.6);
    expect(metrics.perClass.map((c) => c.support)).to.deep.equal([3, 4, 3, 0, 0]);
    expect(metrics.perClass.map((c) => c.predicted)).to.deep.equal([3, 4, 2, 1, 0]);
    const close = (values: number[], expected: number[]) =>
      values.forEach((value, i) => expect(value).to.be.closeTo(expected[i]!, 1e-15));
    close(
      metrics.perClass.map((c) => c.precision),
      [2 / 3, 0.75, 0.5, 0, 0],
    );
    close(
      metrics.perClass.map((c) => c.recall),
      [2 / 3, 0.75, 1 / 3, 0, 0],
    );
    close(
      metrics.perClass.map((c) => c.f1),
      [2 / 3, 0.75, 0.4, 0, 0],
    );
    expect(metrics.confusion).to.deep.equal([
      [2, 1, 0, 0, 0],
      [0, 3, 1, 0, 0],
      [1, 0, 1, 1, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('averages over two labels when only two occur, and is 0 when nothing is right', () => {
    expect(classificationMetrics(ids(0, 0, 0, 3, 3), ids(0, 3, 3, 3, 0), LABELS).macroF1).to.be.closeTo(0.4, 1e-15);
    expect(classificationMetrics(ids(1, 1, 2), ids(0, 0, 0), LABELS).macroF1).to.equal(0);
  });

  it('keeps labels that are names of object properties apart', () => {
    const labels = ['__proto__', 'constructor', '10', '9'];
    const metrics = classificationMetrics(ids(0, 1, 2, 3), ids(0, 1, 2, 3), labels);
    expect(metrics.perClass.map((c) => [c.label, c.support])).to.deep.equal(labels.map((label) => [label, 1]));
    expect(metrics.macroF1).to.equal(1);
  });

  it('takes the first of equal logits', () => {
    expect([...argmaxRows(Float32Array.of(1, 3, 3, 0, 0, 0, -2, -1, -3), 3)]).to.deep.equal([1, 0, 1]);
  });

  it('takes the mean cross-entropy of the gold labels, of logits of any size', () => {
    const loss = meanCrossEntropy(Float32Array.of(0, 1, 0, 1), ids(0, 1), 2);
    expect(loss).to.be.closeTo((Math.log(1 + Math.E) + Math.log(1 + 1 / Math.E)) / 2, 1e-12);
    expect(meanCrossEntropy(Float32Array.of(1e9, -1e9), ids(1), 2)).to.equal(2e9);
    expect(meanCrossEntropy(Float32Array.of(5, 5, 5), ids(2), 3)).to.be.closeTo(Math.log(3), 1e-12);
  });
});
