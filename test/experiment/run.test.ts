/** `adaptune experiment` from end to end: what it runs, what it keeps, how it goes on, and what it leaves behind. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ExperimentSummary } from '../../lib/experiment/experiment.js';
import { readResult, type RunResult } from '../../lib/experiment/result.js';
import { sha256 } from '../../lib/util/hash.js';
import { cli, jsonl, oneObject, startCli, workspace, type Ended } from '../cli/cli.js';
import { sampleTexts } from '../train/sample-corpus.js';

const space = workspace();
const rows = (count: number, seed: number) => {
  const { texts, labels } = sampleTexts(count, seed);
  return jsonl(texts.map((text, i) => ({ text, label: labels[i]! })));
};
const BASE = { epochs: 1, batch: 16, minSupport: 2, minUses: 2 };

let written = 0;
/** Writes a configuration; its results go into the folder of the same name. */
function config(value: object): { file: string; out: string } {
  const name = `experiment-${written++}`;
  const file = space.write(
    `${name}.yaml`,
    JSON.stringify({ model: 'scratch:tiny', data: { d: 'data' }, base: BASE, ...value }),
  );
  return { file, out: space.at(name) };
}
const run = (file: string, ...more: string[]) => cli(['experiment', file, '--threads', '1', '--json', ...more]);
const summaryOf = ({ code, stdout, stderr }: Ended, expected = 0) => {
  expect(code, stderr).to.equal(expected);
  return oneObject(stdout) as unknown as ExperimentSummary;
};
const statuses = ({ runs }: ExperimentSummary) => Object.fromEntries(runs.map(({ id, status }) => [id, status]));
const result = (out: string, id: string): RunResult => {
  const path = join(out, 'runs', `${id}.json`);
  return readResult(readFileSync(path, 'utf8'), path);
};
const content = (out: string, id: string) => readFileSync(join(out, 'runs', `${id}.json`), 'utf8');

/** Polls for what a process does. */
async function until<T>(look: () => T | undefined, what: string): Promise<T> {
  for (let i = 0; i < 1200; i++) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`waited for ${what}`);
}
/** The folder of the run under way, once it has a checkpoint of a step. */
const underWay = (out: string, id: string) =>
  until(() => {
    const folder = join(out, 'work/runs');
    const name = existsSync(folder) ? readdirSync(folder).find((one) => one.startsWith(`${id}@`)) : undefined;
    if (name === undefined) return undefined;
    const checkpoints = join(folder, name, 'checkpoints');
    const steps = existsSync(checkpoints) ? readdirSync(checkpoints).filter((one) => /^step-0*[1-9]/.test(one)) : [];
    return steps.length > 0 ? checkpoints : undefined;
  }, 'a checkpoint');

describe('experiment/run', function () {
  this.timeout(120_000);
  before(() => {
    for (const [name, count, seed] of [
      ['train', 64, 1],
      ['validation', 24, 2],
      ['test', 24, 3],
    ] as const) {
      space.write(`${name}.jsonl`, rows(count, seed));
    }
  });

  it('trains every run once, in a process of its own, and keeps what is there', async () => {
    const { file, out } = config({
      about: 'what is asked',
      base: { ...BASE, score: 'rank' },
      methods: ['adapt', 'frozen'],
      seeds: [1, 2],
      data: { d: '.' },
    });
    const first = summaryOf(await run(file));
    const done = {
      'd_adapt_seed-1': 'done',
      'd_frozen_seed-1': 'done',
      'd_adapt_seed-2': 'done',
      'd_frozen_seed-2': 'done',
    };
    expect(statuses(first)).to.deep.equal(done);
    expect(first.left_s).to.equal(0);

    const adapt = result(out, 'd_adapt_seed-1');
    expect(adapt).to.include({
      kind: 'run',
      data: 'd',
      name: 'adapt',
      method: 'adapt',
      seed: 1,
      same_as: null,
      failed: null,
    });
    expect(adapt.options).to.include({
      epochs: 1,
      batch: 16,
      seed: 1,
      method: 'adapt',
      score: 'rank',
      headLr: 0.001,
    });
    expect(adapt.key.data).to.deep.equal(
      Object.fromEntries(
        ['train', 'validation', 'test'].map((name) => [
          `${name}.jsonl`,
          sha256(readFileSync(space.at(`${name}.jsonl`))),
        ]),
      ),
    );
    const metrics = adapt.metrics!;
    expect(metrics).to.include({ texts_seen: 64 });
    expect(metrics.rows).to.deep.equal({ train: 64, validation: 24, test: 24 });
    expect(metrics.base_tokens_seen).to.be.greaterThan(64 * 5);
    expect(metrics.seconds).to.be.greaterThan(metrics.train_s).and.below(60);
    expect(metrics.cpu_s).to.be.within(0.05, 60);
    expect(metrics.peak_rss_mb).to.be.within(50, 2000);
    expect(metrics.trainable).to.be.below(metrics.parameters);
    expect(metrics.test!.macro_f1).to.be.within(0, 1);
    expect(adapt.units!.neurons.some((text) => text !== '')).to.equal(true);
    expect(adapt.selection!.spearman.neurons.dispersion).to.be.within(-1, 1);
    expect(adapt.predicted!.split(' ')).to.have.length(24);
    // Which figures are right: those of the predictions that are kept.
    const gold = JSON.parse(readFileSync(join(out, 'gold/d.json'), 'utf8')) as { labels: string[]; gold: string };
    const right = gold.gold.split(' ').filter((label, i) => label === adapt.predicted!.split(' ')[i]).length;
    expect(metrics.test!.micro_f1).to.be.closeTo(right / 24, 1e-12);
    expect(result(out, 'd_frozen_seed-1').selection).to.equal(null);

    for (const name of readdirSync(join(out, 'runs')))
      expect(content(out, name.slice(0, -5)), name).not.to.contain(space.folder);
    expect(readdirSync(join(out, 'work/runs'))).to.deep.equal([]);

    const before = content(out, 'd_adapt_seed-1');
    rmSync(join(out, 'runs/d_frozen_seed-2.json'));
    const preview = summaryOf(await run(file, '--dry-run'));
    expect(statuses(preview)).to.include({ 'd_adapt_seed-1': 'kept', 'd_frozen_seed-2': 'to do' });
    expect(preview.left_s).to.be.closeTo(result(out, 'd_frozen_seed-1').metrics!.seconds, 1e-9);
    expect(existsSync(join(out, 'runs/d_frozen_seed-2.json'))).to.equal(false);
    const second = summaryOf(await run(file));
    expect(statuses(second)).to.deep.equal({
      ...Object.fromEntries(Object.keys(done).map((id) => [id, 'kept'])),
      'd_frozen_seed-2': 'done',
    });
    expect(content(out, 'd_adapt_seed-1')).to.equal(before);

    const printed = await cli(['experiment', 'report', out]);
    expect(printed.code, printed.stderr).to.equal(0);
    expect(printed.stdout).to.match(/2 seeds: no statement/);
    const markdown = readFileSync(join(out, 'report.md'), 'utf8');
    expect(markdown).to.match(/^# experiment-\d+\n\nwhat is asked\n/);
    expect(markdown).to.match(/\| frozen \| adapt \| [+−]0\.\d{3} \|/);
    expect(readFileSync(join(out, 'report.html'), 'utf8'))
      .to.contain('<svg ')
      .and.not.to.contain('<script');
    expect(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))
      .to.have.property('groups')
      .with.length(2);
  });

  it('names results of other options, data or code, and makes them again when forced', async () => {
    const { file, out } = config({ methods: ['frozen'], data: { d: '.' } });
    await run(file);
    const id = 'd_frozen_seed-1';
    const before = content(out, id);
    const edited = { ...(JSON.parse(before) as RunResult) };
    edited.key = { ...edited.key, commit: 'abc1234', data: { ...edited.key.data, 'train.jsonl': 'f'.repeat(64) } };
    writeFileSync(join(out, `runs/${id}.json`), JSON.stringify(edited));
    writeFileSync(
      file,
      JSON.stringify({ model: 'scratch:tiny', data: { d: '.' }, base: { ...BASE, batch: 8 }, methods: ['frozen'] }),
    );
    const [kept] = summaryOf(await run(file)).runs;
    expect(kept).to.include({ status: 'stale' });
    expect(kept!.detail).to.match(/^options, the contents of train\.jsonl, the code \(abc1234 then, .+ now\)$/);
    expect(result(out, id).options['batch']).to.equal(16);
    const [forced] = summaryOf(await run(file, '--force')).runs;
    expect(forced).to.include({ status: 'done', detail: '' });
    expect(result(out, id).options['batch']).to.equal(8);
  });

  it('trains equal plans once, and tells of each selection what led to it', async () => {
    const { file, out } = config({
      base: { ...BASE, score: 'rank' },
      methods: ['adapt'],
      grid: { beta: [1, 2] },
      data: { d: '.' },
    });
    const summary = summaryOf(await run(file));
    // beta has no part in the score by ranks.
    expect(statuses(summary)).to.deep.equal({
      'd_adapt-beta-1_seed-1': 'done',
      'd_adapt-beta-2_seed-1': 'same',
    });
    const [a, b] = [1, 2].map((beta) => result(out, `d_adapt-beta-${beta}_seed-1`));
    expect(b).to.deep.include({ same_as: a!.id, metrics: a!.metrics, units: a!.units, plan_hash: a!.plan_hash });
    expect(b!.options['beta']).to.equal(2);
    expect(statuses(summaryOf(await run(file)))).to.include({ 'd_adapt-beta-2_seed-1': 'kept' });
  });

  it('searches on a part of the training texts, without test texts, and runs with what it found', async () => {
    const { file, out } = config({
      methods: ['full'],
      data: { d: '.' },
      search: { lr: [1e-9, 2e-3], share: 0.5 },
    });
    const preview = summaryOf(await run(file, '--dry-run'));
    expect(preview.runs.map(({ status }) => status)).to.deep.equal(Array.from({ length: 3 }, () => 'to do'));
    summaryOf(await run(file));
    const trials = readdirSync(join(out, 'runs')).filter((name) => name.startsWith('search_'));
    expect(trials).to.have.length(2);
    const scores = trials.map((name) => {
      const { metrics, kind, key, predicted } = result(out, name.slice(0, -5));
      expect([kind, predicted, metrics!.test]).to.deep.equal(['search', null, null]);
      expect(metrics!.rows).to.deep.equal({ train: 32, validation: 24, test: 0 });
      expect(key.data).to.have.keys('train.jsonl', 'validation.jsonl');
      return metrics!.validation.macro_f1;
    });
    const found = result(out, 'd_full_seed-1');
    const { winner, tried } = found.search!;
    expect(tried).to.have.length(2);
    expect(
      tried.find(({ options }) => JSON.stringify(options) === JSON.stringify(winner))!.validation_macro_f1,
    ).to.equal(Math.max(...scores));
    expect(found.options).to.include(winner);
    expect(found.metrics!.rows.train).to.equal(64);
  });

  it('stops at Ctrl-C and goes on from the checkpoint, to the same figures', async () => {
    const value = { methods: ['full'], base: { ...BASE, epochs: 20, saveEvery: 8 }, data: { d: '.' } };
    const { file, out } = config(value);
    const whole = config(value);
    const id = 'd_full_seed-1';
    const first = startCli(['experiment', file, '--threads', '1', '--json'], { detached: true });
    await underWay(out, id);
    const second = await run(file);
    expect(second.stderr).to.match(/E_LOCKED: .*process \d+ holds it/);
    process.kill(-first.child.pid!, 'SIGINT');
    const stopped = await first.ended;
    expect(stopped.code, stopped.stderr).to.equal(130);
    expect(oneObject(stopped.stdout)).to.have.nested.property('error.code', 'E_INTERRUPTED');
    expect(existsSync(join(out, `runs/${id}.json`))).to.equal(false);
    summaryOf(await run(file));
    summaryOf(await run(whole.file));
    const [resumed, uninterrupted] = [result(out, id), result(whole.out, id)];
    expect([resumed.resumed, uninterrupted.resumed]).to.deep.equal([true, false]);
    const figures = ({ metrics, predicted }: RunResult) => ({
      test: metrics!.test,
      evaluations: metrics!.evaluations,
      predicted,
    });
    expect(figures(resumed)).to.deep.equal(figures(uninterrupted));
  });

  it('loses one run to a crash, and to divergence only its figures', async () => {
    const { file, out } = config({
      data: { d: '.' },
      base: { ...BASE, epochs: 20, saveEvery: 8 },
      runs: [
        { name: 'crashed', method: 'full' },
        { name: 'diverged', method: 'full', options: { lr: 1e9, epochs: 2 } },
        { name: 'good', method: 'frozen', options: { epochs: 1 } },
      ],
    });
    const started = startCli(['experiment', file, '--threads', '1', '--json']);
    const checkpoints = await underWay(out, 'd_crashed_seed-1');
    const { pid } = JSON.parse(readFileSync(join(checkpoints, 'owner.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const summary = summaryOf(await started.ended, 1);
    expect(statuses(summary)).to.deep.equal({
      'd_crashed_seed-1': 'failed',
      'd_diverged_seed-1': 'failed',
      'd_good_seed-1': 'done',
    });
    expect(summary.runs[0]!.detail).to.match(/E_INTERNAL: .* it ended with SIGKILL/);
    expect(result(out, 'd_diverged_seed-1').failed).to.have.property('code', 'E_DIVERGED');
    const again = summaryOf(await run(file));
    expect(statuses(again)).to.deep.equal({
      'd_crashed_seed-1': 'done',
      'd_diverged_seed-1': 'kept',
      'd_good_seed-1': 'kept',
    });
    expect(result(out, 'd_crashed_seed-1').resumed).to.equal(true);
  });

  it('trains on a part of the texts', async () => {
    const { file, out } = config({
      methods: ['frozen'],
      data: { d: '.' },
      samples: { share: [0.25], bias: ['none', 'length'] },
    });
    summaryOf(await run(file));
    const results = readdirSync(join(out, 'runs')).map((name) => result(out, name.slice(0, -5)));
    expect(results.map(({ metrics }) => metrics!.rows.train)).to.deep.equal([16, 16]);
    const tokens = (bias: string) =>
      new Set(results.filter(({ sample }) => sample!.bias === bias).map(({ metrics }) => metrics!.base_tokens_seen));
    expect(tokens('none').size).to.equal(1);
    expect([...tokens('length')][0]).to.be.below([...tokens('none')][0]!);
    expect(readdirSync(join(out, 'work/samples/d'))).to.deep.equal([
      'train-0.25-length-1.jsonl',
      'train-0.25-none-1.jsonl',
    ]);
  });

  it('says what is wrong before anything runs', async () => {
    const { file } = config({ methods: ['frozen'], data: { d: 'nowhere' } });
    const good = config({ methods: ['frozen'], data: { d: '.' } });
    const wrong: [string[], number, RegExp][] = [
      [[file], 1, /E_FILE: .*nowhere: expected the folder of the data set "d", came none/],
      [[good.file, '--only', 'full'], 2, /expected a part of the name of a run for --only \(such as d_frozen_seed-1\)/],
      [[good.file, 'more'], 2, /expected one FILE, or report DIR, but received "more" too/],
      [['report'], 2, /expected report DIR but received report alone/],
      [['report', space.at('nowhere')], 1, /E_FILE: .*expected the results of an experiment, came no folder runs/],
      [[space.write('bad.yaml', 'methods: [full')], 2, /E_CONFIG: .*expected YAML, came/],
      [[space.write('odd.yaml', 'model: x\ndata: {d: .}\nmethods: [ful]\n')], 2, /E_CONFIG: .*received "ful"/],
    ];
    for (const [args, exit, message] of wrong) {
      const { code, stderr } = await cli(['experiment', ...args]);
      expect(stderr, args.join(' ')).to.match(message);
      expect(code, stderr).to.equal(exit);
    }
    expect(existsSync(good.out)).to.equal(false);
  });
});
