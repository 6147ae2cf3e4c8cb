/**
 * The addon built with AddressSanitizer and UndefinedBehaviorSanitizer under the suites that call it most, and the ops'
 * own test with LeakSanitizer too (RELIABILITY 3). Every process of a suite writes what is wrong with its memory
 * into a folder, which has to stay empty; undefined behaviour ends it with a message and the wrong status.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { record } from '../helpers/results.js';

const RESULTS = 'reliability-process.json';
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUILT = join(ROOT, 'build/asan');
const compiler = process.env['CXX'] ?? 'c++';

const SUITES: Record<string, string[]> = {
  ops: ['ops/parity', 'ops/invariants', 'ops/adapters', 'ops/prefix-cache'],
  process: ['process/hostile', 'process/lifecycle', 'process/environments', 'process/lock', 'process/limits'],
  model: ['model/encoder', 'model/saved-model', 'serve/classifier'],
  train: ['train/job', 'train/resume', 'train/prefix-cache', 'train/calibrate', 'train/reselect'],
};

/** AddressSanitizer's run-time library for LD_PRELOAD, or why there is none. */
function runtime(): { preload: string } | { missing: string } {
  if (process.platform !== 'linux') return { missing: 'libasan is preloaded on Linux only' };
  if (spawnSync('cmake', ['--version']).status !== 0) return { missing: 'no cmake' };
  const { stdout } = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const path = (stdout ?? '').trim();
  return isAbsolute(path) ? { preload: path } : { missing: 'no libasan' };
}

describe('sanitizers', function () {
  let preload: string;
  let folder: string;

  before(function () {
    folder = mkdtempSync(join(tmpdir(), 'adaptune-sanitizers-'));
    const found = runtime();
    if ('missing' in found) {
      for (const test of this.test!.parent!.tests) test.title += ` (skipped: ${found.missing})`;
      this.skip();
    }
    preload = found.preload;
    const env = { ...process.env, CC: process.env['CC'] ?? 'cc', CXX: compiler };
    const { status, stdout, stderr } = spawnSync('npm', ['run', 'build:asan'], { cwd: ROOT, env, encoding: 'utf8' });
    expect(status, `${stdout}${stderr}`).to.equal(0);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const environment = () => ({
    ...process.env,
    LD_PRELOAD: preload,
    // Node itself leaks at exit, by design.
    ASAN_OPTIONS: `detect_leaks=0:log_path=${join(folder, 'asan')}`,
    UBSAN_OPTIONS: 'print_stacktrace=1',
  });
  /** What all processes since the last call reported about memory. */
  const reports = (): string => {
    const names = readdirSync(folder).filter((name) => name.startsWith('asan.'));
    const texts = names.map((name) => readFileSync(join(folder, name), 'utf8'));
    for (const name of names) rmSync(join(folder, name));
    return texts.join('\n').slice(0, 20_000);
  };

  it('report a write past an allocation and an overflow in a library that Node loads', () => {
    const source = join(folder, 'wrong.c');
    const library = join(folder, 'wrong.node');
    writeFileSync(
      source,
      `#include <stdlib.h>
      void* napi_register_module_v1(void* env, void* exports) {
        volatile int most = 2147483647;
        if (getenv("WRONG_SUM")) most += 1;
        volatile char* bytes = malloc(8);
        bytes[8] = 1;
        return exports;
      }`,
    );
    const flags = [
      '-x',
      'c',
      '-g',
      '-shared',
      '-fPIC',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=undefined',
    ];
    expect(spawnSync(compiler, [...flags, source, '-o', library]).status).to.equal(0);
    const load = (env: object) =>
      spawnSync(process.execPath, ['-e', `require(${JSON.stringify(library)})`], {
        env: { ...environment(), ...env },
        encoding: 'utf8',
      });
    expect(load({}).status).to.not.equal(0);
    expect(reports()).to.match(/heap-buffer-overflow[^]*wrong\.c:6/);
    const { status, stderr } = load({ WRONG_SUM: '1' });
    expect(status).to.not.equal(0);
    expect(stderr).to.match(/wrong\.c:4.*signed integer overflow/);
  });

  it('find nothing in the ops of any instruction set, and no leak', () => {
    const program = join(BUILT, 'ops_test');
    const begin = performance.now();
    const { status, stdout, stderr } = spawnSync(program, [], {
      env: { ...environment(), LD_PRELOAD: '', ASAN_OPTIONS: `detect_leaks=1:log_path=${join(folder, 'asan')}` },
      encoding: 'utf8',
    });
    expect(reports()).to.equal('');
    expect(status, `${stdout}${stderr}`).to.equal(0);
    record(RESULTS, 'sanitizersNativeOps', { reports: 0, summary: stdout.trim(), seconds: seconds(begin) });
  });

  for (const [name, files] of Object.entries(SUITES))
    it(`find nothing in ${files.join(', ')}`, () => {
      const begin = performance.now();
      const mocha = [
        'node_modules/mocha/bin/mocha.js',
        '--no-config',
        '--no-package',
        '--file',
        'dist/test/helpers/seed.js',
      ];
      const paths = files.map((file) => `dist/test/${file}.test.js`);
      expect(paths.filter((path) => !existsSync(join(ROOT, path)))).to.deep.equal([]);
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [...mocha, '--timeout', '900000', '--reporter', 'json', ...paths],
        {
          cwd: ROOT,
          env: { ...environment(), ADAPTUNE_BINARY: join(BUILT, 'Debug/adaptune.node') },
          encoding: 'utf8',
          maxBuffer: 2 ** 28,
        },
      );
      expect(reports()).to.equal('');
      expect(stderr).not.to.match(/runtime error:/);
      const { stats, failures } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Summary;
      expect(failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`)).to.deep.equal([]);
      expect(status, stderr.slice(-2000)).to.equal(0);
      expect(stats.passes).to.be.greaterThan(3);
      record(RESULTS, `sanitizers-${name}`, { reports: 0, passes: stats.passes, seconds: seconds(begin) });
    });
});

interface Summary {
  stats: { passes: number };
  failures: { fullTitle: string; err: { message: string } }[];
}

const seconds = (begin: number): number => Math.round((performance.now() - begin) / 1000);
