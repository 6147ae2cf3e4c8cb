/** What is published: all that running and compiling need, and nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { expect } from 'chai';
import { MANIFEST, pack, ROOT } from './package.js';

/** Bytes; prebuilt addons would be another budget. */
const SIZE = 950_000;
const UNPACKED_SIZE = 3_400_000;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const below = (folder: string, ending: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')));

describe('package/files', function () {
  this.timeout(60_000);
  let paths: string[];
  let published: Set<string>;
  before(() => {
    paths = pack().files.map(({ path }) => path);
    published = new Set(paths);
  });
  const missing = (wanted: string[]) => wanted.filter((path) => !published.has(path));

  it('holds one script, its types and its map for every source, and no other one', () => {
    const scripts = below('lib', '.ts').flatMap((source) =>
      ['.js', '.d.ts', '.js.map'].map((ending) => `dist/${source.replace(/\.ts$/, ending)}`),
    );
    expect(scripts.length).to.be.greaterThan(200);
    expect(
      paths.filter((path) => path.startsWith('dist/')).toSorted(),
      'remove dist and compile: scripts of sources that are gone lie there',
    ).to.deep.equal(scripts.toSorted());
  });

  it('holds nothing but the program, its native sources, the builders’ files and what people read', () => {
    const rest = paths.filter((path) => !/^dist\/lib\/|^native\/.+\.(?:cc|h|gypi|map|mjs)$/.test(path));
    expect(rest.toSorted()).to.deep.equal([
      'CHANGELOG.md',
      'CMakeLists.txt',
      'LICENSE',
      'README.md',
      'binding.gyp',
      'docs/errors.md',
      'docs/options.md',
      'package.json',
    ]);
  });

  it('holds every source that the builders compile, and what those include', () => {
    const { variables } = JSON.parse(read('native/sources.gypi')) as { variables: Record<string, string[]> };
    const sources = Object.values(variables).flat();
    const included = paths
      .filter((path) => /\.(?:cc|h)$/.test(path))
      .flatMap((path) =>
        [...read(path).matchAll(/^#include "([^"]+)"/gm)].map(([, name]) =>
          name!.includes('/') ? `native/${name}` : posix.join(posix.dirname(path), name!),
        ),
      );
    expect(sources.length).to.be.greaterThan(30);
    expect(included.length).to.be.greaterThan(100);
    expect(missing([...sources, ...included])).to.deep.equal([]);
    const named = ['binding.gyp', 'CMakeLists.txt'].flatMap(
      (path) => read(path).match(/(?<!test\/)native\/[\w./]+\.\w+/g) ?? [],
    );
    expect(named.length).to.be.greaterThan(2);
    expect(missing(named)).to.deep.equal([]);
  });

  it('has maps that hold their sources', () => {
    const maps = paths.filter((path) => path.endsWith('.js.map'));
    const bare = maps.filter((path) => {
      const { sources, sourcesContent } = JSON.parse(read(path)) as { sources: string[]; sourcesContent?: string[] };
      return sourcesContent?.length !== sources.length;
    });
    expect(bare).to.deep.equal([]);
  });

  it('has every file that package.json names', () => {
    const targets = Object.values(MANIFEST.exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    );
    const named = [...targets, ...Object.values(MANIFEST.bin)].map((path) => path.replace(/^\.\//, ''));
    expect(named.length).to.be.greaterThan(4);
    expect(missing(named)).to.deep.equal([]);
  });

  it('depends on the packages that it imports, and on no others', () => {
    const imported = below('lib', '.ts').flatMap((source) =>
      [...read(source).matchAll(/(?:from|import\(|import)\s*'([^'.\s][^'\s]*)'/g)].map(([, name]) => name!),
    );
    const packages = imported
      .filter((name) => !isBuiltin(name))
      .map((name) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      );
    expect([...new Set(packages)].toSorted()).to.deep.equal(Object.keys(MANIFEST.dependencies).toSorted());
  });

  it('is small', () => {
    const { size, unpackedSize } = pack();
    expect(size).to.be.below(SIZE);
    expect(unpackedSize).to.be.below(UNPACKED_SIZE);
  });
});
