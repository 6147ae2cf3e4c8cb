/**
 * What mining finds on real training texts: how many patterns each step leaves, the tokens that save most and those that separate the
 * labels best, the length ratio and the seconds. Usage: node dist/bench/mining.js [--json] MODEL_FOLDER TRAIN_FILE...
 */
import { basename, dirname } from 'node:path';
import { buildCorpus, mineSequences, uniqueTexts } from '../lib/mining/index.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { mineTokens } from '../lib/train/mine.js';
import { TRAIN_OPTIONS } from '../lib/train/options.js';
import { readTexts } from '../lib/util/data.js';

const SHOWN = 20;
const TELLING = 10;

/** Word n-grams of 2 to 7 words with support 5, punctuation included: all, and those that no longer one of any length absorbs. */
async function withoutBarriers(texts: readonly string[]): Promise<{ frequent: number; closed: number }> {
  const protect: readonly string[] = TRAIN_OPTIONS.protect.default;
  const bare = texts.map((text) => protect.reduce((rest, marker) => rest.replaceAll(marker, ' '), text));
  const unique = uniqueTexts(bare, []);
  const encodings = await tokenizer.encodeForMining(Array.from(unique.rows, (row) => bare[row]!));
  const corpus = buildCorpus({ texts: bare, labels: null, trainingRows: bare.length }, unique, encodings, {
    protect: [],
    stopWords: new Set(),
    specialIds: new Set(),
    normalize: (text) => tokenizer.normalize(text),
  });
  const sequences = Array.from(unique.rows, (_, i) => corpus.words.subarray(corpus.starts[i], corpus.starts[i + 1]));
  const { visited } = await mineSequences(sequences, { minSupport: 5, maxPattern: 7 });
  const { patterns } = await mineSequences(sequences, { minSupport: 5 });
  return {
    frequent: visited.slice(2).reduce((a, b) => a + b, 0),
    closed: patterns.filter(({ items }) => items.length >= 2 && items.length <= 7).length,
  };
}

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
  const bare = await withoutBarriers(texts);
  const name = basename(dirname(path));
  results.push({ name, ...rest, withoutBarriers: bare, tokens: chosen.length, chosen });
  if (json) continue;
  const { corpus, mined, lengthRatio, seconds } = rest;
  const stages = Object.entries(seconds).map(([stage, s]) => `${stage} ${s.toFixed(2)}`);
  console.log(`
${name}: ${corpus.texts} texts, ${corpus.unique} unique, ${corpus.words} words, ${corpus.distinctWords} different
  without barriers: frequent ${bare.frequent}, closed ${bare.closed}
  frequent ${mined?.frequent}, closed ${mined?.closed}, terms ${mined?.terms}, cohesive ${mined?.cohesive}, chosen ${chosen.length} (cap ${mined?.cap})
  length ratio ${lengthRatio.toFixed(3)}; seconds: ${stages.join(', ')}
  most pieces saved:`);
  for (const { phrase, pieces, support, uses, pplU, saved } of chosen.slice(0, SHOWN)) {
    console.log(
      `    ${phrase.padEnd(40)} ${pieces} pieces, support ${support}, uses ${uses}, PPL_u ${pplU.toFixed(3)}, saved ${saved}`,
    );
  }
  if (labels === null) continue;
  console.log('  most telling, held out:');
  const telling = chosen.toSorted((a, b) => a.association!.q - b.association!.q || b.support - a.support);
  for (const { phrase, support, association } of telling.slice(0, TELLING)) {
    const { label, share, base, q } = association!;
    console.log(
      `    ${phrase.padEnd(40)} ${label} ${share.toFixed(2)} (base ${base.toFixed(2)}), q ${q.toPrecision(2)}, support ${support}`,
    );
  }
}
if (json) console.log(JSON.stringify(results, null, 1));
