import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { windows, type WindowLimit } from '../../lib/util/windows.js';

const limit = (items: number, weight = Infinity): WindowLimit<number> => ({ items, weight, weigh: (item) => item });

/** Counts what is read of it, and whether it is closed. */
class Source {
  read = 0;
  closed = false;

  async *numbers(count: number, fail = false): AsyncGenerator<number> {
    try {
      while (this.read < count) yield ++this.read;
      if (fail) throw new RangeError('spoilt');
    } finally {
      this.closed = true;
    }
  }
}

describe('windows', () => {
  it('give everything in order, whoever is faster', async () => {
    for (const [sourceWaits, readerWaits] of [
      [false, false],
      [true, false],
      [false, true],
    ]) {
      const source = (async function* () {
        for (let i = 0; i < 50; i++) {
          if (sourceWaits) await turn();
          yield i;
        }
      })();
      const seen: number[] = [];
      for await (const window of windows(source, limit(7))) {
        expect(window.length).to.be.within(1, 7);
        seen.push(...window);
        if (readerWaits) await turn();
      }
      expect(seen).to.deep.equal(Array.from({ length: 50 }, (_, i) => i));
    }
  });

  it('hand on what is there while the source waits for more', async () => {
    let more = () => {};
    const source = (async function* () {
      yield 1;
      yield 2;
      await new Promise<void>((resolve) => (more = resolve));
      yield 3;
    })();
    const parts = windows(source, limit(100));
    const seen = [...(await parts.next()).value!];
    while (seen.length < 2) seen.push(...(await parts.next()).value!);
    expect(seen).to.deep.equal([1, 2]);
    const next = parts.next();
    more();
    expect((await next).value).to.deep.equal([3]);
    expect((await parts.next()).done).to.equal(true);
  });

  it('read ahead one window at most, by items and by weight', async () => {
    for (const [bounds, ahead] of [
      [limit(8), () => 8],
      // Items weigh what they are; the one that goes over the bound is read.
      [limit(1000, 100), (last: number) => Math.ceil(100 / last) + 1],
    ] as const) {
      const source = new Source();
      let last = 0;
      for await (const window of windows(source.numbers(Infinity), bounds)) {
        last = window.at(-1)!;
        await turn();
        expect(source.read - last, `after ${last}`).to.be.within(1, ahead(last));
        if (last > 500) break;
      }
      await turn();
      expect(source.closed).to.equal(true);
    }
  });

  it('end with the error of the source, after all that came before it', async () => {
    const seen: number[] = [];
    let caught: unknown;
    try {
      for await (const window of windows(new Source().numbers(5, true), limit(2))) seen.push(...window);
    } catch (error) {
      caught = error;
    }
    expect(caught).to.be.instanceOf(RangeError);
    expect(seen).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('are none of an empty source', async () => {
    const source = new Source();
    for await (const _ of windows(source.numbers(0), limit(3))) expect.fail('a window');
    expect(source.closed).to.equal(true);
  });
});
