/** Reports of made-up results: every figure by hand, hostile names, and no claim that the seeds do not carry. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { htmlOf } from '../../lib/experiment/html.js';
import { markdownOf } from '../../lib/experiment/markdown.js';
import { ticks } from '../../lib/report/svg.js';
import { makeReport, type ExperimentReport, type ReportOptions } from '../../lib/experiment/report.js';
import { readResult, type Gold, type RunResult } from '../../lib/experiment/result.js';
import { sectionsOf } from '../../lib/experiment/tables.js';
import { made, TEST, units } from './made-results.js';

const report = (results: readonly RunResult[], options: Partial<ReportOptions> = {}): ExperimentReport =>
  makeReport(results, { reference: null, gold: new Map(), wanted: [], ...options });

describe('experiment/report', () => {
  it('pairs seeds, and compares with full', () => {
    const results = [
      ...[0.7, 0.72, 0.74].map((score, i) => made('full', i + 1, score, { seconds: 200 })),
      // Seed 4 has no partner.
      ...[0.71, 0.75, 0.74, 0.1].map((score, i) => made('adapt', i + 1, score)),
    ];
    const { groups, comparisons } = report(results);
    const [full, adapt] = groups;
    expect(full).to.deep.include({ name: 'full', seeds: [1, 2, 3], scores: [0.7, 0.72, 0.74], seconds_of_full: 1 });
    expect(full!.test_macro_f1.mean).to.be.closeTo(0.72, 1e-12);
    expect(full!.test_macro_f1.sd).to.be.closeTo(0.02, 1e-12);
    expect(adapt).to.include({ seconds: 100, seconds_of_full: 0.5, predicted_cost: 0.5, encoder_share: 0.1 });
    expect(comparisons).to.have.length(1);
    const [one] = comparisons;
    expect(one).to.include({ name: 'adapt', reference: 'full', over: 'seeds', n: 3, steadiness: null });
    expect(one!.difference).to.be.closeTo((0.01 + 0.03 + 0) / 3, 1e-12);
    expect(one!.low).to.be.closeTo(0, 0.004);
    expect(one!.high).to.be.closeTo(0.03, 0.004);
    // Signs of .01 and .03; the third difference is 0: 2 of 4 patterns reach the sum of .04.
    expect(one!.p).to.equal(0.5);
    expect(one!.p_holm).to.equal(0.5);
    expect(report(results, { reference: 'adapt' }).comparisons[0]).to.include({ name: 'full', reference: 'adapt' });
    // In the order of the experiment, without what it does not name any more.
    const wanted = [2, 1].flatMap((seed) => ['adapt', 'full'].map((name) => `d_${name}_seed-${seed}`));
    const asked = report(results, { wanted });
    expect(asked.groups.map(({ name, seeds }) => [name, ...seeds])).to.deep.equal([
      ['adapt', 1, 2],
      ['full', 1, 2],
    ]);
    expect(asked.notes[0]).to.equal('3 results of runs that the experiment does not name any more are left out.');
  });

  it('corrects for every comparison of the report, wider the smaller p is', () => {
    const seeds = Array.from({ length: 6 }, (_, i) => i + 1);
    const results = seeds.flatMap((seed) => [
      made('full', seed, 0.5),
      made('better', seed, 0.6 + 0.01 * seed),
      made('equal', seed, 0.5 + 0.01 * (seed % 2 === 0 ? 1 : -1)),
    ]);
    const [better, equal] = report(results).comparisons;
    expect(better!.p).to.equal(2 / 64);
    expect(better!.p_holm).to.equal(4 / 64);
    expect(equal!.p_holm).to.equal(equal!.p);
    expect(better!.corrected.low).to.be.at.most(better!.low);
    expect(better!.corrected.high).to.be.greaterThan(better!.high - 1e-12);
    expect(equal!.corrected).to.deep.equal({ low: equal!.low, high: equal!.high });
  });

  it('says nothing of steadiness under 20 seeds, and an interval from there on', () => {
    const runs = (n: number) =>
      Array.from({ length: n }, (_, i) => [
        made('full', i, 0.7 + 0.02 * ((i * 7) % 5)),
        made('adapt', i, 0.7 + 0.005 * ((i * 3) % 5)),
      ]).flat();
    const few = report(runs(19));
    expect(few.comparisons[0]!.steadiness).to.equal(null);
    expect(markdownOf('x', '', sectionsOf(few)))
      .to.contain('19 seeds: no statement')
      .and.to.contain('19 seeds, no statement');
    const { steadiness } = report(runs(20)).comparisons[0]!;
    expect(steadiness!.ratio).to.be.closeTo(0.25, 1e-9);
    expect(steadiness!.low).to.be.below(0.25);
    expect(steadiness!.high).to.be.within(0.25, 0.6);
    expect(markdownOf('x', '', sectionsOf(report(runs(20))))).not.to.contain('no statement');
  });

  it('resamples the test texts where there is one seed, when predictions are of these texts', () => {
    const gold: Gold = { version: 1, data: 'd', sha256: TEST, labels: ['a', 'b'], gold: '0 1 0 1' };
    const pair = [made('full', 1, 0.3, { predicted: '0 0 0 0' }), made('adapt', 1, 1, { predicted: '0 1 0 1' })];
    const golds = new Map([['d', gold]]);
    const [one] = report(pair, { gold: golds }).comparisons;
    expect(one).to.include({ over: 'texts', n: 4, steadiness: null });
    expect(one!.difference).to.be.closeTo(0.7, 1e-12);
    // All four texts of one label: nothing to tell the two apart when it is a.
    expect(one!.low).to.equal(0);
    expect(one!.high).to.equal(1);
    const text = markdownOf('x', '', sectionsOf(report(pair, { gold: golds })));
    expect(text)
      .to.contain('4 texts')
      .and.to.contain('1 seed: no statement')
      .and.to.contain('resampling the test texts');
    expect(report(pair).comparisons).to.deep.equal([]);
    for (const predicted of ['0 1 0', '0 1 0 2', '0 1 0 x'])
      expect(() => report([pair[0]!, made('adapt', 1, 1, { predicted })], { gold: golds }))
        .to.throw(/^d_adapt_seed-1: expected a label of each of the 4 test texts/)
        .with.property('code', 'E_FILE');
    expect(report(pair, { gold: new Map([['d', { ...gold, sha256: 'd'.repeat(64) }]]) }).comparisons).to.deep.equal([]);
  });

  it('tells how much selections share, by weight, and how much chance would', () => {
    const selection = {
      spearman: { groups: { dispersion: 0.5, gradient: null }, neurons: { dispersion: 0.25, gradient: 0.75 } },
      jaccard: { weights: 0.9, groups: 1, neurons: 0.8 },
    };
    const results = [
      made('a', 1, 0.5, { units: units([[0, 1], [2]], [[0], []]), selection }),
      made('a', 2, 0.5, { units: units([[0, 2], [2]], [[0], []]), selection }),
      made('b', 1, 0.5, { units: units([[0, 1], [2]], [[1], []]) }),
      made('whole', 1, 0.5, { units: units([[0, 1, 2, 3, 4, 5, 6, 7]], [[0, 1]]) }),
    ];
    const made1 = report(results);
    const [overlap] = made1.overlaps;
    expect(overlap!.names).to.deep.equal(['a', 'b']);
    // Seeds 1 and 2 of a: 10 + 1 + 1 of 10 + 3 + 1 weights. a and b with seed 1: 3 of 23.
    expect(overlap!.jaccard[0]![0]).to.be.closeTo(12 / 14, 1e-12);
    expect(overlap!.jaccard[0]![1]).to.be.closeTo(3 / 23, 1e-12);
    expect(overlap!.jaccard[1]![1]).to.equal(null);
    // Chance: 10 · 1 · 1 / 2 + 2 · 2 / 8 + 1 · 1 / 8 of 26 less that.
    expect(overlap!.chance[0]![1]).to.be.closeTo(5.625 / (26 - 5.625), 1e-12);
    expect(made1.groups[0]).to.deep.include({
      halves: 0.9,
      spearman: { groups: { dispersion: 0.5, gradient: null }, neurons: { dispersion: 0.25, gradient: 0.75 } },
    });
  });

  it('refuses files that are no results, and lists of units without end', () => {
    const whole = made('a', 1, 0.5, { units: units([[0, 1], [2]], [[0], []]) });
    const read = (value: unknown) => () => readResult(JSON.stringify(value), 'r.json');
    expect(read(whole)()).to.deep.equal(whole);
    const wrong: [unknown, string][] = [
      [[], ''],
      [{ ...whole, version: 2 }, 'version'],
      [{ ...whole, metrics: { ...whole.metrics, seconds: 0 } }, 'metrics.seconds'],
      [{ ...whole, sample: { share: 1, bias: 'odd' } }, 'sample.bias'],
      [{ ...whole, units: { ...whole.units, neurons: ['0-9999999999'] } }, 'units.neurons.0'],
    ];
    for (const [value, place] of wrong)
      expect(read(value), place)
        .to.throw(`r.json: expected the result of a run, came ${place}: `)
        .with.property('code', 'E_FILE');
  });

  it('lists what failed, what is missing and what is of other code', () => {
    const results = [
      made('full', 1, 0.5),
      made('adapt', 1, 0, { metrics: null, failed: { code: 'E_DIVERGED', message: 'too fast' } }),
      made('frozen', 1, 0.4, { key: { config: '', model: '', data: {}, version: '0.1.0', commit: 'def' } }),
    ];
    const { failed, notes, code, groups } = report(results, {
      wanted: ['full', 'adapt', 'frozen', 'lora'].map((name) => `d_${name}_seed-1`),
    });
    expect(groups.map(({ name }) => name)).to.deep.equal(['full', 'frozen']);
    expect(failed).to.deep.equal([{ id: 'd_adapt_seed-1', code: 'E_DIVERGED', message: 'too fast' }]);
    expect(code.map(({ commit, runs }) => [commit, runs])).to.deep.equal([
      ['abc', 2],
      ['def', 1],
    ]);
    expect(notes[0]).to.equal('1 of 4 runs are still to come.');
    expect(notes.join(' '))
      .to.contain('different versions of the code')
      .and.to.contain('d: runs read different files.');
  });

  it('is a page of text and plots, whatever the names are', () => {
    const hostile = `</script></style><img src=x onerror="alert('1')">\u202e\u2028&lt;|\`[x](y)\n# h`;
    const results = [
      made(hostile, 1, 0.5, { data: hostile, units: units([[0]], [[0]]) }),
      made('other', 1, 0.6, { data: hostile, units: units([[1]], [[0]]), model: hostile }),
      made('part', 1, 0.4, { data: hostile, sample: { share: 0.5, bias: 'none' } }),
      made('x', 1, 0, { metrics: null, failed: { code: 'E', message: hostile } }),
    ];
    const sections = sectionsOf(report(results, { reference: 'other' }));
    const html = htmlOf(hostile, hostile, sections);
    expect(html).to.contain('&lt;/script&gt;&lt;/style&gt;&lt;img src=x onerror=&quot;');
    const tags = html.match(/<[^>]*>?/g)!;
    expect(tags.length).to.be.greaterThan(100);
    const known =
      /^<(?:!doctype html|\/?(?:html|head|meta|title|style|body|section|div|h1|h2|p|table|thead|tbody|tr|th|td|svg|line|text|circle|polyline)(?: [a-zA-Z1-9-]+="[^"<>]*")*)>$/;
    expect(tags.filter((tag) => !known.test(tag))).to.deep.equal([]);
    expect(tags.filter((tag) => / on\w+=|\bhref=|\bsrc=|\burl\(/.test(tag))).to.deep.equal([]);
    expect(html).not.to.match(/[\u202e\u2028]/);
    const style = /<style>([^]*?)<\/style>/.exec(html)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(html).to.contain(
      `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
    );

    const markdown = markdownOf(hostile, hostile, sections);
    expect(markdown).not.to.match(/(?<!\\)[<`]|[\u202e\u2028]/);
    for (const line of markdown.split('\n').filter((text) => text.startsWith('|')))
      expect(line).to.match(/^\|(?: (?:[^|\\]|\\.)* \|)+$/);
    expect(markdown.split('\n').filter((line) => line.startsWith('# '))).to.have.length(1);
  });

  it('puts round values on the axes', () => {
    expect(ticks(0.69, 0.76)).to.deep.equal([0.68, 0.7, 0.72, 0.74, 0.76]);
    expect(ticks(0, 1)).to.deep.equal([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(0.5, 0.5).length).to.be.within(2, 12);
    expect(ticks(-0.013, 0.004)).to.deep.equal([-0.015, -0.01, -0.005, 0, 0.005]);
  });
});
