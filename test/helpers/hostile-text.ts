/** Texts of what regular expressions, normalizers and word splitters trip over. */
import fc from 'fast-check';

const HOSTILE =
  "named entity entit a b ab aa 1 12 中 文 中文 é e\u0301 \u0301 İ ß ﬁ 𝔸 😀 Σ \u200b \u0627\u064b 한 _ # ##a don't ’ - " +
  '. * + ? \\ \\b ^ $ | / ( ) (?: [ ] {2} } && [SE constructor __proto__';
const hostile = fc.constantFrom(...HOSTILE.split(' '));
const separator = fc.constantFrom('', ' ', ' ', ' ', '  ', '\t', '\n', '\u00a0', '\u3000', '\u2028', '\0');
const glue = (parts: [string, string][]) => parts.map((part) => part.join('')).join('');

/** At most so many parts, with or without space between them. */
export const hostileText = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.tuple(hostile, separator), { maxLength }).map(glue);
