/** The pages as a browser has them: nothing runs, nothing is asked for, no element too many, nothing outside of its frame. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { htmlOf } from '../../lib/experiment/html.js';
import { makeReport } from '../../lib/experiment/report.js';
import { sectionsOf } from '../../lib/experiment/tables.js';
import { pageOf } from '../../lib/report/write.js';
import { made, units } from '../experiment/made-results.js';
import { Chromium, findChromium, type Events, type Page } from '../helpers/chromium.js';
import { temporaryFolder } from '../helpers/temporary.js';
import { sampleTexts } from '../train/sample-corpus.js';
import { tinyRun } from '../train/tiny-run.js';
import { HOSTILE, hostileText, withTexts } from './hostile.js';

/** A desk and a telephone. */
const WIDTHS = [1100, 400];

/** Of a cell, pixels: ten times as much is what the longest text would take that is not cut. */
const TALLEST = 1600;

/** In the page: numbers of elements by name, and what is where it should not be. */
const LOOK = `(() => {
  const all = [...document.querySelectorAll('*')];
  const counts = {};
  for (const { localName } of all) counts[localName] = (counts[localName] ?? 0) + 1;
  const handlers = all.flatMap((element) => element.getAttributeNames().filter((name) => /^on|^(?:href|src|srcdoc|style)$/.test(name)));
  const outside = [];
  for (const text of document.querySelectorAll('svg text')) {
    const [inner, outer] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
    const over = Math.max(outer.left - inner.left, inner.right - outer.right, outer.top - inner.top - 3, inner.bottom - outer.bottom - 3);
    if (over > 1) outside.push([text.textContent.slice(0, 60), Math.round(over)]);
  }
  // Wide tables scroll inside of their boxes.
  const wide = all.filter((element) => {
    const { right, width } = element.getBoundingClientRect();
    return width > 0 && right > innerWidth + 1 && element.closest('.scroll') === null;
  }).map(({ localName, className }) => localName + ' ' + (className.baseVal ?? className));
  const body = getComputedStyle(document.body);
  const small = [...document.querySelectorAll('td')].map((cell) => cell.getBoundingClientRect().height);
  return {
    counts, handlers, outside, wide,
    scrolls: document.documentElement.scrollWidth - innerWidth,
    styled: body.maxWidth !== 'none' && getComputedStyle(document.querySelector('table')).borderCollapse === 'collapse',
    tallest: Math.max(0, ...small),
  };
})()`;

interface Look {
  counts: Record<string, number>;
  handlers: string[];
  outside: [string, number][];
  wide: string[];
  scrolls: number;
  styled: boolean;
  tallest: number;
}

const look = (page: Page) => page.evaluate<Look>(LOOK);

describe('report/browser', function () {
  this.timeout(180_000);
  let browser: Chromium | null = null;
  let folder: string;

  before(function () {
    const path = findChromium();
    if (path === null) {
      for (const one of this.test!.parent!.tests) one.title += ' (skipped: no Chromium on PATH, or CHROMIUM)';
      this.skip();
    }
    browser = Chromium.start(path);
    folder = temporaryFolder('browser');
  });
  after(() => browser?.close());

  /** Opens a page in every width; what all have in common is checked, the elements are returned. */
  async function visit(name: string, html: string): Promise<Record<string, number>> {
    const path = join(folder, `${name}.html`);
    writeFileSync(path, html);
    const { href } = pathToFileURL(path);
    let counts: Record<string, number> = {};
    for (const width of WIDTHS) {
      const seen = await browser!.visit(href, width, look);
      const what = `${name}, ${width} pixels wide`;
      expect(seen.requests, what).to.deep.equal([href]);
      expect(seen.dialogs, what).to.deep.equal([]);
      expect(seen.messages, what).to.deep.equal([]);
      expect(seen.handlers, what).to.deep.equal([]);
      expect(seen.styled, `${what}: the sheet is in force`).to.equal(true);
      expect(seen.outside, `${what}: labels outside of their plots`).to.deep.equal([]);
      expect(seen.wide, `${what}: elements wider than the window`).to.deep.equal([]);
      expect(seen.scrolls, what).to.be.at.most(0);
      expect(seen.tallest, `${what}: the tallest cell`).to.be.below(TALLEST);
      counts = seen.counts;
    }
    return counts;
  }

  /** Names that are cut have the whole beside them: the only element whose number may differ. */
  const apart = (counts: Record<string, number>) => ({ ...counts, title: 0 });

  it('would see a page that runs, loads and overflows', async () => {
    const path = join(folder, 'control.html');
    writeFileSync(
      path,
      `<table></table><p>${HOSTILE[0]}<script>console.log(1)</script><svg width=9><text x=5>label</text></svg>`,
    );
    const seen: Look & Events = await browser!.visit(pathToFileURL(path).href, 400, look);
    expect(seen.dialogs).to.deep.equal(['1']);
    expect(seen.requests).to.have.length(2);
    expect(seen.messages.join()).to.contain('"log"');
    expect(seen.handlers).to.include('onerror');
    expect(seen.outside).not.to.deep.equal([]);
    expect(seen.styled).to.equal(false);
  });

  it('training: a report of hostile labels, texts and file names', async () => {
    const { texts } = sampleTexts(180, 1);
    const rows = texts.map((text, i) => ({
      text: `${text} ${HOSTILE[i % HOSTILE.length]!.slice(0, 400)}`,
      label: `${HOSTILE[i % 12]!} ${i % 12}`,
    }));
    const inside = join(folder, '<img src=x onerror=alert(7)>\u202e\u2028"');
    mkdirSync(inside);
    const file = join(inside, '<svg onload=alert(8)>.jsonl');
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const out = join(inside, '"><b>');
    const result = await tinyRun(out, { train: file, validation: file, test: file });
    expect(result.labels.length).to.equal(12);
    expect(result.mined.length).to.be.greaterThan(0);
    await visit('hostile-run', readFileSync(join(out, 'report.html'), 'utf8'));

    const json = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>;
    const [summary, details] = [json('adaptune.json'), json('report.json')];
    const page = (text: (i: number) => string) =>
      pageOf('x', JSON.stringify(withTexts(summary, text)), JSON.stringify(withTexts(details, text)));
    const plain = await visit(
      'plain-texts',
      page((i) => `text ${i}`),
    );
    expect(plain['svg']).to.be.greaterThan(5);
    expect(apart(await visit('hostile-texts', page(hostileText)))).to.deep.equal(apart(plain));
  });

  it('training: many classes', async () => {
    const { texts } = sampleTexts(200, 2);
    const data = { texts, labels: texts.map((_, i) => `a_rather_long_name_of_an_intent_${i % 40}`) };
    const out = join(folder, 'many');
    const { labels } = await tinyRun(out, { train: data, validation: data, epochs: 1 });
    expect(labels.length).to.equal(40);
    const html = readFileSync(join(out, 'report.html'), 'utf8');
    expect(html).to.contain('Most confused').and.not.to.contain('"confusion matrix"');
    await visit('many', html);
  });

  it('experiment: a report of hostile names', async () => {
    const page = (text: (i: number) => string) => {
      const results = [
        made(text(0), 1, 0.5, { data: text(3), units: units([[0]], [[0]]) }),
        made(text(1), 1, 0.6, { data: text(3), units: units([[1]], [[0]]), model: text(5) }),
        made(text(2), 1, 0.4, { data: text(3), sample: { share: 0.5, bias: 'none' } }),
        made(text(6), 1, 0.45, { data: text(3) }),
        made(text(7), 1, 0.55, { data: text(3) }),
        made(text(8), 1, 0, { metrics: null, failed: { code: 'E', message: text(6) } }),
      ];
      const report = makeReport(results, { reference: null, gold: new Map(), wanted: [] });
      return htmlOf(text(9), text(6), sectionsOf(report));
    };
    const plain = await visit(
      'plain-experiment',
      page((i) => `name ${i}`),
    );
    expect(apart(await visit('hostile-experiment', page(hostileText)))).to.deep.equal(apart(plain));
  });
});
