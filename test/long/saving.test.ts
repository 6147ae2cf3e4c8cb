/**
 * Saving, complete: killed at every file operation, every operation failing, every checkpoint file damaged at many places,
 * power lost, several runs on one folder, files of predict and mine. Samples of it are in npm test.
 */
import { expect } from 'chai';
import type { FaultPlan } from '../../lib/util/files.js';
import { Words } from '../../lib/util/philox.js';
import { inPairs } from '../cli/cli.js';
import { killAll, WrittenFile } from '../cli/written-files.js';
import { record } from '../helpers/results.js';
import { checkpointFiles, FAULTS, Saving, spread } from '../train/saving.js';

const FILE = 'reliability-saving.json';
/** Places of each checkpoint file where a bit is flipped, and where the file is cut. */
const PLACES = 50;
const POWER_LOSSES = 1000;
const RANDOM_KILLS = 100;
const RACES = 20;

/** Prints figures and keeps them; what was recovered equal is every one of them, else the test fails before. */
function report(name: string, begin: number, figures: Record<string, number>): void {
  const seconds = Math.round((performance.now() - begin) / 1000);
  const counts = Object.entries(figures).map(([what, count]) => `${count} ${what.replaceAll('_', ' ')}`);
  console.log(`      ${name}: ${counts.join(', ')}; ${seconds} s`);
  record(FILE, name.replaceAll(' ', '_'), { ...figures, seconds });
}

describe('long/saving', () => {
  let saving: Saving;
  /** After step 4 of 6, with the checkpoints of steps 3 and 4. */
  let unfinished: string;
  let resumed: number;
  before(async () => {
    saving = await Saving.prepare();
    unfinished = await saving.interrupted(4);
    resumed = await saving.operationsOf(unfinished);
  });
  after(() => saving.remove());

  it('killed at every file operation of a run', async () => {
    const begin = performance.now();
    const points = spread(Infinity, saving.firstChange, saving.operations);
    await saving.killAt(points, { together: 10 });
    report('kills of a run', begin, {
      operations: saving.operations,
      first_change: saving.firstChange,
      kills: points.length,
      recovered_equal: points.length,
    });
  });

  it('killed at every file operation of a resumed run', async () => {
    const begin = performance.now();
    const points = spread(Infinity, 1, resumed);
    await saving.killAt(points, { together: 10, from: unfinished });
    report('kills of a resumed run', begin, { kills: points.length, recovered_equal: points.length });
  });

  it('killed at random moments', async () => {
    const begin = performance.now();
    const words = new Words({ seed: 11, stream: 'sample' });
    const delays = Array.from({ length: RANDOM_KILLS }, () => words.below(250));
    let atWork = 0;
    await inPairs(delays, async (delay) => {
      if (await saving.killAfter(delay)) atWork++;
    });
    expect(atWork).to.be.greaterThan(RANDOM_KILLS / 4);
    report('kills at random moments', begin, { kills: atWork, recovered_equal: atWork });
  });

  it('every operation of a run fails', async () => {
    const begin = performance.now();
    const points = spread(Infinity, 1, saving.operations);
    const figures: Record<string, number> = {};
    for (const fault of FAULTS) {
      const stopped = await saving.failAt(points.map((k): FaultPlan => ({ ...fault, k })));
      figures[`stopped_by_${fault.error}_${fault.repeat}`] = stopped;
    }
    const injected = FAULTS.length * points.length;
    report('faults of a run', begin, { injected, ...figures, recovered_equal: injected });
  });

  it('every operation of a resumed run fails', async () => {
    const begin = performance.now();
    const plans = spread(Infinity, 1, resumed).flatMap((k): FaultPlan[] => {
      const error = k % 2 === 0 ? 'ENOSPC' : 'EIO';
      return [
        { k, error, repeat: 'once' },
        { k, error, repeat: 'always' },
      ];
    });
    const stopped = await saving.failAt(plans, { from: unfinished });
    report('faults of a resumed run', begin, { injected: plans.length, stopped, recovered_equal: plans.length });
  });

  it('short and interrupted calls', async () => {
    const begin = performance.now();
    const plans = spread(Infinity, 1, saving.operations).flatMap((k): FaultPlan[] => [
      { k, error: 'short' },
      { k, error: 'EINTR' },
    ]);
    expect(await saving.failAt(plans)).to.equal(0);
    report('short and interrupted calls', begin, { injected: plans.length, completed_equal: plans.length });
  });

  it('damaged checkpoint files', async () => {
    const begin = performance.now();
    let damages = 0;
    for (const file of checkpointFiles(unfinished)) {
      for (let place = 0; place < PLACES; place++) {
        await saving.damage(unfinished, file, { at: place / (PLACES - 1), how: 'flipped' });
        await saving.damage(unfinished, file, { at: place / PLACES, how: 'cut' });
        damages += 2;
      }
    }
    report('damaged checkpoint files', begin, { damages, recovered_equal: damages });
  });

  it('lost power', async () => {
    const begin = performance.now();
    for (let state = 0; state < POWER_LOSSES; state++) await saving.losePower(state);
    report('lost power', begin, { states: POWER_LOSSES, recovered_equal: POWER_LOSSES });
  });

  it('two runs on one folder', async () => {
    const begin = performance.now();
    for (let i = 0; i < RACES; i++) {
      const ends = await saving.race();
      expect(ends).to.include('done');
      expect(ends.find((end) => end !== 'done')).to.be.oneOf(['E_LOCKED', 'E_OUTPUT_EXISTS']);
      await saving.contend();
    }
    report('two runs on one folder', begin, { races: RACES, winners: RACES, winners_killed: RACES, continued: RACES });
  });

  it('files of predict and mine', async () => {
    const begin = performance.now();
    const files = await WrittenFile.all();
    let [faults, stopped] = [0, 0];
    for (const file of files) {
      for (let k = 1; k <= file.operations; k++) {
        for (const fault of FAULTS) {
          if (await file.failAt({ ...fault, k }, k % 2 === 0)) stopped++;
          faults++;
        }
      }
    }
    const kills = await killAll(files);
    report('files of predict and mine', begin, { faults, stopped, kills, old_or_new: faults + kills });
  });
});
