/** The addon in a process that ends in any way, at any moment, again and again (RELIABILITY 39 to 41). */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { inPairs } from '../cli/cli.js';
import { record } from '../helpers/results.js';
import { run } from '../process/run.js';
import type { Cycled } from './cycles.js';

const RESULTS = 'reliability-process.json';
const ENDINGS = 4;

/** `count` moments spread over [0, end) ms, in an order that jumps about (multiples of the golden ratio). */
const moments = (count: number, end: number): number[] =>
  Array.from({ length: count }, (_, i) => ((i * 0.6180339887498949) % 1) * end);

const CHILD = '../process/child.js';

describe('the process', () => {
  it('outlives 200 Workers that alone load the addon and end with jobs running', async () => {
    const begin = performance.now();
    const { code, stdout, stderr } = await run('../process/worker-host.js', ['50']);
    expect({ code, stdout }, stderr).to.deep.equal({ code: 0, stdout: 'alive 6\n' });
    record(RESULTS, 'workerCycles', { cycles: 50 * ENDINGS, seconds: (performance.now() - begin) / 1000 });
  });

  for (const [ending, what, end] of [
    ['exit', 'with jobs running', 150],
    ['exit-beside-workers', 'with jobs running in three environments', 300],
  ] as const)
    it(`exits with the status asked for at 50 moments ${what}`, async () => {
      const wrong: object[] = [];
      await inPairs([...moments(50, end).entries()], async ([i, at]) => {
        const status = (i * 37) % 256;
        const { code, stderr } = await run(CHILD, [ending, String(at), String(status)]);
        if (code !== status || stderr !== '') wrong.push({ at, status, code, stderr });
      });
      record(RESULTS, ending, { exits: 50, withinMs: end, wrong: wrong.length });
      expect(wrong).to.deep.equal([]);
    });

  it('holds no more after 100 cycles of loading, training and closing than after 20', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'adaptune-cycles-'));
    try {
      const script = fileURLToPath(new URL('./cycles.js', import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, folder, '100']);
      const { live, resident } = JSON.parse(stdout) as Cycled;
      const growth = resident[99]! / resident[19]!;
      record(RESULTS, 'loadCycles', { cycles: 100, liveBytes: Math.max(...live), rssAt20: resident[19], growth });
      expect(live).to.deep.equal(Array(100).fill(0));
      expect(growth).to.be.lessThan(1.05);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
