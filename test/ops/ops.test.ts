/**
 * Every op of every instruction set against the reference: compiles test/native and links it with the objects that the
 * addon was built from, so that it tests the very code that ships. Skipped where the addon was not built from source.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const objects = join(root, 'build/Release/obj.target');
const compiler = process.env['CXX'] ?? 'c++';

type Sources = Record<'base_sources' | 'ops_sources' | 'cpu_sources' | 'isa_sources', string[]>;

/** Objects of one gyp target, in gyp's layout. */
function built(target: string, sources: string[]): string[] {
  return sources.map((source) => join(objects, target, source.replace(/\.cc$/, '.o')));
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  expect(error, `${command} could not run`).to.equal(undefined);
  expect(status, `${command} ${args.join(' ')}\n${stdout}${stderr}`).to.equal(0);
  return stdout;
}

describe('ops', function () {
  this.timeout(300_000);

  it('agree with the reference on every instruction set, bitwise for any number of threads', function () {
    const { variables } = JSON.parse(readFileSync(join(root, 'native/sources.gypi'), 'utf8')) as { variables: Sources };
    const shared = [...variables.base_sources, ...variables.ops_sources, ...variables.cpu_sources];
    const isas = process.arch === 'x64' ? ['scalar', 'avx2', 'avx512'] : ['scalar'];
    const linked = [...built('adaptune', shared), ...isas.flatMap((isa) => built(`isa_${isa}`, variables.isa_sources))];
    const missing = linked.find((object) => !existsSync(object));
    if (missing !== undefined || spawnSync(compiler, ['--version']).status !== 0) {
      this.test!.title += ` (skipped: ${missing === undefined ? `no compiler ${compiler}` : `no ${missing}`})`;
      this.skip();
    }

    const folder = mkdtempSync(join(tmpdir(), 'adaptune-ops-'));
    try {
      const program = join(folder, 'ops_test');
      const sources = ['op_cases.cc', 'ops_test.cc'].map((name) => join(root, 'test/native', name));
      const flags = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-I', join(root, 'native')];
      run(compiler, [...flags, ...sources, ...linked, '-pthread', '-o', program]);
      const summary = run(program, []).trim();
      expect(summary).to.match(/^\d+ checks on scalar.*, 0 failed$/);
      this.test!.title += ` (${summary})`;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
