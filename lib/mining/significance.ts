/** Exact tests of 2 x 2 tables, and the correction for many of them. */

/** Chances of draws without replacement from at most `largest` texts. */
export class Hypergeometric {
  /** ln n! */
  private readonly logFactorial: Float64Array;

  constructor(largest: number) {
    this.logFactorial = new Float64Array(largest + 1);
    for (let n = 2; n <= largest; n++) this.logFactorial[n] = this.logFactorial[n - 1]! + Math.log(n);
  }

  /**
   * P(at least `hits` of `drawn` texts are marked), when `marked` of all `texts` are: Fisher's exact test, one-sided. Exact for
   * any counts, so that five texts are judged as fairly as five thousand.
   */
  upperTail({ hits, drawn, marked, texts }: { hits: number; drawn: number; marked: number; texts: number }): number {
    const least = Math.max(0, drawn + marked - texts);
    const most = Math.min(drawn, marked);
    if (hits <= least) return 1;
    const whole = this.logChoose(texts, drawn);
    let sum = 0;
    for (let k = hits; k <= most; k++) {
      const term = Math.exp(this.logChoose(marked, k) + this.logChoose(texts - marked, drawn - k) - whole);
      sum += term;
      // Terms fall once k is above its mean.
      if (k * texts > drawn * marked && term < sum * 1e-17) break;
    }
    return Math.min(1, sum);
  }

  private logChoose(n: number, k: number): number {
    return this.logFactorial[n]! - this.logFactorial[k]! - this.logFactorial[n - k]!;
  }
}

/**
 * q-values (Benjamini & Hochberg 1995): among the tests with q <= x, at most the share x is expected to be chance. Holds for
 * independent tests and for those that go together, as the phrases of one text do.
 */
export function falseDiscoveryRates(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[b]! - pValues[a]!);
  const q = new Array<number>(pValues.length);
  let least = 1;
  order.forEach((i, above) => {
    const rank = pValues.length - above;
    least = Math.min(least, (pValues[i]! * pValues.length) / rank);
    q[i] = least;
  });
  return q;
}
