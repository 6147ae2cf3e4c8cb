/** Workers, several environments and the end of a process while jobs run (RELIABILITY 39 to 41). */
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { binding } from '../../lib/native/binding.js';
import { run } from './run.js';
import { BATCH, open } from './tiny.js';

describe('environments', () => {
  it('an addon that only Workers load survives their ends with jobs running', async () => {
    const { code, stdout, stderr } = await run('./worker-host.js', ['3']);
    expect({ code, stdout }, stderr).to.deep.equal({ code: 0, stdout: 'alive 6\n' });
  });

  it('the main thread and two Workers compute the same at the same time', async () => {
    const answers = [1, 2].map(
      () =>
        new Promise<Float32Array>((resolve, reject) => {
          const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { ending: 'answer' } });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    );
    const { model, close } = await open('ref');
    let mine: Float32Array = new Float32Array();
    for (let i = 0; i < 20; ++i) mine = await binding().forward(model, BATCH, 'logits');
    close();
    for (const answer of await Promise.all(answers)) expect([...answer]).to.deep.equal([...mine]);
  });

  it('process.exit while jobs run keeps its status', async () => {
    const ended = await Promise.all([0, 1, 3, 10, 30, 60].map((at) => run('./child.js', ['exit', String(at)])));
    for (const { code, stderr } of ended) expect(code, stderr).to.equal(7);
  });

  it('an uncaught exception while a job runs ends the process with 1', async () => {
    const { code, stderr } = await run('./child.js', ['throw']);
    expect(code).to.equal(1);
    expect(stderr).to.contain('as asked');
  });

  it('a promise keeps the process alive, an open device does not', async () => {
    expect((await run('./child.js', ['unawaited'])).stdout).to.equal('settled\n');
    expect(await run('./child.js', ['idle'])).to.deep.equal({ code: 0, stdout: 'idle\n', stderr: '' });
  });
});
