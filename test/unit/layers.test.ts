import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** Rooms that each room may use besides itself: DESIGN's arrows, written out. */
const NATIVE: Record<string, string[]> = {
  base: [],
  tensor: ['base'],
  ops: ['base', 'tensor'],
  cpu: ['base', 'tensor', 'ops'],
  model: ['base', 'tensor', 'ops'],
  train: ['base', 'tensor', 'ops', 'model'],
  runtime: ['base', 'tensor', 'ops', 'cpu', 'model', 'train'],
  addon: ['base', 'tensor', 'ops', 'model', 'train', 'runtime'],
};
const LIB: Record<string, string[]> = {
  errors: [],
  util: ['errors'],
  native: ['errors', 'util'],
  kernels: ['errors', 'util', 'native'],
  mining: ['errors', 'util'],
  model: ['errors', 'util', 'native'],
  select: ['errors', 'util', 'native', 'model'],
  report: ['errors', 'util'],
  serve: ['errors', 'util', 'native', 'model'],
  train: ['errors', 'util', 'native', 'model', 'select', 'mining', 'serve', 'report'],
  index: ['errors', 'util', 'native', 'model', 'select', 'mining', 'serve', 'train'],
  bench: ['errors', 'util', 'native', 'model', 'select', 'train'],
  experiment: ['errors', 'util', 'report', 'select', 'train'],
  cli: [
    'errors',
    'util',
    'native',
    'model',
    'select',
    'mining',
    'serve',
    'train',
    'index',
    'bench',
    'report',
    'experiment',
  ],
};

function files(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')));
}

const read = (file: string) => readFileSync(join(root, file), 'utf8');
/** lib/util/files.ts -> util, lib/errors.ts -> errors */
const room = (file: string) => file.split('/')[1]!.replace(/\.ts$/, '');
const imports = (file: string) =>
  [...read(file).matchAll(/(?:from\s+|import\s*\(\s*|import\s+)'([^']+)'/g)].map((match) => match[1]!);
const resolved = (file: string, name: string) => posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts');

describe('layers', () => {
  it('native rooms include only the rooms below them', () => {
    const wrong: string[] = [];
    const sources = files('native', /\.(h|cc|inc)$/);
    expect(sources.length).to.be.greaterThan(20);
    for (const file of sources)
      for (const [, target] of read(file).matchAll(/#include "([^"]+)"/g)) {
        const from = room(file);
        const to = target!.includes('/') ? target!.split('/')[0]! : from;
        if (to !== from && !NATIVE[from]?.includes(to)) wrong.push(`${file} includes ${target}`);
      }
    expect(wrong).to.deep.equal([]);
  });

  it('only the addon room sees Node-API', () => {
    const seen = files('native', /\.(h|cc|inc)$/).filter((file) => /#include <(napi|node_api)/.test(read(file)));
    expect(seen.length).to.be.greaterThan(0);
    expect(seen.filter((file) => room(file) !== 'addon')).to.deep.equal([]);
  });

  it('lib rooms import only the rooms below them', () => {
    const wrong: string[] = [];
    const sources = files('lib', /\.ts$/);
    expect(sources.length).to.be.greaterThan(20);
    for (const file of sources)
      for (const name of imports(file).filter((name) => name.startsWith('.'))) {
        const [from, to] = [room(file), room(resolved(file, name))];
        if (to !== from && !LIB[from]?.includes(to)) wrong.push(`${file} imports ${name}`);
      }
    expect(wrong).to.deep.equal([]);
  });

  it('one file opens files, one file loads the addon, mining stands alone', () => {
    for (const file of files('lib', /\.ts$/)) {
      const names = imports(file);
      if (file !== 'lib/util/files.ts')
        expect(
          names.filter((name) => /^(node:)?fs(\/|$)/.test(name)),
          file,
        ).to.be.empty;
      if (file !== 'lib/native/binding.ts')
        expect(
          names.filter((name) => name === 'bindings'),
          file,
        ).to.be.empty;
      if (room(file) === 'mining')
        expect(
          names.filter((name) => !name.startsWith('.') && !name.startsWith('node:')),
          file,
        ).to.be.empty;
    }
  });

  it('imports form no cycle', () => {
    const graph = new Map(
      files('lib', /\.ts$/).map((file) => [
        file,
        imports(file).flatMap((name) => (name.startsWith('.') ? [resolved(file, name)] : [])),
      ]),
    );
    const done = new Set<string>();
    const walk = (file: string, path: string[]): void => {
      expect(path, 'cycle').not.to.include(file);
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of graph.keys()) walk(file, []);
  });

  it('every native source stands in the one list, and the list holds nothing else', () => {
    const list = (JSON.parse(read('native/sources.gypi')) as { variables: Record<string, string[]> }).variables;
    const listed = Object.values(list).flat().toSorted();
    expect(listed).to.deep.equal(files('native', /\.cc$/).toSorted());
  });

  it('native error codes are rows of the one table', async () => {
    const { ERRORS } = await import('../../lib/errors.js');
    const codes = [...read('native/base/error.h').matchAll(/X\((E_\w+)\)/g)].map((match) => match[1]!);
    expect(codes.length).to.be.greaterThan(5);
    expect(codes.filter((code) => !(code in ERRORS))).to.deep.equal([]);
  });
});
