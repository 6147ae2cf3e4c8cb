/** What figures say of where they come from. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { lastCommit, sourceCommit, withoutFolders } from '../../lib/util/provenance.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

describe('unit/provenance', () => {
  it('cuts folders from paths, and leaves all else', () => {
    for (const [text, cut] of [
      ['--model /a/b/minilm --out=/c/d.json', '--model minilm --out=d.json'],
      ['--lengths data:/a/scierc https://a.b/c/d', '--lengths data:scierc https://a.b/c/d'],
      ["'/a/b c' (/x/y) 1/2 a/b //", "'b c' (y) 1/2 a/b //"],
      ['/tokens.txt: line 3', '/tokens.txt: line 3'],
      ['/home/me/tokens.txt: line 3', 'tokens.txt: line 3'],
    ] as const)
      expect(withoutFolders(text)).to.equal(cut);
  });

  it('names the last commit of some paths, whatever was committed since', function () {
    if (!existsSync(`${ROOT}.git`)) this.skip();
    const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
    const license = lastCommit(['LICENSE']);
    expect(license).to.equal(git('log', '-1', '--format=%h', '--', 'LICENSE'));
    expect(sourceCommit()!.replace(' + changes', '')).to.equal(git('rev-parse', '--short', 'HEAD'));
    expect(lastCommit(['no such path'])).to.equal(null);
  });
});
