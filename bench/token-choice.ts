/**
 * The choice of tokens on real training texts: the first twenty, length before and after, seconds of each stage, memory; what changes
 * with the options; how the ranks and the tests of association hold on texts that mining never saw.
 *
 * usage: node dist/bench/token-choice.js --model DIR --data DIR [--out FILE]
 *
 * DIR of --data holds a folder a set with train.jsonl and test.jsonl. Each set runs in a process of its own, so that its peak memory
 * is its own.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  buildCorpus,
  type Candidate,
  chooseTokens,
  lengthRatio,
  mineSequences,
  tokenCap,
  uniqueTexts,
  wordSequences,
} from '../lib/mining/index.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { mineTokens, type TokenOptions } from '../lib/train/mine.js';
import { TRAIN_OPTIONS } from '../lib/train/options.js';
import { readTexts } from '../lib/util/data.js';
import { heldOut, type Labelled } from './held-out-tokens.js';
import { provenance } from './provenance.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    out: { type: 'string' },
    /** Of the child process. */
    set: { type: 'string' },
  },
});
const { model, data } = values;
if (!model || !data) throw new Error('expected --model DIR --data DIR');

const SHOWN = 20;
const RUNS = 5;
const PROTECT = TRAIN_OPTIONS.protect.default;

async function timed(tokenizer: Tokenizer, { texts, labels }: Labelled) {
  const before = process.resourceUsage().maxRSS;
  const first = await mineTokens({ texts, labels, tokenizer });
  const peak = process.resourceUsage().maxRSS;
  const seconds = { ...first.seconds };
  for (let run = 1; run < RUNS; run++) {
    const again = await mineTokens({ texts, labels, tokenizer });
    for (const name of ['encode', 'mine', 'choose'] as const)
      seconds[name] = Math.min(seconds[name], again.seconds[name]);
  }
  const mib = (kib: number): number => Math.round(kib / 1024);
  return { result: first, seconds, rss_mib: { before: mib(before), peak: mib(peak) } };
}

/** How many tokens, and the length of the unique texts, under other options. */
async function variants(tokenizer: Tokenizer, { texts, labels }: Labelled) {
  const options: Record<string, TokenOptions> = {
    default: {},
    'min-uses 20': { minUses: 20 },
    'min-uses 5': { minUses: 5 },
    'min-uses 3, min-support 3': { minUses: 3, minSupport: 3 },
    'ppl-max .1': { pplMax: 0.1 },
    'ppl-max .5': { pplMax: 0.5 },
    'ppl-max 1000': { pplMax: 1000 },
    'single-words': { singleWords: true },
    'single-words, min-uses 5': { singleWords: true, minUses: 5 },
    'min-uses 5, ppl-max 1000, no stop words': { minUses: 5, pplMax: 1000, stopWords: [] },
  };
  const rows = [];
  for (const [name, option] of Object.entries(options)) {
    const { chosen, lengthRatio: ratio } = await mineTokens({ texts, labels, tokenizer, options: option });
    rows.push({ options: name, tokens: chosen.length, length_ratio: ratio });
  }
  return rows;
}

/**
 * What barriers and unique texts cost in length: all frequent sequences of support 5 with 5 uses, whatever their cohesion and stop
 * words, `barriers` or punctuation as words like others, each text once or each row.
 */
async function withoutRules(
  tokenizer: Tokenizer,
  texts: readonly string[],
  { barriers, markers, rows }: { barriers: boolean; markers: boolean; rows: boolean },
) {
  const bare = markers
    ? texts
    : texts.map((text) => PROTECT.reduce((rest, marker) => rest.replaceAll(marker, ' '), text));
  const each = Int32Array.from(bare, (_, row) => row);
  const unique = rows ? { rows: each, unique: each } : uniqueTexts(bare, PROTECT);
  const corpus = buildCorpus(
    { texts: bare, labels: null, trainingRows: bare.length },
    unique,
    await tokenizer.encodeForMining(Array.from(unique.rows, (row) => bare[row]!)),
    {
      protect: PROTECT,
      stopWords: new Set(),
      specialIds: new Set(Object.values(tokenizer.special).filter((id) => id !== null)),
      normalize: (text) => tokenizer.normalize(text),
    },
  );
  if (!barriers) {
    corpus.barrier.fill(0);
    // Phrases of patterns stand apart by spaces.
    corpus.glued.fill(0);
  }
  const { patterns } = await mineSequences(wordSequences(corpus), { minSupport: 5, maxPattern: 7 });
  const candidates = patterns
    .filter(({ items }) => items.length >= 2)
    .map(({ items }): Candidate => {
      const pieces = items.reduce((sum, word) => sum + corpus.lexicon.words[word]!.pieces.length, 0);
      return { words: items, pieces };
    });
  const cap = tokenCap(tokenizer.baseVocabularySize, corpus.trainingTexts);
  const chosen = chooseTokens(corpus, candidates, { minUses: 5, cap, rank: 'saved' });
  return { barriers, markers, rows, tokens: chosen.length, length_ratio: lengthRatio(corpus, chosen) };
}

/** Cohesion of two phrases that METHOD measured on scierc, whatever they are in other sets. */
async function perplexities(tokenizer: Tokenizer, { texts }: Labelled) {
  const tokens = ['named entity', 'and to'];
  const { chosen } = await mineTokens({ texts, tokenizer, options: { tokens } });
  return Object.fromEntries(chosen.map(({ phrase, pplU }) => [phrase, pplU]));
}

async function measureSet(name: string) {
  const tokenizer = await Tokenizer.load(model!);
  const read = async (part: string): Promise<Labelled> => {
    const { texts, labels } = await readTexts(join(data!, name, `${part}.jsonl`), { labels: 'required' });
    return { texts, labels: labels! };
  };
  const [train, test] = [await read('train'), await read('test')];
  const { result, seconds, rss_mib } = await timed(tokenizer, train);
  const { chosen, corpus, mined, lengthRatio: ratio } = result;
  return {
    set: name,
    corpus,
    mined,
    tokens: chosen.length,
    pieces_a_text: { before: corpus.pieces / corpus.unique, after: (ratio * corpus.pieces) / corpus.unique },
    length_ratio: ratio,
    seconds,
    rss_mib,
    first: chosen.slice(0, SHOWN).map(({ phrase, pieces, support, occurrences, uses, pplU, saved, association }) => ({
      phrase,
      pieces,
      support,
      occurrences,
      uses,
      ppl_u: pplU,
      saved,
      saved_per_1000: (1000 * saved) / corpus.pieces,
      label: association!.label,
      share: association!.share,
      base: association!.base,
      bits: association!.bits,
      q: association!.q,
    })),
    variants: await variants(tokenizer, train),
    without_rules: [
      await withoutRules(tokenizer, train.texts, { barriers: true, markers: true, rows: false }),
      await withoutRules(tokenizer, train.texts, { barriers: false, markers: false, rows: false }),
      await withoutRules(tokenizer, train.texts, { barriers: false, markers: true, rows: false }),
      await withoutRules(tokenizer, train.texts, { barriers: false, markers: false, rows: true }),
    ],
    held_out: await heldOut(tokenizer, train, test, SHOWN),
    ppl_u: await perplexities(tokenizer, train),
  };
}

if (values.set === undefined) {
  const sets = readdirSync(data, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const argv = [fileURLToPath(import.meta.url), '--model', model, '--data', data, '--set', name];
      return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 2 ** 26 })) as unknown;
    });
  const result = `${JSON.stringify({ ...provenance('token-choice'), runs: RUNS, sets }, null, 1)}\n`;
  if (values.out === undefined) process.stdout.write(result);
  else writeFileSync(values.out, result);
} else console.log(JSON.stringify(await measureSet(values.set)));
