/** What the binary shows and hides (RELIABILITY 39, 41, 44), by nm and readelf. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { addonPath, binding } from '../../lib/native/binding.js';

const objects = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .map((name) => join(folder, name));

describe('symbols', function () {
  let build: string;
  const tool = (name: string, ...args: string[]) => execFileSync(name, args, { encoding: 'utf8' });

  before(function () {
    binding();
    build = join(addonPath()!, '../obj.target');
    try {
      tool('nm', '--version');
      tool('readelf', '--version');
    } catch {
      this.skip(); // no binutils
    }
  });

  it('exports one symbol', () => {
    const lines = tool('nm', '-D', '--defined-only', addonPath()!).trim().split('\n');
    expect(lines.map((line) => line.split(' ').at(-1))).to.deep.equal(['napi_register_module_v1']);
  });

  it('stays mapped, names no library path, needs only the C library', () => {
    const dynamic = tool('readelf', '-d', addonPath()!);
    expect(dynamic).to.match(/NODELETE/);
    expect(dynamic).to.not.match(/RPATH|RUNPATH/);
    const needed = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1]!);
    expect(needed.filter((name) => !/^(libc|libm|libpthread|libdl|ld-linux.*)\.so/.test(name))).to.deep.equal([]);
  });

  it('instruction-set objects hold no weak symbol and no initialiser', function () {
    if (!existsSync(build)) this.skip(); // a prebuilt binary
    const files = objects(build).filter((file) => /[/\\]isa_\w+[/\\]/.test(file));
    expect(files.length).to.be.greaterThan(3);
    const symbols = tool('nm', '-A', ...files).split('\n');
    expect(symbols.filter((line) => / [VvWwu] /.test(line))).to.deep.equal([]);
    expect(tool('readelf', '-SW', ...files)).to.not.match(/\.(init_array|ctors)/);
  });

  it('no object registers a destructor for the end of the process', function () {
    if (!existsSync(build)) this.skip();
    const symbols = tool('nm', '-A', ...objects(join(build, 'adaptune'))).split('\n');
    expect(symbols.length).to.be.greaterThan(100);
    expect(symbols.filter((line) => /__cxa_(thread_)?atexit/.test(line))).to.deep.equal([]);
  });
});
