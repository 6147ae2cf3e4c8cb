/** Texts that break careless pages, and reports in which every text is one of them. */

/** Ends of elements and attributes, scripts, controls, changes of direction, and much of everything. */
export const HOSTILE: readonly string[] = [
  '</script><img src=x onerror=alert(1)>',
  `"'><svg onload=alert(2)><iframe srcdoc="<script>alert(3)</script>">`,
  '</title></style></svg></td></table><link rel=stylesheet href=http://127.0.0.1:9/x.css>',
  '\u202eevil\u2066 مرحبا \u202a<b>',
  '\u2028\u2029\ufeff\u200b\u00ad',
  '\x00\x1b]0;x\x07\r\n\t\v\x7f',
  `W${'W'.repeat(10_000)}`,
  `字${'字'.repeat(10_000)}`,
  `e${'\u0301\u0489'.repeat(5_000)}`,
  '\ud83d 😀 \udc00',
  'javascript:alert(4)//&lt;img&#x3c;{{constructor}}${alert(5)}',
  '<meta http-equiv=refresh content="0;url=http://127.0.0.1:9/">',
  '__proto__',
];

/** Words that the program itself chooses by. */
const KEPT = new Set(['test', 'validation', 'tokens', 'units', 'norm', 'last epoch']);

/** The same value with each text replaced by `text(i)`; keys and figures stay. */
export function withTexts(value: unknown, text: (i: number) => string): unknown {
  let i = 0;
  return JSON.parse(
    JSON.stringify(value, (_, item: unknown) => (typeof item === 'string' && !KEPT.has(item) ? text(i++) : item)),
  );
}

/** Every one of them in turn; the number keeps labels apart. */
export const hostileText = (i: number): string => `${HOSTILE[i % HOSTILE.length]!}${i}`;
