import { expect } from 'chai';
import { mineSequences, type MiningOptions, type MiningResult, type Pattern } from '../../lib/mining/index.js';
import { buildDatabase, FlatSequences } from '../../lib/mining/database.js';
import { PatternPacker, unpackPatterns } from '../../lib/mining/packed-patterns.js';
import { Tasks } from '../../lib/mining/tasks.js';
import type { WorkerJob } from '../../lib/mining/worker.js';
import { Workers } from '../../lib/mining/workers.js';
import { Words } from '../../lib/util/philox.js';
import { failure } from '../helpers/failure.js';

/** Sequences that take longer to mine than a job is given before threads start: skewed items, so that prefixes differ in size. */
function manySequences(count: number, length: number, items: number): Int32Array[] {
  const words = new Words({ seed: 7, stream: 'sample' });
  return Array.from({ length: count }, () =>
    Int32Array.from({ length }, () => Math.floor(items * (words.next() / 2 ** 32) ** 2)),
  );
}

/** Resources of this thread that keep the process alive, by kind. */
const workersAlive = (): number =>
  process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name)).length;

describe('mining threads', function () {
  this.timeout(60_000);
  const sequences = manySequences(1500, 50, 60);
  const slow: MiningOptions = { minSupport: 220, maxGap: Infinity };

  /** Checks that other threads had a part in it, if they were to, and that none is left. */
  async function mined(options: MiningOptions & { threads: number }, of = sequences): Promise<MiningResult> {
    let most = 0;
    const onProgress = () => (most = Math.max(most, workersAlive()));
    const result = await mineSequences(of, { ...options, onProgress }, 0);
    expect(most > 0, 'threads at work').to.equal(options.threads > 1);
    expect(workersAlive(), 'threads left').to.equal(0);
    return result;
  }

  const more = manySequences(8000, 60, 300);
  for (const { name, options, of } of [
    { name: 'any gap', options: slow },
    { name: 'any gap, bounded', options: { ...slow, minSupport: 150, maxPattern: 3 } },
    { name: 'gaps of two', options: { minSupport: 10, maxGap: 2 } },
    { name: 'contiguous', options: { minSupport: 2, maxGap: 0 }, of: more },
    { name: 'the top 1,000', options: { ...slow, minSupport: 100, topK: 1000 } },
  ]) {
    it(`1, 2 and 4 find the same in the same order: ${name}`, async () => {
      const one = await mined({ ...options, threads: 1 }, of);
      const others = [await mined({ ...options, threads: 2 }, of), await mined({ ...options, threads: 4 }, of)];
      expect(one.patterns.length).to.be.greaterThan(100);
      for (const other of others) {
        expect(other.patterns).to.deep.equal(one.patterns);
        if (!('topK' in options)) expect(other.visited).to.deep.equal(one.visited);
      }
    });
  }

  it('agree on the support that fits', async () => {
    const messages = [];
    for (const threads of [1, 2, 4])
      messages.push((await failure(mined({ ...slow, threads, maxPatterns: 300 }))).message);
    expect(messages[0]).to.match(/support \d+ gives \d+$/);
    expect(new Set(messages).size).to.equal(1);
  });

  it('end soon after an abort signal, all of them', async () => {
    const controller = new AbortController();
    const work = mineSequences(sequences, { minSupport: 20, maxGap: Infinity, threads: 4, signal: controller.signal });
    const begin = performance.now();
    const aborted = setTimeout(() => controller.abort('enough'), 400);
    const error = await failure(work);
    clearTimeout(aborted);
    expect(error).to.include({ code: 'E_ABORTED', cause: 'enough' });
    expect(performance.now() - begin).to.be.below(5000);
    expect(workersAlive()).to.equal(0);
  });

  it('end when a callback throws', async () => {
    const begin = performance.now();
    const onProgress = () => {
      if (performance.now() - begin > 300) throw new RangeError('no more');
    };
    const outcome: unknown = await mineSequences(sequences, {
      minSupport: 20,
      maxGap: Infinity,
      threads: 2,
      onProgress,
    }).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(RangeError);
    expect(workersAlive()).to.equal(0);
  });

  it('that fail end the job with a coded error', async () => {
    const database = buildDatabase(FlatSequences.of(sequences), 200, false);
    const job = {
      database: { ...database, items: null },
      bounds: { maxGap: 0, maxPattern: 5 },
    } as unknown as WorkerJob;
    const workers = new Workers(() => {});
    workers.start(2, { ...job, tasks: Tasks.of(database, 200).shared });
    await workers.ended();
    expect(() => workers.working)
      .to.throw('a mining thread failed: ')
      .with.property('code', 'E_INTERNAL');
    expect(workersAlive()).to.equal(0);
  });

  it('are not started for small jobs', async () => {
    const begin = performance.now();
    await mineSequences(sequences.slice(0, 20), { minSupport: 5, maxGap: 0, threads: 4 });
    // A thread takes longer than this to start and end.
    expect(performance.now() - begin).to.be.below(100);
  });

  it('are from 1 to 256', async () => {
    for (const threads of [0, 1.5, 257, Infinity, NaN])
      expect((await failure(mineSequences([], { threads }))).code, String(threads)).to.equal('E_ARGUMENT');
  });
});

describe('packed patterns', () => {
  it('come out as they went in, however many', () => {
    const packer = new PatternPacker();
    const patterns = Array.from({ length: 3000 }, (_, i) => ({
      items: Int32Array.from({ length: i % 11 }, (_, j) => i * j),
      support: i,
    }));
    for (const half of [patterns.slice(0, 1000), patterns.slice(1000)]) {
      for (const { items, support } of half) packer.add(items, support);
      const found: Pattern[] = [];
      unpackPatterns(packer.take(), (items, support) => found.push({ items, support }));
      expect(found).to.deep.equal(half);
      expect(packer.isEmpty).to.equal(true);
    }
  });
});
