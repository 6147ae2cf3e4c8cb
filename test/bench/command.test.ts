/** `adaptune bench`: trials of all engines, the result file, comparison with an earlier one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Report } from '../../lib/bench/report.js';
import { cli, inPairs, oneObject, workspace } from '../cli/cli.js';

const KERNEL = 'forward, minilm out, 128 rows';
const QUICK = ['kernels', '--only', KERNEL, '--threads', '1', '--seconds', '0.01', '--rounds', '2'];
const STEP = ['--shape', 'tiny', '--lengths', 'fixed:8', '--batch', '2', '--steps', '1', '--rounds', '1'];

describe('cli/bench', function () {
  this.timeout(60_000);
  const space = workspace();

  const earlier = (name: string, factor: number, report: Report): string => {
    const results = report.results.map((result) => ({
      ...result,
      trials: result.trials.map((trial) => ({ ...trial, seconds: factor * trial.seconds })),
    }));
    writeFileSync(space.at(name), JSON.stringify({ ...report, results }));
    return space.at(name);
  };

  it('times a kernel, writes where the figures come from, and compares', async () => {
    const out = space.at('now.json');
    const run = await cli(['bench', ...QUICK, '--out', out]);
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/\n1 thread: multiply-adds in registers [\d.]+ GFLOP\/s\n/);
    expect(run.stdout).to.match(/kernel +engine +threads +ms +spread +GFLOP\/s +of peak/);
    const report = JSON.parse(readFileSync(out, 'utf8')) as Report;
    expect(report).to.include({ what: 'kernels', rounds: 2 });
    expect(report['command']).to.contain('bench kernels --only').and.to.contain(' --out now.json');
    expect(report.machine).to.have.keys('cpu', 'isa', 'threads', 'node');
    const [result] = report.results;
    expect(report.results).to.have.length(1);
    expect(result).to.include({ name: KERNEL, engine: 'adaptune', threads: 1, flops: 2 * 128 * 384 * 384 });
    expect(result!.trials).to.have.length(2);
    const { seconds, flops } = result as unknown as { seconds: number; flops: number };
    expect(Number(result!['gflops'])).to.be.closeTo(flops / seconds / 1e9, 0.02 * Number(result!['gflops']));

    const [slower, faster] = await Promise.all([
      cli(['bench', ...QUICK, '--compare', earlier('fast.json', 0.02, report)]),
      cli(['bench', ...QUICK, '--compare', earlier('slow.json', 50, report), '--json']),
    ]);
    expect(slower.code, slower.stderr).to.equal(1);
    expect(slower.stdout).to.match(/slower\n1 slower, 0 faster, 0 same\n/);
    expect(faster.code, faster.stderr).to.equal(0);
    expect(oneObject(faster.stdout)).to.have.nested.property('comparison.differences[0].verdict', 'faster');
  });

  it('times training steps beside a peer, padded and by length', async () => {
    const peer = space.write(
      'peer.mjs',
      `const [shape, method] = process.argv.slice(2);
       const seconds = process.argv.includes('--by-length') ? 0.5 : 1;
       console.log('some remark');
       console.log(JSON.stringify({ shape, method, step_s: seconds, tokens_per_s: 16 / seconds, torch: '2' }));`,
    );
    const command = ['--peer-command', `${process.execPath} ${peer}`, '--peer-methods', 'full'];
    const { code, stdout, stderr } = await cli(['bench', 'train', ...STEP, ...command, '--only', 'full', '--json']);
    expect(code, stderr).to.equal(0);
    const { results } = oneObject(stdout) as unknown as Report;
    expect(
      results.map(({ engine, tokens_per_s }) => [engine, engine === 'adaptune' ? null : tokens_per_s]),
    ).to.deep.equal([
      ['adaptune', null],
      ['pytorch, random batches', 16],
      ['pytorch, batches of similar length', 32],
    ]);
    expect(results[1]!.trials[0]).to.include({ shape: 'tiny', method: 'full', torch: '2' });
    expect(results[0]).to.include.keys('texts_per_s', 'share_of_peak', 'peak_rss_mb', 'predicted_cost');
    expect(results[0]).to.include({ cost: 1 });
  });

  it('times a plan with a floor and inference, beside lines of several engines', async () => {
    const peer = space.write(
      'ort.mjs',
      `for (const engine of ['torch', 'onnxruntime fp32', 'onnxruntime int8'])
         console.log(JSON.stringify({ engine, batch_s: 0.25, tokens_per_s: process.argv.includes('--threads') ? 8 : 0 }));`,
    );
    const command = ['--ort-command', `${process.execPath} ${peer}`];
    const [plan, infer] = await Promise.all([
      cli(['bench', 'train', ...STEP, '--only', 'u', '--json']),
      cli(['bench', 'infer', ...STEP, ...command]),
    ]);
    expect(plan.code, plan.stderr).to.equal(0);
    const { results } = oneObject(plan.stdout) as unknown as Report;
    const named = (name: string) => results.find((result) => result.name === name)!;
    const [half, cached] = [named('adapt, upper half'), named('adapt, upper half, cached')];
    expect(Number(half['gflops'])).to.be.greaterThan(0);
    expect(half).to.not.include.keys('three_epochs');
    // Two layers of five: a step that finds the states of the lower one, and one of three that computes them.
    const [predicted, without, three] = [
      cached['predicted_cost'],
      half['predicted_cost'],
      cached['predicted_three_epochs'],
    ];
    expect(Number(three)).to.be.closeTo((Number(without) + 2 * Number(predicted)) / 3, 1e-3);
    expect(Number(predicted)).to.be.below(Number(without) - 0.1);
    expect(Number(cached['three_epochs'])).to.be.greaterThan(0);
    expect(infer.code, infer.stderr).to.equal(0);
    expect(infer.stdout)
      .to.match(/infer, 2 texts +adaptune/)
      .and.to.match(/infer, one text +adaptune/);
    expect(infer.stdout).to.match(/onnxruntime int8, batches of similar length +250\.0/);
  });

  it('refuses what it does not know, before or with the first trial', async () => {
    const other = space.write('other.json', '{"what": "kernels"}');
    const wrong: [string[], number, RegExp][] = [
      [['everything'], 2, /expected kernels, train or infer but received "everything"/],
      [[], 2, /expected <kernels\|train\|infer> but received nothing/],
      [['kernels', '--only', 'nothing of this name'], 2, /expected a part of a name for --only/],
      [['train', '--lengths', 'long'], 2, /expected fixed:N, uniform:LOW:HIGH or data:FOLDER/],
      [['infer', ...STEP, '--lengths', 'data:/nowhere'], 2, /expected --model DIR, whose tokenizer/],
      [['kernels', '--compare', other], 1, /expected a result of adaptune bench, came date/],
      [['kernels', '--out', space.at('result.txt')], 2, /expected a file ending in \.json/],
      [[...QUICK, '--blas', '/nowhere/libblas.so'], 1, /expected a shared library but received \/nowhere\/libblas\.so/],
      [['infer', ...STEP, '--ort-command', `${process.execPath} --version`], 2, /expected a line of JSON, came none/],
      [['infer', ...STEP, '--peer-command', '/nowhere/python x'], 2, /expected a program that runs but received/],
    ];
    await inPairs(wrong, async ([args, exit, message]) => {
      const { code, stderr } = await cli(['bench', ...args]);
      expect(stderr).to.match(message);
      expect(code, stderr).to.equal(exit);
    });
  });
});
