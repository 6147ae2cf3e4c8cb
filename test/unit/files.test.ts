import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as files from '../../lib/util/files.js';
import { failure } from '../helpers/failure.js';

const door = new URL('../../lib/util/files.js', import.meta.url).href;

describe('files', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-files-'));
  });
  afterEach(() => {
    files.setFaultPlan(null);
    rmSync(dir, { recursive: true, force: true });
  });

  it('writes at once and leaves nothing else in the folder', async () => {
    const path = join(dir, 'a.txt');
    await files.writeAtomic(path, 'one');
    await files.writeAtomic(path, ['tw', new Uint8Array([111]), '\n']);
    expect(await files.readText(path)).to.equal('two\n');
    async function* slowly() {
      for (let i = 0; i < 3000; i++) yield `${i} ${'x'.repeat(300)}\n`;
    }
    await files.writeAtomic(path, slowly());
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines.map((line) => line.split(' ')[0])).to.deep.equal([
      ...Array.from({ length: 3000 }, (_, i) => `${i}`),
      '',
    ]);
    expect(await files.list(dir)).to.deep.equal(['a.txt']);
  });

  it('reads in pieces, of which what is left comes again', async () => {
    const path = join(dir, 'a');
    // One line is longer than a piece.
    const lines = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(i === 20 ? 2_000_000 : 30_000)}\n`);
    writeFileSync(path, `${lines.join('')}end`);
    await using file = await files.ReadableFile.open(path);
    const taken: string[] = [];
    let pieces = 0;
    await file.readPieces((bytes, isLast) => {
      pieces += 1;
      const end = isLast ? bytes.length : bytes.lastIndexOf(10) + 1;
      taken.push(new TextDecoder().decode(bytes.subarray(0, end)));
      return end;
    });
    expect(pieces).to.be.greaterThan(3);
    expect(taken.join('') === `${lines.join('')}end`).to.equal(true);
    expect((await failure(files.ReadableFile.open(path, 1000))).message).to.match(/expected at most 1000 bytes, came /);
  });

  it('copies chunks, since producers reuse their buffer', async () => {
    const buffer = new Uint8Array(4);
    function* reuse() {
      for (let i = 0; i < 3; i++) yield buffer.fill(65 + i);
    }
    await files.writeDurable(join(dir, 'a'), reuse());
    expect(await files.readText(join(dir, 'a'))).to.equal('AAAABBBBCCCC');
  });

  it('does not write over a file of an immutable folder', async () => {
    await files.writeDurable(join(dir, 'a'), 'old');
    const error = await failure(files.writeDurable(join(dir, 'a'), 'new'));
    expect(error.code).to.equal('E_FILE');
    expect(error.message).to.contain('EEXIST');
    expect(await files.readText(join(dir, 'a'))).to.equal('old');
  });

  it('passes the errors of the producer on and removes the temporary', async () => {
    function* broken() {
      yield 'half';
      throw new RangeError('mine');
    }
    let caught: unknown;
    await files.writeAtomic(join(dir, 'a'), broken()).catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(RangeError);
    expect(readdirSync(dir)).to.deep.equal([]);
  });

  it('says what was expected and what came', async () => {
    const missing = join(dir, 'missing.json');
    const error = await failure(files.readText(missing));
    expect(error.code).to.equal('E_FILE');
    expect(error.message).to.equal(`${missing}: expected a readable file, came ENOENT: no such file or directory`);
    expect((await failure(files.readBytes(dir))).message).to.contain('came a folder');
    writeFileSync(join(dir, 'five'), 'hello');
    {
      await using five = await files.ReadableFile.open(join(dir, 'five'));
      expect(await five.read(1, 3)).to.deep.equal(new Uint8Array(Buffer.from('ell')));
      expect((await failure(five.read(3, 4))).message).to.contain('came a file of 5');
    }
    expect((await failure(files.readBytes(join(dir, 'five'), { limit: 4 }))).message).to.contain('at most 4 bytes');
    writeFileSync(join(dir, 'latin1'), Buffer.from([0x63, 0xef, 0xbf, 0xbd, 0x61, 0xe9, 0x20]));
    expect((await failure(files.readText(join(dir, 'latin1')))).message).to.contain('at byte 5');
  });

  it('names the file that was meant, not the temporary, and the folder that cannot be made', async () => {
    const path = join(dir, 'a.json');
    for (const operation of ['open', 'write', 'sync'] as const) {
      files.setFaultPlan({ operation, k: 1, error: 'ENOSPC' });
      const error = await failure(files.writeAtomic(path, 'text')).finally(() => files.setFaultPlan(null));
      expect(error.message, operation)
        .to.match(/a\.json: expected .*, came ENOSPC/)
        .and.not.contain('adaptune-tmp');
      expect(readdirSync(dir), operation).to.deep.equal([]);
    }
    files.setFaultPlan({ operation: 'mkdir', k: 2, error: 'EROFS' });
    const error = await failure(files.makeDirectory(join(dir, 'b/c/d'))).finally(() => files.setFaultPlan(null));
    expect(error.message).to.equal(`${join(dir, 'b/c')}: expected a new folder, came EROFS: injected fault`);
    writeFileSync(path, '');
    expect((await failure(files.makeDirectory(join(path, 'x')))).message).to.equal(
      `${path}: expected a folder, came a file`,
    );
  });

  it('refuses pipes where a file is expected, without hanging', async function () {
    if (spawnSync('mkfifo', [join(dir, 'pipe')]).status !== 0) this.skip();
    expect((await failure(files.readBytes(join(dir, 'pipe')))).message).to.contain('a pipe or device');
  });

  it('notices a file that changes while it is read', async () => {
    const path = join(dir, 'a');
    writeFileSync(path, 'x'.repeat(100));
    await using file = await files.ReadableFile.open(path);
    await file.checkUnchanged();
    writeFileSync(path, 'y'.repeat(10));
    expect((await failure(file.read(50, 50))).message).to.contain('truncated while it was read');
    expect((await failure(file.checkUnchanged())).message).to.contain('100 then 10 bytes');
  });

  it('removes folders without following links', async () => {
    mkdirSync(join(dir, 'tree/inner'), { recursive: true });
    writeFileSync(join(dir, 'kept'), 'kept');
    writeFileSync(join(dir, 'tree/inner/file'), '');
    symlinkSync(join(dir, 'kept'), join(dir, 'tree/link'));
    await files.remove(join(dir, 'tree'));
    expect(readdirSync(dir)).to.deep.equal(['kept']);
  });

  describe('faults', () => {
    const save = async () => {
      await files.makeDirectory(join(dir, 'out'));
      await files.writeAtomic(join(dir, 'out/state'), 'n'.repeat(1000));
    };
    const prepare = () => {
      mkdirSync(join(dir, 'out'), { recursive: true });
      writeFileSync(join(dir, 'out/state'), 'old');
    };
    const state = () => readFileSync(join(dir, 'out/state'), 'utf8');

    it('counts every operation of an atomic write', async () => {
      prepare();
      files.setFaultPlan(null);
      await save();
      // mkdir, open, write, sync, rename, open and sync of the folder
      expect(files.operationCount()).to.equal(7);
    });

    for (const error of ['ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EMFILE'] as const) {
      for (const repeat of ['once', 'always'] as const) {
        it(`leaves the old or the new file when any operation fails: ${error}, ${repeat}`, async () => {
          for (let k = 1; k <= 7; k++) {
            prepare();
            files.setFaultPlan({ k, error, repeat });
            const caught = await failure(save());
            files.setFaultPlan(null);
            expect(caught.code).to.equal('E_FILE');
            expect(caught.message).to.contain(error);
            expect(state()).to.equal(k <= 5 ? 'old' : 'n'.repeat(1000));
            const left = readdirSync(join(dir, 'out')).filter((name) => name !== 'state');
            // While everything fails, the removal of the temporary fails too.
            if (repeat === 'once') expect(left).to.deep.equal([]);
            expect(left.every(files.isTemporary)).to.equal(true);
          }
        });
      }
    }

    it('survives short writes and interrupted calls', async () => {
      for (const error of ['short', 'EINTR'] as const) {
        for (let k = 1; k <= 7; k++) {
          prepare();
          files.setFaultPlan({ k, error, repeat: error === 'short' ? 'always' : 'once' });
          await save();
          expect(state()).to.equal('n'.repeat(1000));
        }
      }
    });

    it('leaves the old or the new file when killed at any operation, and what the next call removes', async () => {
      const script = (k: number) => `
        const files = await import(${JSON.stringify(door)});
        files.setFaultPlan({ k: ${k}, error: 'kill' });
        await files.makeDirectory(${JSON.stringify(join(dir, 'out'))});
        await files.writeAtomic(${JSON.stringify(join(dir, 'out/state'))}, 'n'.repeat(1000));`;
      for (let k = 1; k <= 8; k++) {
        prepare();
        const child = spawnSync(process.execPath, ['--input-type=module', '-e', script(k)], { encoding: 'utf8' });
        if (k <= 7) expect(child.signal, child.stderr).to.equal('SIGKILL');
        else expect(child.status, child.stderr).to.equal(0);
        expect(state()).to.equal(k <= 5 ? 'old' : 'n'.repeat(1000));
        const left = readdirSync(join(dir, 'out')).filter((name) => name !== 'state');
        expect(left.every(files.isTemporary)).to.equal(true);
        await files.removeAbandoned(join(dir, 'out/state'));
        expect(readdirSync(join(dir, 'out'))).to.deep.equal(['state']);
      }
    });
  });

  it('removes the temporaries of dead writers of the same file, and no others', async () => {
    const path = join(dir, 'result.csv');
    const script = `
      const files = await import(${JSON.stringify(door)});
      await files.writeAtomic(${JSON.stringify(path)}, (async function* () {
        yield 'x'.repeat(2 ** 20);
        console.log('begun');
        await new Promise(() => setInterval(() => {}, 1000));
      })());`;
    const writer = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const ended = once(writer, 'close');
    await once(writer.stdout, 'data');
    const [temporary] = readdirSync(dir);
    const { pid } = writer;
    expect(temporary)
      .to.match(/^\.result\.csv\.[0-9a-f]{8}-\d+-/)
      .and.to.contain(`-${pid}-`);
    const another = (old: string, by: string) => temporary!.replace(old, by);
    const others = [
      another('result.csv', 'other.csv'),
      another(`-${pid}-`, `-${process.pid}-`),
      // Of another machine: its process ids say nothing here.
      another(/csv\.([0-9a-f]{8})/.exec(temporary!)![1]!, '00000000'),
      another('.adaptune-tmp', '.other-tmp'),
    ];
    for (const name of others) writeFileSync(join(dir, name), '');

    await files.removeAbandoned(path);
    expect(readdirSync(dir)).to.have.members([temporary, ...others]);
    writer.kill('SIGKILL');
    await ended;
    await files.removeAbandoned(path);
    expect(readdirSync(dir)).to.have.members(others);
    // A folder that cannot be listed has nothing to be removed.
    await files.removeAbandoned(join(dir, 'absent', 'result.csv'));
  });

  it('says how much space is missing', async () => {
    await files.requireSpace(dir, 1);
    const error = await failure(files.requireSpace(dir, Number.MAX_VALUE));
    expect(error.message).to.match(/expected \S+ bytes of free space, came \d+/);
  });
});
