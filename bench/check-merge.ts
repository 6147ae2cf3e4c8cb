/**
 * Is the merge in tokenizer.json exact? Every text of each data set, with its most frequent word n-grams as phrases, and
 * a set of hostile texts and phrases, against the slow rule of test/helpers/phrase-oracle.ts: here, and with --python in
 * transformers, with --modules in @huggingface/tokenizers.
 *
 * usage: node dist/bench/check-merge.js --model DIR --data DIR [--phrases 1000] [--python PATH] [--modules DIR]
 *
 * DIR of --data holds a folder a data set; PATH is a Python with transformers, DIR of --modules a folder in whose
 * node_modules @huggingface/tokenizers is. Prints one JSON object; exit status 1 when a text differs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { isPhrase } from '../lib/model/phrases.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { hostileText } from '../test/helpers/hostile-text.js';
import { frequentPhrases, oracleIds } from '../test/helpers/phrase-oracle.js';
import { provenance } from './provenance.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    phrases: { type: 'string', default: '1000' },
    python: { type: 'string' },
    modules: { type: 'string' },
  },
});
const { model, data, phrases, python, modules } = values;
if (!model || !data) throw new Error('expected --model DIR --data DIR');

/** Long enough for every text. */
const MAX_LENGTH = 4096;
const JAVASCRIPT = '@huggingface/tokenizers';
const HOSTILE = { texts: 20_000, phrases: 20_000, seed: 1 };

interface Set {
  name: string;
  texts: string[];
  grown: Tokenizer;
}

function readSet(name: string, folder: string): Set {
  const texts = readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .sort()
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
    .map((line) => (JSON.parse(line) as { text: string }).text);
  return { name, texts, grown: base.withPhrases(frequentPhrases(base, texts, Number(phrases))) };
}

function hostileSet(): Set {
  const list = fc.sample(hostileText(4), { seed: HOSTILE.seed, numRuns: HOSTILE.phrases });
  // A single word would also be found at the beginning of longer ones.
  const normal = list.map((phrase) => base.normalize(phrase)).filter((phrase) => isPhrase(phrase, 100));
  const grown = base.withPhrases([...new Set(normal)].filter((phrase) => base.words(phrase).length > 1));
  const texts = fc.sample(hostileText(40), { seed: HOSTILE.seed, numRuns: HOSTILE.texts });
  // JavaScript makes another letter of a capital sigma at a word's end than Rust does, with phrases or without.
  return { name: 'hostile', texts: texts.filter((text) => !text.includes('Σ')), grown };
}

/** Versions of the other libraries, by name. */
const versions: Record<string, string> = {};

/** Runs a checker of bench/peers: the texts that it found equal. */
function peer(name: string, program: string, script: string, args: string[]): number {
  const { stdout, stderr, error } = spawnSync(program, [join('bench', 'peers', script), ...args], { encoding: 'utf8' });
  if (error) throw error;
  if (stdout === '') throw new Error(`${script}: ${stderr}`);
  if (stderr.includes('\n')) console.error(stderr);
  const report = JSON.parse(stdout) as { equal: number; version: string };
  versions[name] = report.version;
  return report.equal;
}

const base = await Tokenizer.load(model);
const folder = mkdtempSync(join(tmpdir(), 'adaptune-merge-'));
const sets = readdirSync(data, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const results = [];
try {
  for (const set of [
    ...sets.map(
      ({ name }) =>
        () =>
          readSet(name, join(data, name)),
    ),
    hostileSet,
  ]) {
    const { name, texts, grown } = set();
    const expected = await oracleIds(base, grown, texts);
    const plain = await base.encodeForMining(texts);
    const encoded = await grown.encode(texts, { maxLength: MAX_LENGTH });
    let [equal, tokens, baseTokens] = [0, 0, 0];
    encoded.forEach(({ ids, baseTokens: count }, i) => {
      tokens += ids.length - 2;
      baseTokens += count - 2;
      const same = ids.length === expected[i]!.length + 2 && expected[i]!.every((id, k) => id === ids[k + 1]);
      if (same && count === plain[i]!.ids.length + 2) equal++;
    });

    const target = join(folder, name);
    mkdirSync(target);
    for (const [file, text] of Object.entries(grown.files(MAX_LENGTH))) writeFileSync(join(target, file), text);
    const lines = (file: string, rows: unknown[]) => {
      writeFileSync(join(target, file), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      return join(target, file);
    };
    const { classifier, separator } = base.special;
    const files = [
      target,
      lines(
        'texts.jsonl',
        texts.map((text) => ({ text })),
      ),
      lines(
        'ids.jsonl',
        expected.map((ids) => [classifier, ...ids, separator]),
      ),
    ];
    results.push({
      set: name,
      texts: texts.length,
      phrases: grown.phrases.length,
      length_ratio: Number((tokens / baseTokens).toFixed(4)),
      equal: {
        adaptune: equal,
        ...(python ? { transformers: peer('transformers', python, 'check_tokenizer.py', files) } : {}),
        ...(modules
          ? { [JAVASCRIPT]: peer(JAVASCRIPT, process.execPath, 'check_tokenizer.mjs', [modules, ...files]) }
          : {}),
      },
    });
  }
} finally {
  rmSync(folder, { recursive: true });
}
const exact = results.every(({ texts, equal }) => Object.values(equal).every((count) => count === texts));
console.log(JSON.stringify({ ...provenance('check-merge'), peers: versions, exact, sets: results }, null, 1));
if (!exact) process.exitCode = 1;
