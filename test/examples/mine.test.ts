import { expect } from 'chai';
import { example } from './example.js';

interface Ticket {
  text: string;
}

describe('examples/mine', function () {
  this.timeout(60_000);

  it('prints sequences with the number of texts that hold them', async () => {
    const { tickets } = (await import(new URL('../../../examples/corpus.mjs', import.meta.url).href)) as {
      tickets(count: number, seed: number): Ticket[];
    };
    const texts = tickets(1000, 1).map(({ text }) => text.split(' '));
    const printed = await example('mine');
    const [, contiguous, gapped] = printed.split(/^\d+ closed sequences of two or more words, .*\n/m);
    const holds: [string | undefined, (words: string[], at: number, next: string) => number][] = [
      [contiguous, (words, at, next) => (words[at + 1] === next ? at + 1 : -1)],
      [gapped, (words, at, next) => words.indexOf(next, at + 1)],
    ];
    for (const [part, follow] of holds) {
      const lines = [...part!.matchAll(/^ {2}(.+) \((\d+)\)$/gm)];
      expect(lines, part).to.have.length(5);
      for (const [line, sequence, support] of lines) {
        const [first, ...rest] = sequence!.split(' ');
        const found = texts.filter((words) =>
          words.some(
            (word, at) =>
              word === first && rest.reduce((end, next) => (end < 0 ? -1 : follow(words, end, next)), at) >= 0,
          ),
        );
        expect(found.length, line).to.equal(Number(support));
      }
    }
  });
});
