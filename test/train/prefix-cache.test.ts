import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';
import type { Encoding } from '../../lib/model/tokenization.js';
import type { Plan } from '../../lib/select/plan.js';
import type { MemoryPlan } from '../../lib/train/memory.js';
import type { TrainOptions } from '../../lib/train/options.js';
import { keepPrefix, prefixBytes, withPrefixCache } from '../../lib/train/prefix-cache.js';
import type { TrainEvent } from '../../lib/train/run.js';
import { tinyConfig } from '../select/scenario.js';
import { outcome, tinyRun } from './tiny-run.js';

const MIB = 2 ** 20;

describe('train/prefix-cache', function () {
  this.timeout(120_000);
  let folder: string;
  let runs = 0;
  const newOut = () => join(folder, `run-${runs++}`);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-prefix-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('takes 16 bytes a text and a row a token, of [CLS] where the head alone trains', () => {
    const config = tinyConfig(2, 32);
    const encodings = [3, 4].map((length) => ({ ids: new Int32Array(length) }) as Encoding);
    const batches = { encodings, perEpoch: 2 };
    const bytes = (floor: number, plan: { tokens?: number; embeddings?: boolean; steps?: number } = {}) =>
      prefixBytes(
        config,
        {
          floor,
          embeddings: plan.embeddings ?? false,
          phases: plan.tokens === undefined ? [] : [{ name: 'tokens', steps: plan.tokens }],
        },
        batches,
        { epochs: 3, steps: plan.steps ?? 0 },
      );
    expect(bytes(1)).to.equal(2 * 16 + 7 * 4 * 8);
    expect(bytes(2)).to.equal(2 * 16 + 2 * 4 * 8);
    expect([bytes(0), bytes(1, { embeddings: true })]).to.deep.equal([0, 0]);
    // Filled from the fourth of six steps on, it still serves the fifth and sixth; from the fifth on nobody.
    expect([bytes(1, { tokens: 3 }), bytes(1, { tokens: 4 })]).to.deep.equal([256, 0]);
    expect([bytes(1, { tokens: 1, steps: 3 }), bytes(1, { tokens: 1, steps: 4 })]).to.deep.equal([256, 0]);
  });

  it('takes half of what the run leaves, of the limit and of what is free', () => {
    const memory: MemoryPlan = {
      now: 40,
      packs: 20,
      optimizer: 20,
      activations: 20,
      between: 0,
      prefixCache: 0,
      total: 100,
    };
    const cache = (wanted: number, limit: number, free: number) =>
      withPrefixCache(memory, wanted, { limit, free }).prefixCache;
    expect(cache(50, 1000, 1000)).to.equal(50);
    expect(cache(5000, 1000, 5000)).to.equal(450);
    expect(cache(5000, 5000, 1000)).to.equal(470);
    expect([cache(50, 90, 1000), cache(50, 1000, 50)]).to.deep.equal([0, 0]);
    expect(withPrefixCache(memory, 50, { limit: 1000, free: 1000 }).total).to.equal(150);
    expect(withPrefixCache(memory, 64).prefixCache).to.equal(64);
  });

  it('says what does not fit, and that there is no memory', async () => {
    const noted = async (bytes: number, wanted: number, refused?: 'E_MEMORY' | 'E_CLOSED') => {
      const taken: number[] = [];
      const notes: string[] = [];
      const trainer = {
        keepPrefix: (_: number, taking: number) => {
          taken.push(taking);
          return refused ? Promise.reject(new AdaptuneError(refused, 'no')) : Promise.resolve();
        },
      };
      await keepPrefix(trainer, { note: (text) => notes.push(text) }, 10, { bytes, wanted });
      return { taken, notes: notes.join('\n') };
    };
    expect(await noted(0, 0)).to.deep.equal({ taken: [], notes: '' });
    expect(await noted(9 * MIB, 9 * MIB)).to.deep.equal({ taken: [9 * MIB], notes: '' });
    const some = await noted(2 * MIB, 9 * MIB);
    expect(some.taken).to.deep.equal([2 * MIB]);
    expect(some.notes).to.match(/take 9 MiB, and there is room for 2 MiB: /);
    // No more than the table of ten texts.
    const none = await noted(160, 9 * MIB);
    expect(none.taken).to.deep.equal([]);
    expect(none.notes).to.match(/room for none of them/);
    expect((await noted(9 * MIB, 9 * MIB, 'E_MEMORY')).notes).to.match(/room for none of them/);
    const closed: unknown = await noted(MIB, MIB, 'E_CLOSED').catch((error: unknown) => error);
    expect(closed).to.have.property('code', 'E_CLOSED');
  });

  /** Three epochs of four steps, the first two steps in the token phase. */
  const UPPER: Partial<TrainOptions> = { epochs: 3, tokenPhase: 0.15, floor: 1 };
  const STEPS = 12;
  /** The plan is the same but for its predicted cost. */
  const trained = (out: string) => {
    const whole = outcome(out, STEPS);
    const { predictedCost: _, ...report } = whole['report'] as Record<string, unknown>;
    return { ...whole, plan: { ...(whole['plan'] as Plan), predictedCost: 0 }, report };
  };

  it('trains the same model as without, and says what it found', async () => {
    const [on, off] = [newOut(), newOut()];
    const seen: number[] = [];
    const result = await tinyRun(on, {
      ...UPPER,
      onProgress: ({ cached }) => cached !== undefined && seen.push(cached),
    });
    const plain = await tinyRun(off, { ...UPPER, prefixCache: 'off' });
    expect([result.floor, result.new_tokens > 2]).to.deep.equal([1, true]);
    // 110 texts: the 46 of the first epoch's last two steps are known in the second.
    expect(seen).to.have.length(STEPS);
    expect(seen.slice(0, 4)).to.deep.equal([0, 0, 0, 0]);
    expect(seen.slice(4, 8).reduce((a, b) => a + b)).to.equal(46);
    expect(seen.slice(8)).to.deep.equal([32, 32, 32, 14]);
    expect([result.cached_texts, plain.cached_texts]).to.deep.equal([156, 0]);
    expect(result.prefix_cache_mb).to.be.above(0);
    expect(plain.prefix_cache_mb).to.equal(0);
    expect(result.predicted_cost).to.be.below(plain.predicted_cost);
    expect(trained(on)).to.deep.equal(trained(off));
  });

  it('trains the same head as without', async () => {
    const [on, off] = [newOut(), newOut()];
    const frozen = { method: 'frozen', epochs: 3 } as const;
    expect((await tinyRun(on, frozen)).cached_texts).to.equal(220);
    expect((await tinyRun(off, { ...frozen, prefixCache: 'off' })).cached_texts).to.equal(0);
    expect(trained(on)).to.deep.equal(trained(off));
  });

  it('ends bit for bit the same however often it was interrupted', async () => {
    const out = newOut();
    await tinyRun(out, UPPER);
    const whole = outcome(out, STEPS);
    for (const every of [1, 3, 5]) {
      const stopped = newOut();
      for (let step = every; step < STEPS; step += every) {
        const controller = new AbortController();
        const onProgress = ({ stage, done }: TrainEvent) => {
          if ((stage === 'tokens' || stage === 'units') && done >= step) controller.abort();
        };
        const again = existsSync(stopped);
        const error: unknown = await tinyRun(stopped, {
          ...UPPER,
          resume: again,
          signal: controller.signal,
          onProgress,
        }).catch((reason: unknown) => reason);
        expect(error).to.have.property('code', 'E_INTERRUPTED');
      }
      await tinyRun(stopped, { ...UPPER, resume: true });
      expect(outcome(stopped, STEPS), `every ${every} steps`).to.deep.equal(whole);
    }
  });
});
