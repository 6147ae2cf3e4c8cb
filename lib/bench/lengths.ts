/** Texts for timing: random ids of given lengths, or a data set. */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import type { Encoding } from '../model/tokenization.js';
import { readTexts } from '../util/data.js';
import { Words } from '../util/philox.js';

export const MAX_LENGTH = 128;
const SYNTACTIC = 'fixed:N, uniform:LOW:HIGH or data:FOLDER';
/** Ids of ordinary words in BERT's vocabulary. */
const [FIRST_ID, LAST_ID] = [1000, 30000];

export interface LengthSpec {
  kind: 'fixed' | 'uniform' | 'data';
  low: number;
  high: number;
  /** With train.jsonl in it. */
  folder: string;
}

export function parseLengths(text: string): LengthSpec {
  const [kind, ...rest] = text.split(':');
  const folder = rest.join(':');
  const [low = NaN, high = low] = rest.map(Number);
  const fits = [low, high].every((length) => Number.isInteger(length) && length >= 1 && length <= 512) && low <= high;
  if (kind === 'data' && folder !== '') return { kind, low: 1, high: MAX_LENGTH, folder };
  if ((kind === 'fixed' && rest.length === 1 && fits) || (kind === 'uniform' && rest.length === 2 && fits))
    return { kind, low, high, folder: '' };
  throw new AdaptuneError('E_ARGUMENT', `expected ${SYNTACTIC} (1 to 512 tokens) for --lengths but received ${text}`);
}

/** `tokenizer`: a model's folder, for data. */
export async function encodingsOf(spec: LengthSpec, count: number, tokenizer: string | null): Promise<Encoding[]> {
  if (spec.kind === 'data') {
    if (tokenizer === null)
      throw new AdaptuneError(
        'E_ARGUMENT',
        'expected --model DIR, whose tokenizer reads the texts, with --lengths data',
      );
    const { texts } = await readTexts(join(spec.folder, 'train.jsonl'), { labels: 'none' });
    const { Tokenizer } = await import('../model/tokenizer.js');
    return (await Tokenizer.load(tokenizer)).encode(texts, { maxLength: MAX_LENGTH });
  }
  const words = new Words({ seed: 1, stream: 'sample' });
  let drawn = 0;
  const between = (low: number, high: number) => low + Math.floor(words.uniform(drawn++) * (high - low + 1));
  return Array.from({ length: count }, () => {
    const length = between(spec.low, spec.high);
    return {
      ids: Int32Array.from({ length }, () => between(FIRST_ID, LAST_ID)),
      typeIds: new Int32Array(length),
      offsets: new Int32Array(2 * length),
      baseTokens: length,
      truncated: false,
    };
  });
}
