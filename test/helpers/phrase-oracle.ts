/**
 * The rule that grown tokenizers must follow, the slow and obvious way: from each word of the normalized text, the
 * longest phrase that begins there and ends at a word's end, else the word alone, in the base tokenizer's pieces.
 */
import type { Tokenizer } from '../../lib/model/tokenizer.js';

/** Ids of each text under the phrases of `grown` (of two or more words), without special tokens. */
export async function oracleIds(base: Tokenizer, grown: Tokenizer, texts: readonly string[]): Promise<number[][]> {
  const words = texts.map((text) => base.words(text));
  const distinct = [...new Set(words.flat())];
  const encoded = await base.encodeForMining(distinct);
  const pieces = new Map(distinct.map((word, i) => [word, [...encoded[i]!.ids]]));
  const ids = new Map(grown.phrases.map((phrase, i) => [phrase, grown.baseVocabularySize + i]));
  const longest = grown.phrases.reduce((length, phrase) => Math.max(length, base.words(phrase).length), 0);
  return texts.map((text, t) => {
    const normal = base.normalize(text);
    const spans: { begin: number; end: number }[] = [];
    for (const word of words[t]!) {
      const begin = normal.indexOf(word, spans.at(-1)?.end ?? 0);
      spans.push({ begin, end: begin + word.length });
    }
    const result: number[] = [];
    for (let i = 0; i < spans.length;) {
      let count = Math.min(longest, spans.length - i);
      const phrase = () => ids.get(normal.slice(spans[i]!.begin, spans[i + count - 1]!.end));
      while (count > 0 && phrase() === undefined) count--;
      if (count > 0) {
        result.push(phrase()!);
        i += count;
      } else result.push(...pieces.get(words[t]![i++]!)!);
    }
    return result;
  });
}

/** The `count` most frequent runs of 2 to 5 words without punctuation between them; ties by UTF-16 code unit. */
export function frequentPhrases(base: Tokenizer, texts: readonly string[], count: number): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const words = base.words(text);
    for (let begin = 0; begin < words.length; begin++) {
      if (!isWord(words[begin]!)) continue;
      for (let end = begin + 1; end < Math.min(begin + 5, words.length) && isWord(words[end]!); end++) {
        const phrase = words.slice(begin, end + 1).join(' ');
        counts.set(phrase, (counts.get(phrase) ?? 0) + 1);
      }
    }
  }
  return [...counts]
    .filter(([phrase]) => [...phrase].length <= 100)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, count)
    .map(([phrase]) => phrase);
}

const isWord = (word: string) => !/^[\p{P}$+<=>^`|~]$/u.test(word);
