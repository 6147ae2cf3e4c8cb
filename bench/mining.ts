/**
 * What mining finds on real training texts: how many patterns each step leaves, the tokens that save most, the length ratio and the
 * seconds. Usage: node dist/bench/mining.js [--json] MODEL_FOLDER TRAIN_FILE...
 */
import { basename, dirname } from 'node:path';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { mineTokens } from '../lib/train/mine.js';
import { readTexts } from '../lib/util/data.js';

const SHOWN = 20;
const paths = process.argv.slice(2).filter((argument) => argument !== '--json');
const json = process.argv.includes('--json');
const model = paths.shift();
if (model === undefined || paths.length === 0) {
  throw new Error('usage: node dist/bench/mining.js [--json] MODEL_FOLDER TRAIN_FILE...');
}

const tokenizer = await Tokenizer.load(model);
const results = [];
for (const path of paths) {
  const { texts, labels } = await readTexts(path, { labels: 'optional' });
  const { chosen, ...rest } = await mineTokens({ texts, labels, tokenizer });
  const name = basename(dirname(path));
  results.push({ name, ...rest, tokens: chosen.length, chosen });
  if (json) continue;
  const { corpus, mined, lengthRatio, seconds } = rest;
  console.log(
    `${name}: ${corpus.texts} texts, ${corpus.unique} unique, ${corpus.words} words, ${corpus.distinctWords} different`,
  );
  console.log(
    `  frequent ${mined?.frequent}, closed ${mined?.closed}, terms ${mined?.terms}, cohesive ${mined?.cohesive}, ` +
      `chosen ${chosen.length} (cap ${mined?.cap}), length ratio ${lengthRatio.toFixed(3)}`,
  );
  console.log(
    `  seconds ${Object.entries(seconds)
      .map(([stage, s]) => `${stage} ${s.toFixed(2)}`)
      .join(', ')}`,
  );
  for (const token of chosen.slice(0, SHOWN)) {
    const { phrase, pieces, support, uses, pplU, saved, association } = token;
    const label =
      association &&
      `${association.label} ${association.share.toFixed(2)}/${association.base.toFixed(2)} G ${association.g.toFixed(1)}`;
    console.log(
      `    ${phrase.padEnd(44)} pieces ${pieces} support ${support} uses ${uses} pplU ${pplU.toFixed(3)} saved ${saved}  ${label}`,
    );
  }
}
if (json) console.log(JSON.stringify(results, null, 1));
