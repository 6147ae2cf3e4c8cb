/**
 * What do phrases cost? Processor seconds of tokenizing texts, plain and with 100 to 10,000 phrases in tokenizer.json:
 * here, and with --python in the library under transformers, with --modules in @huggingface/tokenizers.
 *
 * usage: node dist/bench/phrase-speed.js --model DIR --data FILE.jsonl [--python PATH] [--modules DIR]
 *
 * Phrases are the most frequent word n-grams of the texts. A second set holds random ideographs, where phrases begin with
 * thousands of different characters. Seconds count all threads, so that other work on the machine disturbs little; the
 * tokenizers take turns, round by round. Prints one JSON object.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { permutation } from '../lib/util/philox.js';
import { frequentPhrases } from '../test/helpers/phrase-oracle.js';
import { provenance } from './provenance.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    python: { type: 'string' },
    modules: { type: 'string' },
  },
});
const { model, data, python, modules } = values;
if (!model || !data) throw new Error('expected --model DIR --data FILE.jsonl');

const COUNTS = [100, 1000, 10_000];
const ROUNDS = 7;
const MAX_LENGTH = 128;
/** CJK unified ideographs. */
const IDEOGRAPHS = { first: 0x4e00, count: 0x51a5, texts: 3000, length: 40 };

const base = await Tokenizer.load(model);

/** As many ideographs, in an order of chance. */
function ideographs(count: number, stream: 'sample' | 'order'): string[] {
  const { first, count: all } = IDEOGRAPHS;
  const rounds = Array.from({ length: Math.ceil(count / all) }, (_, step) =>
    permutation(all, { seed: 1, stream, step }),
  );
  return rounds.flatMap((order) => Array.from(order, (i) => String.fromCodePoint(first + i))).slice(0, count);
}

function ideographSet() {
  const { texts, length } = IDEOGRAPHS;
  const characters = ideographs(texts * length, 'sample');
  const pairs = ideographs(2 * COUNTS.at(-1)!, 'order');
  return {
    texts: Array.from({ length: texts }, (_, i) => characters.slice(i * length, (i + 1) * length).join('')),
    phrases: pairs.flatMap((character, i) => (i % 2 === 0 ? [`${character} ${pairs[i + 1]}`] : [])),
  };
}

/** Seconds of each round of each folder's tokenizer. */
async function ownSeconds(folders: readonly string[], texts: readonly string[]): Promise<number[][]> {
  const tokenizers = await Promise.all(folders.map((folder) => Tokenizer.load(folder)));
  const seconds: number[][] = folders.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, tokenizer] of tokenizers.entries()) {
      const begin = process.cpuUsage();
      await tokenizer.encode(texts, { maxLength: MAX_LENGTH });
      const { user, system } = process.cpuUsage(begin);
      seconds[i]!.push((user + system) / 1e6);
    }
  }
  return seconds;
}

function peerSeconds(program: string, script: string, args: string[]): number[][] {
  const { stdout, stderr, error, status } = spawnSync(program, [join('bench', 'peers', script), ...args], {
    encoding: 'utf8',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return JSON.parse(stdout) as number[][];
}

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
const round3 = (value: number) => Number(value.toFixed(3));

function summary(names: readonly string[], seconds: number[][]) {
  const plain = median(seconds[0]!);
  return Object.fromEntries(
    names.map((name, i) => [
      name,
      {
        seconds: round3(median(seconds[i]!)),
        of_plain: round3(median(seconds[i]!) / plain),
        first: round3(seconds[i]![0]!),
      },
    ]),
  );
}

const lines = readFileSync(data, 'utf8').trim().split('\n');
const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
const sets = {
  texts: { texts, phrases: frequentPhrases(base, texts, COUNTS.at(-1)!) },
  ideographs: ideographSet(),
};
const folder = mkdtempSync(join(tmpdir(), 'adaptune-speed-'));
const results: Record<string, unknown> = { ...provenance('phrase-speed'), rounds: ROUNDS };
try {
  for (const [name, set] of Object.entries(sets)) {
    const counts = [0, ...COUNTS.filter((count) => count <= set.phrases.length)];
    const names = counts.map((count) => (count === 0 ? 'plain' : `${count} phrases`));
    const folders = counts.map((count) => {
      const target = join(folder, `${name}-${count}`);
      mkdirSync(target);
      const files = base.withPhrases(set.phrases.slice(0, count)).files(MAX_LENGTH);
      for (const [file, text] of Object.entries(files)) writeFileSync(join(target, file), text);
      return target;
    });
    const path = join(folder, `${name}.jsonl`);
    writeFileSync(path, set.texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    const args = [String(ROUNDS), path, ...folders];
    results[name] = {
      texts: set.texts.length,
      adaptune: summary(names, await ownSeconds(folders, set.texts)),
      ...(python ? { transformers: summary(names, peerSeconds(python, 'tokenizer_speed.py', args)) } : {}),
      ...(modules
        ? {
            '@huggingface/tokenizers': summary(
              names,
              peerSeconds(process.execPath, 'tokenizer_speed.mjs', [modules, ...args]),
            ),
          }
        : {}),
    };
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(JSON.stringify(results, null, 1));
