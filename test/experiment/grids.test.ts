/** The ready-made experiments: each is valid, says what it asks, and how many runs it is. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { checkConfig } from '../../lib/experiment/config.js';
import { Estimator } from '../../lib/experiment/estimate.js';
import { expand } from '../../lib/experiment/grid.js';

const FOLDER = fileURLToPath(new URL('../../../bench/experiments/', import.meta.url));

describe('experiment/grids', () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

  for (const name of names)
    it(`${name} says what it asks, its number of runs, and its time`, () => {
      const text = readFileSync(FOLDER + name, 'utf8');
      const config = checkConfig(parse(text), name);
      const { runs, searches } = expand(config);
      const top = text
        .split('\n')
        .filter((line) => line.startsWith('#'))
        .join(' ')
        .replaceAll(/\s*#\s*/g, ' ');
      expect(config.about).to.match(/^[A-Z].*[?.]$/);
      expect(top).to.contain(`bench/experiments/${name} --root`);
      expect(top).to.contain(` ${runs.length} runs`);
      const trials = searches.flatMap((search) => search.trials);
      if (trials.length > 0) expect(top).to.contain(` ${trials.length} trials`);
      if (config.reference !== null) expect(runs.map((run) => run.name)).to.include(config.reference);

      const [, number, unit] = /about ([\d.]+) (minutes|hours) on two cores/.exec(top)!;
      const told = Number(number) * (unit === 'hours' ? 3600 : 60);
      // As --dry-run has it before the search: the most epochs that it may find.
      const most = Math.max(4, ...(config.search?.grid.get('epochs') ?? []).map(Number));
      const later = runs.map((run) => (config.search ? { ...run, options: { ...run.options, epochs: most } } : run));
      const expected = new Estimator(config.seconds).total([...trials, ...later])!;
      expect(told / expected).to.be.within(0.7, 1.3);
    });
});
