/**
 * A list for a reader who does not know which is which: of each data set, the first chosen tokens and as many random word sequences
 * of the same length and frequency, shuffled. The reader says for each whether it is a term worth a token of its own; the key tells.
 *
 * usage: node dist/bench/blind-ranking.js --model DIR --data DIR --out DIR [--count 20] [--seed 1]
 *        node dist/bench/blind-ranking.js --out DIR --verdict FILE --reader WHO > bench/results/blind-ranking.json
 *
 * The first writes OUT/<set>.txt and OUT/<set>.key.json. OUT is to lie outside the repository: the key must not be found by the reader.
 * The second scores a verdict: JSON with the numbers of each set's list, the most telling first.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildCorpus, type Corpus, ENGLISH_STOP_WORDS, phraseText, uniqueTexts } from '../lib/mining/index.js';
import { Tokenizer } from '../lib/model/tokenizer.js';
import { mineTokens } from '../lib/train/mine.js';
import { TRAIN_OPTIONS } from '../lib/train/options.js';
import { readTexts } from '../lib/util/data.js';
import { shuffle, Words } from '../lib/util/philox.js';
import { provenance } from './provenance.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    out: { type: 'string' },
    count: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    verdict: { type: 'string' },
    /** Who the reader was, for the record. */
    reader: { type: 'string' },
  },
});
const { out } = values;
if (!out) throw new Error('expected --out DIR, with --model DIR --data DIR or --verdict FILE');

interface Entry {
  phrase: string;
  support: number;
  chosen: boolean;
}
interface Key {
  set: string;
  seed: number;
  entries: (Entry & { number: number })[];
}

/** Unique texts that hold each sequence of 2 to 7 words between barriers. */
function frequencies(corpus: Corpus): Map<string, { length: number; support: number }> {
  const found = new Map<string, { length: number; support: number; last: number }>();
  for (let text = 0; text < corpus.rows.length; text++) {
    const end = corpus.starts[text + 1]!;
    for (let begin = corpus.starts[text]!; begin < end; begin++) {
      for (let stop = begin + 1; stop <= Math.min(end, begin + 7) && !corpus.barrier[stop - 1]; stop++) {
        if (stop < begin + 2) continue;
        const phrase = phraseText(corpus, { words: corpus.words.subarray(begin, stop) });
        const entry = found.get(phrase);
        if (entry === undefined) found.set(phrase, { length: stop - begin, support: 1, last: text });
        else if (entry.last !== text) {
          entry.support += 1;
          entry.last = text;
        }
      }
    }
  }
  return found;
}

async function writeLists(model: string, data: string, out: string, count: number, seed: number): Promise<void> {
  const tokenizer = await Tokenizer.load(model);
  mkdirSync(out, { recursive: true });
  for (const [index, set] of readdirSync(data, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .entries()) {
    const { texts, labels } = await readTexts(join(data, set.name, 'train.jsonl'), { labels: 'required' });
    const { chosen } = await mineTokens({ texts, labels, tokenizer });
    const protect = TRAIN_OPTIONS.protect.default;
    const unique = uniqueTexts(texts, protect);
    const encodings = await tokenizer.encodeForMining(Array.from(unique.rows, (row) => texts[row]!));
    const corpus = buildCorpus({ texts, labels: null, trainingRows: texts.length }, unique, encodings, {
      protect,
      stopWords: ENGLISH_STOP_WORDS,
      specialIds: new Set(Object.values(tokenizer.special).filter((id) => id !== null)),
      normalize: (text) => tokenizer.normalize(text),
    });
    const taken = new Set(chosen.map(({ phrase }) => phrase));
    const pool = [...frequencies(corpus)].filter(([phrase]) => !taken.has(phrase));
    const entries = chosen.slice(0, count).map(({ phrase, support }): Entry => ({ phrase, support, chosen: true }));
    const words = new Words({ seed, stream: 'sample', step: index });
    for (const token of chosen.slice(0, count)) {
      const length = token.phrase.split(' ').length;
      // Of those nearest in frequency one by chance; a set with few sequences that long has them farther away.
      const distance = (support: number): number => Math.abs(Math.log(support / token.support));
      const same = pool.filter(([phrase, entry]) => entry.length === length && !taken.has(phrase));
      const nearest = same.toSorted(([, a], [, b]) => distance(a.support) - distance(b.support)).slice(0, 10);
      const [phrase, { support }] = nearest[words.below(nearest.length)]!;
      taken.add(phrase);
      entries.push({ phrase, support, chosen: false });
    }
    const shuffled = shuffle(entries, { seed, stream: 'order', step: index });
    writeFileSync(join(out, `${set.name}.txt`), shuffled.map(({ phrase }, i) => `${i + 1}. ${phrase}\n`).join(''));
    const key: Key = { set: set.name, seed, entries: shuffled.map((entry, i) => ({ number: i + 1, ...entry })) };
    writeFileSync(join(out, `${set.name}.key.json`), `${JSON.stringify(key, null, 1)}\n`);
  }
}

function score(out: string, verdict: string) {
  const sets = JSON.parse(readFileSync(verdict, 'utf8')) as Record<string, number[]>;
  return Object.entries(sets).map(([set, order]) => {
    const key = JSON.parse(readFileSync(join(out, `${set}.key.json`), 'utf8')) as Key;
    const entries = order.map((number) => key.entries.find((entry) => entry.number === number)!);
    if (new Set(entries).size !== key.entries.length) throw new Error(`${set}: expected each number of the list once`);
    const tokens = entries.filter(({ chosen }) => chosen).length;
    const pairs = entries.map((entry, i) =>
      entry.chosen ? entries.slice(i).filter(({ chosen }) => !chosen).length : 0,
    );
    return {
      set,
      seed: key.seed,
      tokens,
      random: entries.length - tokens,
      /** Of the list's upper part, as long as there are tokens: how many are tokens. By chance half. */
      tokens_in_upper_part: entries.slice(0, tokens).filter(({ chosen }) => chosen).length,
      /** Chance that a token stands before a random sequence. */
      auc: pairs.reduce((a, b) => a + b, 0) / (tokens * (entries.length - tokens)),
      /** In the reader's order, + a token, - a random sequence. */
      order: entries.map(({ phrase, chosen }) => `${chosen ? '+' : '-'} ${phrase}`),
    };
  });
}

if (values.verdict !== undefined) {
  const sets = score(out, values.verdict);
  console.log(JSON.stringify({ ...provenance('blind-ranking'), reader: values.reader, sets }, null, 1));
} else if (values.model && values.data) {
  await writeLists(values.model, values.data, out, Number(values.count), Number(values.seed));
} else throw new Error('expected --model DIR --data DIR');
