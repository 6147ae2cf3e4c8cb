/**
 * What do gapped patterns add? For each data set, with and without them and for several largest gaps: how many there are
 * after each step, tokens, length ratio, processor seconds, and the patterns that save most.
 *
 * usage: node dist/bench/gapped.js --model DIR TRAIN_FILE...
 *
 * Options are the defaults of `train`, and once --min-uses 5. Prints one JSON object.
 */
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { mineTokens } from '../lib/train/mine.js';
import { readTexts } from '../lib/util/data.js';
import { provenance } from './provenance.js';

const { values, positionals } = parseArgs({ options: { model: { type: 'string' } }, allowPositionals: true });
if (!values.model || positionals.length === 0) throw new Error('expected --model DIR TRAIN_FILE...');

const GAPS = [1, 2, 3, 5, 8];
const MIN_USES = [10, 5];
const SHOWN = 10;

const tokenizer = await Tokenizer.load(values.model);
const round = (value: number) => Number(value.toFixed(4));
const sets = [];
for (const path of positionals) {
  const { texts, labels } = await readTexts(path, { labels: 'optional' });
  const runs = [];
  // Once for the compiler.
  await mineTokens({ texts, labels, tokenizer });
  for (const minUses of MIN_USES) {
    for (const maxGap of [0, ...GAPS]) {
      const begin = process.cpuUsage();
      const options = maxGap === 0 ? { minUses } : ({ minUses, gapped: 'first', maxGap } as const);
      const { chosen, mined, lengthRatio } = await mineTokens({ texts, labels, tokenizer, options });
      const { user, system } = process.cpuUsage(begin);
      const gapped = chosen.filter(({ members }) => members !== undefined);
      runs.push({
        min_uses: minUses,
        max_gap: maxGap,
        ...mined!.gapped,
        phrases: chosen.length - gapped.length,
        gapped: gapped.length,
        length_ratio: round(lengthRatio),
        cpu_s: round((user + system) / 1e6),
        most: gapped
          .slice(0, SHOWN)
          .map(({ phrase, uses, pplU }) => `${phrase} (${uses} uses, PPL_u ${pplU.toFixed(2)})`),
      });
    }
  }
  sets.push({ set: basename(dirname(path)), texts: texts.length, runs });
}
console.log(JSON.stringify({ ...provenance('gapped'), sets }, null, 1));
