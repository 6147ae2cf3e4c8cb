import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { modelFile, WeightFiles } from '../../lib/model/model-files.js';
import { rawSafetensors, tinyTensors, writeModel } from '../helpers/model-folder.js';
import { failure } from '../helpers/failure.js';

describe('model folder', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'adaptune-folder-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const open = async (folder = dir): Promise<string[]> => {
    await using files = await WeightFiles.open(folder);
    return [...files.tensors.keys()];
  };
  /** The tensors in two shards. */
  function writeShards(map: (name: string, shard: string) => string = (_, shard) => shard): void {
    const tensors = [...tinyTensors()];
    const weight_map: Record<string, string> = {};
    for (const [i, part] of [tensors.slice(0, 20), tensors.slice(20)].entries()) {
      const shard = `model-0000${i + 1}-of-00002.safetensors`;
      writeFileSync(join(dir, shard), rawSafetensors(new Map(part)));
      for (const [name] of part) weight_map[name] = map(name, shard);
    }
    writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map }));
  }

  it('is read from one file or from shards', async () => {
    writeModel(dir);
    const names = await open();
    expect(names).to.deep.equal([...tinyTensors().keys()]);
    rmSync(join(dir, 'model.safetensors'));
    writeShards();
    expect(await open()).to.deep.equal(names);
  });

  it('names no shard outside of itself', async () => {
    for (const name of [
      '../x.safetensors',
      '/etc/passwd',
      'a/../../x.safetensors',
      'x\0.safetensors',
      '.safetensors',
      'x.bin',
      3,
    ]) {
      writeShards((_, shard) => (shard.includes('00002-of') ? (name as string) : shard));
      const error = await failure(open());
      expect(error.code).to.equal('E_MODEL_FORMAT');
      expect(error.message).to.contain('expected a plain file name for tensor').and.contain(JSON.stringify(name));
    }
    writeShards((name) => `${name}.safetensors`);
    expect((await failure(open())).code).to.equal('E_MODEL_INCOMPLETE');
    const weight_map = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`t${i}`, `s${i}.safetensors`]));
    writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    expect((await failure(open())).message).to.contain('at most 256 shards');
  });

  it('has an index that agrees with its shards', async () => {
    writeShards((name, shard) => (name === 'classifier.bias' ? 'model-00001-of-00002.safetensors' : shard));
    expect((await failure(open())).message).to.match(
      /tensor "classifier\.bias" of model-00002.* to be listed so, came "model-00001/,
    );
    writeShards();
    writeFileSync(join(dir, 'model-00002-of-00002.safetensors'), rawSafetensors(new Map([...tinyTensors()].slice(21))));
    expect((await failure(open())).message).to.match(/tensor ".*" in model-00002.*, came none/);
    rmSync(join(dir, 'model-00002-of-00002.safetensors'));
    expect((await failure(open())).code).to.equal('E_MODEL_INCOMPLETE');
    for (const content of [
      '{}',
      '{"weight_map": []}',
      '[]',
      '{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}',
    ]) {
      writeFileSync(join(dir, 'model.safetensors.index.json'), content);
      expect((await failure(open())).code).to.equal('E_MODEL_FORMAT');
    }
  });

  it('with weights in another format names the conversion', async () => {
    expect((await failure(open())).code).to.equal('E_MODEL_INCOMPLETE');
    writeFileSync(join(dir, 'pytorch_model.bin'), '');
    const error = await failure(open());
    expect(error.code).to.equal('E_MODEL_FORMAT');
    expect(error.message).to.contain('came pytorch_model.bin').and.contain('python -c "import sys; from transformers');
  });

  it('may be a snapshot of the Hugging Face cache', async () => {
    const repository = join(dir, 'models--x--y');
    const snapshot = join(repository, 'snapshots', '0123456789abcdef0123456789abcdef01234567');
    writeModel(snapshot);
    mkdirSync(join(repository, 'blobs'));
    for (const name of ['config.json', 'model.safetensors']) {
      renameSync(join(snapshot, name), join(repository, 'blobs', `blob-of-${name}`));
      symlinkSync(join('..', '..', 'blobs', `blob-of-${name}`), join(snapshot, name));
    }
    expect(await open(snapshot)).to.have.length(41);
    const other = join(repository, 'snapshots', 'main');
    renameSync(snapshot, other);
    expect((await failure(open(other))).message).to.contain('came a link to');
  });

  it('is not left by links', async () => {
    writeModel(join(dir, 'inside'));
    const inside = join(dir, 'inside');
    const path = join(inside, 'model.safetensors');
    renameSync(path, join(dir, 'outside.safetensors'));
    for (const target of [join(dir, 'outside.safetensors'), '../outside.safetensors', '/etc/passwd', '/dev/zero']) {
      symlinkSync(target, path);
      const error = await failure(open(inside));
      expect(error.code).to.equal('E_MODEL_FORMAT');
      expect(error.message).to.contain('expected a file inside of the folder, came a link to');
      rmSync(path);
    }
    renameSync(join(dir, 'outside.safetensors'), join(inside, 'kept.safetensors'));
    symlinkSync('kept.safetensors', path);
    expect(await open(inside)).to.have.length(41);
    // A link to the folder itself is the user's own choice.
    symlinkSync(inside, join(dir, 'linked'));
    expect(await open(join(dir, 'linked'))).to.have.length(41);
  });

  it('holds regular files only', async function () {
    mkdirSync(join(dir, 'model.safetensors'));
    expect((await failure(open())).message).to.contain('expected a regular file, came a folder');
    rmSync(join(dir, 'model.safetensors'), { recursive: true });
    if (spawnSync('mkfifo', [join(dir, 'model.safetensors')]).status !== 0) this.skip();
    expect((await failure(open())).message).to.contain('expected a regular file, came a pipe or device');
  });

  it('is asked for plain names only', async () => {
    for (const name of ['', '.', '..', '../x', 'a/b', 'a\\b', 'a\0b']) {
      expect((await failure(modelFile(dir, name))).message).to.contain('expected plain file names');
    }
  });
});
